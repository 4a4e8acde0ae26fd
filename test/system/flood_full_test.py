"""One Conc is told ten million times while it sleeps: memory, what becomes of each tell, and who else suffers."""

import re
import statistics
import unittest

import corps_kit

COUNT = 10_000_000
ROUNDS = 5  # quiet and flooded by turns, as one pause of the machine decides what 99 of 100 calls take in half a second
MAILBOX = 100_000
MAILBOX_BYTES = 64 << 20
ROUND = re.compile(r"^told (\d+) ran (\d+) in_order 1 grown_kib (\d+) p99_us quiet (\d+) flood (\d+)$", re.MULTILINE)


class FloodTest(corps_kit.CorpsCase):
    def flood(self, who, seconds, ran):
        running = self.start([corps_kit.program("flood"), who, COUNT, seconds, ROUNDS])
        self.assertEqual(running.wait(300), 0, running.report())
        print(running.stdout_text())
        rounds = [[int(each) for each in found] for found in ROUND.findall(running.stdout_text())]
        self.assertEqual([each[:2] for each in rounds], ROUNDS * [[COUNT, ran]], running.report())
        quiet_us, flood_us = (statistics.median(each[which] for each in rounds) for which in (3, 4))
        self.assertLessEqual(flood_us, max(2 * quiet_us, 1000))
        self.assertLess(max(each[2] for each in rounds) << 10, 1.1 * MAILBOX_BYTES)
        return running

    def test_by_a_conc_that_does_not_wait(self):
        running = self.flood("conc", 1, ran=MAILBOX)
        refusals = [line.text for line in running.lines("stderr") if "found no room in the mailbox" in line.text]
        logged = len(refusals) + sum(int(n) for line in refusals for n in re.findall(r"\((\d+) more like this", line))
        self.assertGreater(logged, 0)
        self.assertLessEqual(logged, ROUNDS * (COUNT - MAILBOX))
        self.assertLess(len(refusals), 300)  # a few lines a second

    def test_by_a_thread_that_waits_for_room(self):
        self.flood("thread", 1, ran=COUNT)


if __name__ == "__main__":
    unittest.main()
