"""The connections between Envs break again and again while calls go on: each ends once, none runs twice, order is kept."""

import os
import re
import signal
import unittest

import corps_kit


class CutLinksTest(corps_kit.CorpsCase):
    def run_with_cuts(self, envs, count, between_cuts, carrier="auto"):
        running = self.boot("cut_links", count, between_cuts, envs=envs, settings=self.carrier_settings(carrier))
        self.assertEqual(running.wait(60), 0, running.report())
        match = re.match(rf"^{envs} envs, 0 failed, (\d+) cuts, (\S+) ms$", running.lines()[-1].text)
        self.assertTrue(match, running.report())
        self.assertGreater(int(match.group(1)), 5, running.report())
        # A connection that breaks in its handshake is one of a stranger, as far as the log can tell.
        errors = [line.text for line in running.lines("stderr") if not re.search(r" info | closed a connection of pid .*closed by peer|closed a connection of (127|a TCP connection that is gone)", line.text)]
        self.assertEqual(errors, [], running.report())
        print(f"{envs} Envs, {carrier}: {match.group(1)} connections cut in {match.group(2)} ms")

    def test_two_envs(self):
        for carrier in ("unix", "tcp", "tls"):
            self.run_with_cuts(2, 2000, 40, carrier)

    def test_four_envs(self):
        for carrier in ("unix", "tcp", "tls"):
            self.run_with_cuts(4, 500, 60, carrier)

    def test_streams(self):
        for carrier in ("auto", "tcp"):
            running = self.boot("cut_links", "streams", envs=3, settings=self.carrier_settings(carrier))
            self.assertEqual(running.wait(30), 0, running.report())
            lines = [line.text for line in running.lines()]
            self.assertEqual(lines[:2], ["result: 20000 items in order | ", "argument: 20000 items in order | "], running.report())
            self.assertGreater(int(lines[-1].split()[0]), 0, "connections were cut")
            self.assertRegex(lines[2], "^consumer killed: Cancelled ", running.report())
            self.assertRegex(lines[3], r"^producer killed: in order \| WorkerLost maybe: env 1 is lost: its process \d+ was killed by signal 9", running.report())

    def test_a_silent_env_is_noticed_and_comes_back(self):
        settings = ["net.carrier=tcp", "net.heartbeat_to=all", "net.heartbeat=100ms", "limits.link_silence=600ms", "limits.link_resume=1min", "log.level=debug"]
        running, pids = self.boot_ready("serve", envs=2, settings=settings)
        for _ in range(2):
            lines = len(running.lines("stderr"))
            os.kill(pids[1], signal.SIGSTOP)
            cut = r"warning \[lifecycle/0\] cut the connection with env 1, epoch 1 at 127.0.0.1:\d+: nothing was heard of it for \d+ ms"
            running.wait_line(cut, seconds=5, stream="stderr", after=lines)
            os.kill(pids[1], signal.SIGCONT)
            running.wait_line("env 1, epoch 1 is restored after", seconds=5, stream="stderr", after=lines)
        running.signal(signal.SIGTERM)
        self.assertEqual(running.wait(10), 128 + signal.SIGTERM, running.report())
        self.assertFalse([line.text for line in running.lines("stderr") if " error " in line.text], running.report())


if __name__ == "__main__":
    unittest.main()
