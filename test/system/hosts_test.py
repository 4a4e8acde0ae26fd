"""Envs on several hosts, which are network namespaces: over IPv4, IPv6 and both, and over a way that is lost for a moment."""

import unittest

import hosts_kit


class HostsTest(hosts_kit.HostsCase):
    def test_ipv4_ipv6_and_mixed(self):
        for families in (("4", "4"), ("6", "6"), ("46", "4", "46")):
            with self.subTest(families=families):
                running = self.boot_on(self.hosts(*families), "storm", 50, envs=2)
                self.assertEqual(running.wait(60), 0, running.report())
                self.assertRegex(running.lines()[-1].text, rf"^{2 * len(families)} envs, 0 failed, ", running.report())
                self.assert_no_errors_logged(running)

    def test_a_way_that_is_lost_for_a_moment(self):
        hosts = self.hosts("46", "46")
        settings = ["net.heartbeat=200ms", "limits.link_silence=1s", "limits.link_resume=30s", "log.level=debug"]
        running = self.boot_on(hosts, "far_calls", 3000, 2000, settings=settings)
        running.wait_line("^calling$", seconds=20)
        hosts.cut(1, 2)
        running.wait_line("cut the connection with env 0, epoch 1 .*: nothing was heard of it for", seconds=10, stream="stderr")
        hosts.heal(1, 2)
        running.wait_line("is restored after", seconds=20, stream="stderr")
        figures = self.far_calls_outcome(running)
        self.assertEqual(figures["sent"], figures["answered"], running.report())

    def test_a_stop_reaches_a_host_to_which_the_way_is_cut(self):
        hosts = self.hosts("4", "4")
        running = self.boot_on(hosts, "lifecycle", "serve", settings=["limits.stop=20s"])
        running.wait_line("^ready$", seconds=20)
        hosts.cut_both(1, 2)
        self.end(running)
        self.assert_no_errors_logged(running)


if __name__ == "__main__":
    unittest.main()
