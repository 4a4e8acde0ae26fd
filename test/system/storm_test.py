"""All Envs call all others at once, right after boot, when no link exists: none is lost, none runs twice, order is kept."""

import unittest

import corps_kit
import kit


class StormTest(corps_kit.CorpsCase):
    def storm(self, envs, count, carrier="auto"):
        running = self.boot("storm", count, envs=envs, settings=self.carrier_settings(carrier))
        self.assertEqual(running.wait(60), 0, running.report())
        self.assertRegex(running.lines()[-1].text, rf"^{envs} envs, 0 failed, ", running.report())
        self.assert_no_errors_logged(running)

    def test_two_envs(self):
        for _ in range(5):
            self.storm(2, 200)

    def test_eight_envs(self):
        for carrier in ("auto", "tcp", "tls"):
            for _ in range(3):
                self.storm(8, 20, carrier)

    def test_two_hosts(self):
        """Two that are on this machine: what is between them goes over TCP."""
        hosts = self.file("hosts.toml", """
            [hosts.here]
            address = "localhost"
            envs = 2
            [hosts.there]
            launch = ["env"]
            address = "127.0.0.1"
            envs = 2
        """)
        running = self.start([corps_kit.program("storm"), "--config", hosts, "--", 200])
        self.assertEqual(running.wait(60), 0, running.report())
        self.assertRegex(running.lines()[-1].text, "^4 envs, 0 failed, ", running.report())
        self.assert_no_errors_logged(running)

    def test_a_host_where_nothing_starts_ends_the_boot(self):
        for launch, why in (("false", r"env 1 \(on there\) did not start: its process \d+ exited with status 1"),
                            ("no-such-command", 'cannot run "no-such-command", which is to start a process there: No such file or directory')):
            hosts = self.file("hosts.toml", f"hosts.here.address = '::1'\nhosts.there = {{ launch = ['{launch}'], address = '::1' }}\n")
            code, _, errors = self.run_program([corps_kit.program("storm"), "--config", hosts])
            self.assertEqual(code, 1, errors)
            self.assertRegex(errors, why)

    def test_many_envs(self):
        self.storm(16 if kit.SANITIZED else 64, 3)


if __name__ == "__main__":
    unittest.main()
