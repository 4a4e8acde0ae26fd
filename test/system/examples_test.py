"""The examples do what their files of expected output say, and the search finds what grep finds."""

import os
import shutil
import subprocess
import sys
import unittest

import kit

TREE = "/usr/include/c++"  # every machine that builds this has it
PATTERNS = [r"std::\w+_ptr", r"^\s*#\s*include\s+<", r"(?i)copyright.*20[0-2][0-9]"]


def example(name):
    return kit.build(f"examples/{name}/{name}")


def expected(name):
    with open(kit.source(f"examples/{name}/expected.txt"), encoding="utf-8") as file:
        return file.read()


class ExamplesTest(kit.TestCase):
    def run_to_end(self, command, code=0):
        program = self.start(command)
        self.assertEqual(program.wait(60 * kit.SLOWER), code, program.report())
        return program

    def test_hello(self):
        self.assertEqual(self.run_to_end([example("hello")]).stdout_text(), expected("hello"))
        with open(kit.source("examples/hello/hello.cpp"), encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 25, "the first program fits on a card")

    def test_objects_that_receive_by_themselves(self):
        for name in ("turnstile", "upload"):
            self.assertEqual(self.run_to_end([example(name)]).stdout_text(), expected(name))

    def test_first_corps(self):
        config = kit.source("examples/first_corps/corps.toml")
        for envs in (1, 4):
            with self.subTest(envs=envs):
                program = self.run_to_end([example("first_corps"), "--config", config, "--envs", envs])
                self.assertEqual(program.stdout_text(), expected("first_corps"), program.report())

    def search(self, envs, *arguments, code=0):
        config = kit.source("examples/regex_search/corps.toml")
        return self.run_to_end([example("regex_search"), "--config", config, "--envs", envs, "--", *arguments], code)

    def grep(self, pattern, tree):
        result = subprocess.run(["grep", "-rnIP", pattern, tree], stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}, check=False)
        return sorted(result.stdout.split(b"\n"))

    @unittest.skipUnless(shutil.which("grep"), "no grep to compare with")
    def test_the_search_finds_what_grep_finds(self):
        for envs, pattern in zip((1, 2, 8), PATTERNS):
            with self.subTest(envs=envs, pattern=pattern):
                found = self.search(envs, pattern, TREE).stdout_text().encode(errors="surrogateescape").split(b"\n")
                self.assertEqual(sorted(found), self.grep(pattern, TREE))

    def test_a_sorted_search_is_in_the_order_of_the_walk(self):
        lines = self.search(2, "--sort", PATTERNS[0], TREE).stdout_text().split("\n")[:-1]
        paths = [line.split(":", 1)[0].split("/") for line in lines]
        self.assertEqual(paths, sorted(paths))

    def test_exit_codes_are_those_of_grep(self):
        folder = self.folder()
        with open(os.path.join(folder, "a.txt"), "w", encoding="utf-8") as file:
            file.write("one\ntwo\n")
        self.assertEqual(self.search(1, "two", folder).stdout_text(), f"{folder}/a.txt:2:two\n")
        self.search(1, "three", folder, code=1)
        missing = self.search(1, "two", os.path.join(folder, "nothing"), code=2)
        self.assertIn("nothing: No such file or directory", missing.stderr_text())

    def test_a_wrong_pattern_is_said_with_its_place(self):
        program = self.search(1, "a(b", kit.source("examples"), code=1)
        self.assertRegex(program.stderr_text(), r"(?i)missing closing parenthesis")


if __name__ == "__main__":
    sys.exit(unittest.main())
