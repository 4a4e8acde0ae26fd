"""Several hosts whose ways break, are slow, or lose what is sent: every call ends once and in time, none runs twice, order is kept,
a peer that is gone without a word is noticed within 5 s, and nothing is left."""

import os
import subprocess
import sys
import time
import unittest

import corps_kit
import hosts_kit
import kit

REPETITIONS = 5
NOTICED_S = 5
DELAY_TOOL = os.path.join(os.path.dirname(kit.SOURCE_DIR), "shared", "tools", "tunem.py")


class HalfOpenTest(hosts_kit.HostsCase):
    def notice(self, hosts, running, pids):
        """Cuts both directions; returns seconds until each of the two Envs has noticed. Heals, and waits until both are linked."""
        before = len(running.lines("stderr"))
        count = hosts_kit.descriptors(pids)
        hosts.cut_both(1, 2)
        cut_at = time.monotonic()
        took = []
        for env in (0, 1):
            cut = rf"\[\w+/{1 - env}\] cut the connection with env {env}, epoch 1 at \S+: nothing was heard of it for \d+ ms"
            number, _, line = running.wait_line(cut, seconds=NOTICED_S + 5, stream="stderr", after=before)
            took.append((line.at - cut_at, number))
        hosts.heal_both(1, 2)
        for env, (_, number) in enumerate(took):
            restored = rf"\[\w+/{1 - env}\] the connection with env {env}, epoch 1 is restored after \d+ ms"
            running.wait_line(restored, seconds=10, stream="stderr", after=number)
        kit.eventually(lambda: hosts_kit.descriptors(pids) == count, 5, "that no descriptor is left")
        return [seconds for seconds, _ in took]

    def noticed(self, what, hosts, running, pids):
        took = sorted(second for _ in range(REPETITIONS) for second in self.notice(hosts, running, pids))
        print(f"{what}: noticed after {took[len(took) // 2]:.2f} s (median), {took[-1]:.2f} s (worst of {len(took)})")
        self.assertLess(took[-1], NOTICED_S)

    def test_idle(self):
        hosts = self.hosts("46", "46")
        running = self.boot_on(hosts, "lifecycle", "serve", settings=["limits.link_resume=1min", "log.level=debug"])
        running.wait_line("^ready$", corps_kit.READY_S)
        pids = [int(line.text.rsplit(" ", 1)[1]) for line in running.lines() if line.text.startswith("env ")]
        self.noticed("idle", hosts, running, pids)
        self.end(running)

    def test_busy(self):
        hosts = self.hosts("4", "4")
        running = self.boot_on(hosts, "far_calls", 45_000, 20_000, 50, 60_000, settings=["limits.link_resume=1min", "log.level=debug"])
        running.wait_line("^calling$", seconds=20)
        self.noticed("busy", hosts, running, running.family())
        figures = self.far_calls_outcome(running, 90)
        self.assertEqual(figures["sent"], figures["answered"], running.report())


class ThreeHostsTest(hosts_kit.HostsCase):
    def call_on_three(self, *arguments, families=("46", "46", "46"), settings=()):
        hosts = self.hosts(*families)
        running = self.boot_on(hosts, "far_calls", *arguments, settings=settings)
        return hosts, running

    def test_a_one_way_cut_that_heals(self):
        for one, other in ((1, 2), (2, 3), (3, 1)):
            hosts, running = self.call_on_three(8_000, 5_000)
            running.wait_line("^calling$", seconds=20)
            hosts.cut(one, other)
            running.wait_line("cut the connection", seconds=10, stream="stderr")
            hosts.heal(one, other)
            figures = self.far_calls_outcome(running)
            self.assertEqual(figures["sent"], figures["answered"], running.report())

    def test_a_one_way_cut_that_does_not_heal_in_time(self):
        for one, other in ((2, 3), (3, 2)):
            hosts, running = self.call_on_three(14_000, 5_000, settings=["limits.link_resume=2s"])
            running.wait_line("^calling$", seconds=20)
            hosts.cut(one, other)
            running.wait_line(r"broke and could not be restored within limits\.link_resume", seconds=15, stream="stderr")
            hosts.heal(one, other)
            figures = self.far_calls_outcome(running)
            self.assertGreater(figures["maybe_run"], 0, running.report())
            self.assertEqual(figures["timed_out"], 0, running.report())
            self.assertLess(figures["longest_ms"], 3_500 + 2_000 + 1_500, running.report())

    def test_a_way_that_is_cut_from_the_start(self):
        hosts = self.hosts("4", "46", "46")
        hosts.cut(2, 3)
        running = self.boot_on(hosts, "far_calls", 6_000)
        running.wait_line("^calling$", seconds=60)
        attempt = r"tls:\S+:\d+: [^;|]*after 1000 ms"
        for env, other in ((1, 2), (2, 1)):
            told = rf"^no way from env {env}: WorkerLost no: env {other} is lost: it cannot be reached: {attempt}; {attempt}$"
            running.wait_line(told, seconds=1)
        figures = self.far_calls_outcome(running)
        self.assertGreater(figures["not_run"], 0, running.report())
        self.assertEqual(figures["maybe_run"] + figures["timed_out"], 0, running.report())
        self.assertLess(figures["longest_ms"], 10_000, running.report())

    def test_a_slow_way_is_no_silence(self):
        hosts, running = self.call_on_three(12_000, 300_000, 4, 60_000)
        hosts.limit_rate("20mbit")
        figures = self.far_calls_outcome(running, 90)
        self.assertEqual(figures["sent"], figures["answered"], running.report())
        self.assert_no_errors_logged(running)


class DelayTest(hosts_kit.HostsCase):
    """Two hosts with delay, jitter, loss, doubled and reordered packets between them, by a tool that is beside this project."""

    NAMES = ("eA", "eB")  # of the tool

    def setUp(self):
        super().setUp()
        there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
        why = "" if os.path.exists(DELAY_TOOL) and os.path.exists("/dev/net/tun") else "no tool to delay packets"
        why = why or ("its namespaces are in use" if set(self.NAMES) & set(there) else "")
        if why:
            print(f"skipped: {why}")
            self.skipTest(why)

    def test_delay_and_loss(self):
        hosts = hosts_kit.Hosts.existing(self.NAMES, [["10.98.0.1"], ["10.98.0.2"]])
        self.addCleanup(hosts.close)
        tool = self.start([sys.executable, DELAY_TOOL, "25", "10", "0.02", "0.01", "0.01", "30"])
        tool.wait_line("^up$", seconds=10)
        running = self.boot_on(hosts, "far_calls", 12_000, 2_000, 50, 60_000, settings=["limits.handshake=3s"])
        figures = self.far_calls_outcome(running)
        self.assertEqual(figures["sent"], figures["answered"], running.report())
        tool.wait(60)
        print(tool.lines()[-1].text)


if __name__ == "__main__":
    unittest.main()
