"""The search over a whole tree of the machine against grep, how long both take, and how much memory an Env needs at most."""

import os
import shutil
import statistics
import subprocess
import sys
import time
import unittest

import kit

TREE = "/usr/include"
THIRD, FOURTH = r"^\s*#\s*include\s+<", r"\b[0-9a-f]{32}\b"
PATTERNS = [r"std::\w+_ptr", r"TODO|FIXME", THIRD, FOURTH, r"(?i)copyright.*20[0-2][0-9]"]
REPETITIONS = 7
MIB = 1 << 20
ENV_BYTES_MAX = 128 * MIB


def grep_command(pattern):
    return ["grep", "-rnIP", pattern, TREE]


@unittest.skipUnless(shutil.which("grep"), "no grep to compare with")
class RegexSearchTest(kit.TestCase):
    def command(self, pattern, tree, envs, *settings):
        options = [word for setting in settings for word in ("--set", setting)]
        config = kit.source("examples/regex_search/corps.toml")
        return [kit.build("examples/regex_search/regex_search"), "--config", config, "--envs", str(envs), *options, "--", pattern, tree]

    def run_into_file(self, command):
        """Seconds, and the biggest process of those that it was: the command itself or one that it started."""
        path = os.path.join(self.folder(), "hits")
        with open(path, "wb") as hits:
            begin = time.monotonic()
            process = subprocess.Popen(command, stdout=hits, stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, command)
        return path, seconds, usage.ru_maxrss * 1024

    def sorted_hits(self, command):
        path, _, _ = self.run_into_file(command)
        with open(path, "rb") as hits:
            return sorted(hits.read().split(b"\n"))

    def test_it_finds_what_grep_finds(self):
        for pattern in PATTERNS:
            expected = self.sorted_hits(grep_command(pattern))
            for envs in (1, 2, 8):
                with self.subTest(pattern=pattern, envs=envs):
                    self.assertEqual(self.sorted_hits(self.command(pattern, TREE, envs)), expected)

    def test_how_long_it_takes_is_said(self):
        for pattern in (THIRD, FOURTH):
            one_thread = ("env.threads=1", "args.searchers_per_env=1")
            ways = {
                "grep": grep_command(pattern),
                "2 Envs": self.command(pattern, TREE, 2),
                "1 Env x 1 thread": self.command(pattern, TREE, 1, *one_thread),
                "2 Envs x 1 thread": self.command(pattern, TREE, 2, *one_thread),
                "1 Env x 2 threads": self.command(pattern, TREE, 1, "env.threads=2", "args.searchers_per_env=2"),
            }
            seconds = {way: [] for way in ways}
            for _ in range(REPETITIONS + 1):
                for way, command in ways.items():
                    seconds[way].append(self.run_into_file(command)[1])
            medians = {way: statistics.median(times[1:]) for way, times in seconds.items()}
            print(pattern, ", ".join(f"{way} {time:.3f} s" for way, time in medians.items()))
            print(f"  2 Envs: {medians['grep'] / medians['2 Envs']:.2f} times as fast as grep;"
                  f" 2 Envs with a thread each {medians['1 Env x 1 thread'] / medians['2 Envs x 1 thread']:.2f} times as fast as one;"
                  f" one Env with 2 threads takes {medians['1 Env x 2 threads'] / medians['2 Envs x 1 thread']:.2f} of that")

    def test_an_env_stays_small_whatever_it_searches(self):
        folder = self.folder()
        with open(os.path.join(folder, "all_hits.txt"), "wb") as file:
            for _ in range(256):
                file.write(b"this line is a hit, as all lines of this file\n" * (MIB // 46))
        with open(os.path.join(folder, "one_line.txt"), "wb") as file:
            for _ in range(200):
                file.write(b"hit " * (MIB // 4))
        for name, count, content in (("small", 60_000, b"one hit\n"), ("full", 8_000, b"this line is a hit\n" * 1000)):
            os.mkdir(os.path.join(folder, name))
            for number in range(count):
                with open(os.path.join(folder, name, f"a_file_with_quite_a_long_name_{number:06}.txt"), "wb") as file:
                    file.write(content)
        for envs, settings in ((1, ()), (2, ()), (2, ("env.threads=1",)), (8, ())):
            with self.subTest(envs=envs, settings=settings):
                _, _, most = self.run_into_file(self.command("hit", folder, envs, *settings))
                print(f"{envs} Envs {' '.join(settings)}: the biggest had {most // MIB} MiB")
                self.assertLess(most, ENV_BYTES_MAX)


if __name__ == "__main__":
    sys.exit(unittest.main())
