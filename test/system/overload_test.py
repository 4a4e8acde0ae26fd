"""For a moment more is called than can be served, or an Env reads nothing: some is refused, nothing fails, and all is as before."""

import unittest

import overload_kit


class OverloadTest(overload_kit.OverloadCase):
    def test_three_times_the_capacity(self):
        for answer in ("wait", "refuse"):
            result = self.overload(answer, seconds=1, open_calls=500, mailbox=1000)
            self.assertGreater(result.served, 0)

    def test_an_env_that_reads_nothing(self):
        for *_, ended_ms in self.stopped(round_ms=500, rounds=1):
            self.assertLess(ended_ms, 10_000)


if __name__ == "__main__":
    unittest.main()
