"""Seeing inside: what a running Env says it does, and what a process that crashes leaves on stderr."""

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
