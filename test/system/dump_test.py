"""Seeing inside: what a running Env says it does, its links, and what a process that crashes leaves on stderr."""

import json
import os
import signal
import unittest

import corps_kit
import kit

CORPS = kit.build("bin/corps")


class DumpTest(corps_kit.CorpsCase):
    def dump(self, *arguments):
        return self.run_program([CORPS, "dump", *arguments])

    def stuck(self):
        """A Corps of two Envs whose Workers have all begun to sleep for ever; the pid of each Env."""
        running, pids = self.boot_ready("serve_stuck", envs=2)

        def both_sleep():
            texts = [self.dump(pid)[1] for pid in pids]
            return all("runs probe::Worker::sleep_for_ever" in text for text in texts)

        kit.eventually(both_sleep, 20 * kit.SLOWER)
        return running, pids

    def test_a_process_says_what_it_does(self):
        running, pids = self.stuck()
        code, text, complaint = self.dump(pids[1])
        self.assertEqual((code, complaint), (0, ""))
        self.assertRegex(text, rf"^dump of env 1 of \S+ \(process {pids[1]}\), ")
        self.assertRegex(text, r"env 1, conc 16\.1.*\n  runs probe::Worker::sleep_for_ever, for \d+\.\d+ s\n  did not answer in time")
        code, text, complaint = self.dump(pids[0], "--json")
        self.assertEqual((code, complaint), (0, ""))
        dump = json.loads(text)
        self.assertEqual((dump["env"], dump["process"]), (0, pids[0]))
        self.assertIn("probe::Worker::sleep_for_ever", [worker["runs"] for worker in dump["workers"]])
        running.kill()

    def test_sigusr1_writes_it_to_the_log(self):
        running, pids = self.stuck()
        for env, pid in enumerate(pids):
            os.kill(pid, signal.SIGUSR1)
            running.wait_line(rf"^dump of env {env} of ", 10, stream="stderr")
        self.assertTrue(running.is_running())
        running.kill()

    def test_why_there_is_none(self):
        code, text, complaint = self.dump(os.getpid())
        self.assertEqual((code, text), (1, ""))
        self.assertRegex(complaint, rf"^corps: there is no dump: process {os.getpid()} is no Corps, ")
        gone = self.start(["true"])
        gone.wait(10)
        code, text, complaint = self.dump(gone.pid)
        self.assertRegex(complaint, "^corps: there is no dump: there is no process ")
        for words in ([], ["x"], ["1", "2"], ["12345678901234567890"]):
            code, text, complaint = self.dump(*words)
            self.assertEqual((code, text), (2, ""), words)
            self.assertIn("Usage: corps dump PID [--json]", complaint)


class LinksTest(corps_kit.CorpsCase):
    def links(self, pid):
        """The links of an Env, by the other Env of each."""
        code, text, complaint = self.run_program([CORPS, "links", pid, "--json"])
        self.assertEqual((code, complaint), (0, ""))
        return {link["env"]: link for link in json.loads(text)}

    def await_state(self, state, of, at):
        kit.eventually(lambda: self.links(at)[of]["state"] == state, 10 * kit.SLOWER)

    def test_each_link_is_shown_with_its_carrier(self):
        for carrier in ("shm", "unix", "tcp", "tls"):
            with self.subTest(carrier):
                running, pids = self.boot_ready("serve", envs=3, settings=self.carrier_settings(carrier))
                for env, others in ((0, {1, 2}), (1, {0})):
                    links = self.links(pids[env])
                    self.assertLessEqual(others, set(links))
                    for other in others:
                        link = links[other]
                        on_unix = carrier in ("shm", "unix")
                        self.assertEqual([link[key] for key in ("epoch", "host", "state", "carrier", "restored", "restored_seconds_ago", "how_ended")], [1, None, "connected", carrier, 0, None, None])
                        self.assertRegex(link["endpoint"], r"^unix:@corps-[0-9a-f]{32}-0-1$" if on_unix else rf"^{carrier}:127\.0\.0\.1:\d+$")
                        self.assertEqual(link["process"], pids[other] if on_unix else None)
                        for direction in ("sent", "received"):
                            seen = link[direction]
                            self.assertGreater(seen["frames"], 2)
                            self.assertGreater(seen["bytes"], 8 * seen["frames"])
                            self.assertEqual(seen["credit_bytes"], 64 << 20)
                code, text, complaint = self.run_program([CORPS, "links", pids[0]])
                self.assertEqual((code, complaint), (0, ""))
                self.assertRegex(text, rf"^links of env 0 of \S+ \(process {pids[0]}\), .*\nenv  epoch  host  state .*\n1 .*\n2 .*\n$")
                running.kill()

    def test_a_link_that_was_cut_shows_when_it_was_restored_and_an_env_how_it_ended(self):
        settings = ["net.carrier=tcp", "net.heartbeat_to=all", "net.heartbeat=100ms", "limits.link_silence=600ms", "limits.link_resume=1min"]
        running, pids = self.boot_ready("serve", envs=2, settings=settings)
        self.assertLess(self.links(pids[0])[1]["heard_seconds_ago"], 5)
        os.kill(pids[1], signal.SIGSTOP)
        self.await_state("resuming", of=1, at=pids[0])
        os.kill(pids[1], signal.SIGCONT)
        self.await_state("connected", of=1, at=pids[0])
        link = self.links(pids[0])[1]
        self.assertGreaterEqual(link["restored"], 1)
        self.assertLess(link["restored_seconds_ago"], 60)
        self.assertAlmostEqual(link["restored_seconds_ago"], link["state_seconds"])
        os.kill(pids[1], signal.SIGKILL)
        self.await_state("ended", of=1, at=pids[0])
        link = self.links(pids[0])[1]
        self.assertIn(f"its process {pids[1]} was killed", link["how_ended"])
        self.assertIsNone(link["carrier"])
        running.kill()

    def test_why_there_are_none(self):
        code, text, complaint = self.run_program([CORPS, "links", os.getpid()])
        self.assertEqual((code, text), (1, ""))
        self.assertRegex(complaint, rf"^corps: no links can be shown: process {os.getpid()} is no Corps, ")
        for words in ([], ["x"], ["1", "2"]):
            code, text, complaint = self.run_program([CORPS, "links", *words])
            self.assertEqual((code, text), (2, ""), words)
            self.assertIn("Usage: corps links PID [--json]", complaint)


class CrashTest(corps_kit.CorpsCase):
    @unittest.skipIf(kit.SANITIZED, "a sanitizer reports crashes itself")
    def test_a_crash_names_the_conc(self):
        for how, name, number in (("abort", "SIGABRT", 6), ("segv", "SIGSEGV at address 0x0", 11), ("overflow", r"SIGSEGV at address 0x[0-9a-f]+", 11)):
            with self.subTest(how):
                running = self.boot("lifecycle", "crash", "0", how)
                self.assertEqual(running.wait(20), -number, running.report())
                self.assert_logged(
                    running,
                    rf"^corps: {name} in thread corps worker \d+ \(\d+\) of \S+/0, process {running.pid}, in a turn of probe::Worker at "
                    r"env 0, conc \d+\.\d+, which runs probe::Worker::end_process$",
                )


if __name__ == "__main__":
    unittest.main()
