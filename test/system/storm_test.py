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

    def test_many_envs(self):
        self.storm(16 if kit.SANITIZED else 64, 3)


if __name__ == "__main__":
    unittest.main()
