"""One Conc is told ten million times while it sleeps: memory, what becomes of each tell, and who else suffers."""

import re
import unittest

import corps_kit

COUNT = 10_000_000
MAILBOX = 100_000
MAILBOX_BYTES = 64 << 20
LINE = r"^told (\d+) ran (\d+) in_order 1 grown_kib (\d+) p99_us quiet (\d+) flood (\d+)$"


class FloodTest(corps_kit.CorpsCase):
    def flood(self, who):
        running = self.start([corps_kit.program("flood"), who, COUNT, 3])
        self.assertEqual(running.wait(300), 0, running.report())
        found = re.search(LINE, running.stdout_text(), re.MULTILINE)
        self.assertTrue(found, running.report())
        told, ran, grown_kib, quiet_us, flood_us = (int(each) for each in found.groups())
        print(found.group(0))
        self.assertEqual(told, COUNT)
        self.assertLess(grown_kib << 10, 1.1 * MAILBOX_BYTES)
        self.assertLessEqual(flood_us, max(2 * quiet_us, 1000))
        return running, ran

    def test_by_a_conc_that_does_not_wait(self):
        running, ran = self.flood("conc")
        self.assertEqual(ran, MAILBOX)
        refusals = [line.text for line in running.lines("stderr") if "found no room in the mailbox" in line.text]
        logged = len(refusals) + sum(int(n) for line in refusals for n in re.findall(r"\((\d+) more like this", line))
        self.assertGreater(logged, 0)
        self.assertLessEqual(logged, COUNT - MAILBOX)
        self.assertLess(len(refusals), 300)  # a few lines a second

    def test_by_a_thread_that_waits_for_room(self):
        _, ran = self.flood("thread")
        self.assertEqual(ran, COUNT)


if __name__ == "__main__":
    unittest.main()
