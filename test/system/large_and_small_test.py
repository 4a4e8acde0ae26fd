"""Small calls go on while large arguments are sent over the same link, one after the other."""

import re
import unittest

import corps_kit
import kit


class LargeAndSmallTest(corps_kit.CorpsCase):
    def run_with(self, megabytes, carrier):
        running = self.boot("large_and_small", megabytes, 200, 2, envs=2, settings=self.carrier_settings(carrier))
        self.assertEqual(running.wait(60), 0, running.report())
        match = re.match(r"^(\d+) large, small p50 (\d+) us, p99 (\d+) us, max (\d+) us", running.lines()[-1].text)
        self.assertTrue(match, running.report())
        self.assertEqual(int(match.group(1)) >= 2, megabytes != 0, running.report())
        self.assert_no_errors_logged(running)
        print(f"{carrier}, {megabytes} MB: {match.group(0)}")
        return int(match.group(2))

    def test_each_carrier(self):
        for carrier in ("unix", "tcp", "tls", "shm"):
            self.run_with(0, carrier)
            # Of large arguments that held up the small calls, half of these would see it. How long exactly is for a quiet machine to say.
            self.assertLess(self.run_with(20 if kit.SANITIZED else 100, carrier), 50_000)


if __name__ == "__main__":
    unittest.main()
