"""A Worker is called at three times its capacity for a minute, and an Env reads nothing while others go on."""

import statistics
import unittest

import overload_kit


class OverloadTest(overload_kit.OverloadCase):
    def three_times_the_capacity(self, answer):
        result = self.overload(answer, seconds=60, open_calls=2000, mailbox=4000)
        self.assertGreaterEqual(result.served, 0.8 * result.peak)
        self.assertLessEqual(result.normal_ms, 5000)

    def test_calls_that_wait(self):
        self.three_times_the_capacity("wait")

    def test_calls_that_are_refused(self):
        self.three_times_the_capacity("refuse")

    def test_an_env_that_reads_nothing_harms_nobody_else(self):
        rounds = self.stopped(round_ms=2000, rounds=5)
        quiet_us, _, stopped_us, ended_ms = (statistics.median(each) for each in zip(*rounds))
        self.assertLessEqual(stopped_us, max(1.5 * quiet_us, quiet_us + 1000))
        self.assertLess(ended_ms, 5000)


if __name__ == "__main__":
    unittest.main()
