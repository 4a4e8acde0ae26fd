"""Programs that are built or started in their own way."""

import re
import unittest

import corps_kit


class ProgramsTest(corps_kit.CorpsCase):
    def test_two_methods_of_one_identity_stop_the_program_at_its_start(self):
        running = self.boot("clash", envs=3)
        self.assertEqual(running.wait(10), 10, running.report())
        self.assertEqual(running.stdout_text(), "")
        self.assertRegex(running.stderr_text(), r"^corps: two methods have one identity \(000000000000002a\): ")
        self.assertIn("Harbour::enter", running.stderr_text())
        self.assertIn("Station::leave", running.stderr_text())

    def test_a_method_that_only_an_api_offers_is_found(self):
        running = self.boot("uses_offers", envs=2)
        self.assertEqual(running.wait(10), 0, running.report())
        self.assertEqual(running.stdout_text(), "env 0 Offering::triple says 42\nenv 1 Offering::triple says 42\n")

    def test_a_main_of_its_own_boots_corps_one_after_the_other(self):
        running = self.start([corps_kit.program("own_main")])
        self.assertEqual(running.wait(20), 0, running.report())
        self.assert_no_leftovers(running)
        text = running.stdout_text()
        self.assertRegex(text, r"^config: BootOptions::set: unknown key 'corps.envz'; did you mean 'corps.envs'")
        self.assertRegex(text, r"\nfront: RemoteError yes: command line: corps.args.step is missing")
        self.assertEqual(re.findall(r"^count (\d+)$", text, re.MULTILINE), ["401", "401000"])
        for line, times in (
            (r"^3 envs$", 2),
            (r"^second: Refused no: a Corps runs in this process already", 2),
            (r"^waiting: WorkerLost maybe: ", 2),
            (r"^exit code 0, again 0$", 2),
            (r"^after: WorkerLost no: ", 2),
        ):
            self.assertEqual(len(re.findall(line, text, re.MULTILINE)), times, f"{line}\n{running.report()}")


if __name__ == "__main__":
    unittest.main()
