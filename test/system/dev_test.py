"""The `dev` script: what it says when it is called wrongly, and that it works from any directory. Nothing is built here."""

import unittest

import kit

DEV = kit.source("dev")


class DevTest(kit.TestCase):
    def assert_says(self, arguments, code, stdout=r"^$", stderr=r"^$", cwd="/"):
        found = self.run_program([DEV, *arguments], cwd=cwd)
        self.assertEqual(found[0], code, found)
        self.assertRegex(found[1], stdout)
        self.assertRegex(found[2], stderr)

    def test_help_goes_to_stdout(self):
        for arguments in (["--help"], ["help"], ["test", "--help"], ["demo", "-h"]):
            with self.subTest(arguments):
                self.assert_says(arguments, 0, stdout=r"^Usage: \./dev <command>")

    def test_no_command_is_an_error(self):
        self.assert_says([], 2, stderr=r"^Usage: ")

    def test_wrong_use_is_named(self):
        for arguments, words in (
            (["frobnicate"], "unknown command 'frobnicate'"),
            (["build", "fast"], "unknown preset 'fast'"),
            (["build", "dev", "asan"], "build takes one preset"),
            (["setup", "now"], "setup takes no arguments"),
            (["demo", "--envs"], "--envs wants a number"),
            (["demo", "--envs", "0"], "--envs wants a number"),
            (["demo", "--fast"], "unknown option '--fast' of demo"),
            (["demo", "a", "b", "c"], "demo takes a pattern and a tree"),
            (["test", "--quick"], "unknown option '--quick' of test"),
            (["bench", "--repeat", "x"], "--repeat wants a number"),
            (["check", "taste"], "unknown check 'taste'"),
            (["fuzz", "--seconds", "-1"], "--seconds wants a number"),
        ):
            with self.subTest(arguments):
                self.assert_says(arguments, 2, stderr=f"^dev: {words}.*see \\./dev --help\n$")

    def test_setup_has_nothing_to_do_where_the_tests_run(self):
        self.assert_says(["setup"], 0)


if __name__ == "__main__":
    unittest.main()
