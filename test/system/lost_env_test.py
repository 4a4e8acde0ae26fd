"""An Env is killed in the middle of calls: every caller learns it at once, and how it died; nobody else notices."""

import re
import unittest

import corps_kit
import kit

LIMIT_MS = 100 * kit.SLOWER  # in the median: what takes the processor away for a moment does not count
WORST_MS = 1000 * kit.SLOWER
REPETITIONS = 20


class LostEnvTest(corps_kit.CorpsCase):
    def ended(self, running):
        pattern = re.compile(r"^(env0|third) env (\d+) pid (\d+): (\d+) ended, (\S+) to (\S+) ms, (\w+) \| (.*)$")
        found = [pattern.match(line.text) for line in running.lines()]
        return [match.groups() for match in found if match]

    def test_open_calls_end_with_the_cause(self):
        running = self.boot("kill_envs", REPETITIONS, envs=3 + REPETITIONS)
        self.assertEqual(running.wait(60), 0, running.report())
        ended = self.ended(running)
        self.assertEqual(len(ended), 2 * REPETITIONS, running.report())
        for who, env, pid, count, _, last, same, text in ended:
            self.assertEqual((int(count), same), (20, "same"), f"{who} of env {env}")
            self.assertEqual(text, f"WorkerLost maybe: env {env} is lost: its process {pid} was killed by signal 9 (SIGKILL)")
            self.assertLess(float(last), WORST_MS, f"{who} of env {env}")
        later = re.findall(r"^later (\S+) ms \| (.*)$", running.stdout_text(), re.MULTILINE)
        self.assertEqual(len(later), REPETITIONS)
        for took, text in later:
            self.assertLess(float(took), WORST_MS)
            self.assertRegex(text, r"^WorkerLost no: env \d+ is lost: its process \d+ was killed by signal 9 \(SIGKILL\)$")
        calls = int(re.search(r"^bystander (\d+) calls$", running.stdout_text(), re.MULTILINE).group(1))
        self.assertGreater(calls, 0)
        for who in ("env0", "third"):
            times = sorted(float(last) for name, _, _, _, _, last, _, _ in ended if name == who)
            self.assertLess(times[len(times) // 2], LIMIT_MS, who)
            print(f"kill -9 to the end of the last open call, caller {who}: median {times[len(times) // 2]:.1f} ms, worst {times[-1]:.1f} ms")

    def test_with_much_memory_the_word_comes_when_the_kernel_has_freed_it(self):
        running = self.boot("kill_envs", 1, 512, envs=4)
        self.assertEqual(running.wait(60), 0, running.report())
        for who, env, pid, count, _, last, same, text in self.ended(running):
            self.assertEqual((int(count), same), (20, "same"), f"{who} of env {env}")
            self.assertEqual(text, f"WorkerLost maybe: env {env} is lost: its process {pid} was killed by signal 9 (SIGKILL)")
            self.assertLess(float(last), WORST_MS)


if __name__ == "__main__":
    unittest.main()
