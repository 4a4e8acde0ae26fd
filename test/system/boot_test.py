"""A Corps of several processes boots, ends in every way there is, and leaves nothing behind."""

import os
import signal
import sys
import time
import unittest

import corps_kit
import kit

STOP_LIMIT_S = 0.4


class BootTest(corps_kit.CorpsCase):
    def test_every_env_is_a_process_and_all_are_gone_at_the_end(self):
        for envs in (1, 2, 8):
            with self.subTest(envs=envs):
                running, pids = self.boot_ready("serve", envs=envs)
                self.assertEqual(len(set(pids)), envs)
                self.assertEqual(sorted(running.family()), sorted(pids))
                running.signal(signal.SIGTERM)
                self.assertEqual(running.wait(10), 128 + signal.SIGTERM)
                self.assert_no_leftovers(running)
                self.assert_no_errors_logged(running)

    def test_the_command_boots_from_a_file(self):
        config = self.file("app.toml", f'[corps]\ntag = "life"\nprogram = "{corps_kit.program("lifecycle")}"\nenvs = 3\n')
        running = self.start([kit.build("bin/corps"), "boot", config, "--", "quit"])
        self.assertEqual(running.wait(20), 0, running.report())
        self.assertIn("life is up: 3 Envs", running.stderr_text())

    def test_the_exit_code_is_what_the_application_says(self):
        for arguments, code in ((["quit"], 0), (["throw"], 1), (["fail"], 1), (["stop_from", "0"], 7), (["stop_from", "2"], 7)):
            with self.subTest(arguments):
                running = self.boot("lifecycle", *arguments, envs=3, settings=[f"limits.stop={int(STOP_LIMIT_S * 1000)}ms"])
                self.assertEqual(running.wait(20), code, running.report())

    def test_what_the_front_throws_is_said(self):
        running = self.boot("lifecycle", "fail", envs=3)
        self.assertEqual(running.wait(20), 1)
        self.assertIn("the front does not want to start", running.stderr_text())
        running = self.boot("lifecycle", "throw", envs=3)
        self.assertEqual(running.wait(20), 1)
        self.assertIn("on_main of Lifecycle at env 0, conc 2.0 ended with std::runtime_error: the end of on_main", running.stderr_text())

    def test_no_descriptor_is_inherited_and_none_is_lost(self):
        marker = os.open("/dev/null", os.O_RDONLY)
        os.set_inheritable(marker, True)
        try:
            running, pids = self.boot_ready("serve", envs=4)
        finally:
            os.close(marker)
        for pid in pids[1:]:
            files = kit.open_files(pid)
            # What is open: three standard ones, epoll, timer and wake-up of the I/O thread, the timer of the clock,
            # a listener, signals, Env 0 (and the watches of both), links.
            kinds = sorted(target.split(":")[0].strip("[]") for number, target in files.items() if number > 2)
            self.assertNotIn("/memfd", " ".join(files.values()), "the boot descriptor is closed once it was read")
            self.assertEqual([target for target in files.values() if target.startswith("/dev/null")], ["/dev/null"], "stdin alone")
            self.assertLessEqual(len(kinds), 14, f"{files}")
        running.signal(signal.SIGTERM)
        running.wait(10)

    def test_a_stop_signal_during_the_boot_stops_it(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            running = self.boot("lifecycle", "serve", envs=8)
            kit.eventually(lambda: len(running.family()) > 3, 5, "that some Envs have been started")
            running.signal(number)
            self.assertEqual(running.wait(10), 128 + number, running.report())
            self.assert_no_leftovers(running)

    def test_sigint_to_the_whole_group_is_one_orderly_stop(self):
        running, _ = self.boot_ready("serve", envs=4)
        os.killpg(running.pid, signal.SIGINT)
        self.assertEqual(running.wait(10), 128 + signal.SIGINT, running.report())
        self.assert_no_errors_logged(running)
        self.assert_no_leftovers(running)

    def test_two_signals_at_once_are_one_wish(self):
        running, _ = self.boot_ready("serve", envs=4)
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGINT)
        self.assertIn(running.wait(10), (128 + signal.SIGINT, 128 + signal.SIGTERM))
        self.assert_no_errors_logged(running)

    def test_a_second_signal_ends_at_once_what_does_not_stop(self):
        running, _ = self.boot_ready("serve_stuck", envs=3, settings=["limits.stop=1min"])
        running.signal(signal.SIGINT)
        _, _, first = running.wait_line("signal 2 .SIGINT.: stopping", stream="stderr")

        def stop_again():  # a signal too close behind the first is the same wish
            running.signal(signal.SIGINT)
            return any("again: exiting at once" in line.text for line in running.lines("stderr"))

        kit.eventually(stop_again, 5)
        self.assertEqual(running.wait(5), 128 + signal.SIGINT)
        self.assertLess(running.ended_at - first.at, 3 * kit.SLOWER)
        self.assert_no_leftovers(running)

    def test_a_conc_that_never_returns_is_named_and_does_not_hold_up_the_end(self):
        for mode, method in (("spin", "spin"), ("sleep", "sleep_for_ever")):
            for env in (0, 1):
                with self.subTest(mode=mode, env=env):
                    running = self.boot("lifecycle", mode, env, envs=2, settings=[f"limits.stop={int(STOP_LIMIT_S * 1000)}ms"])
                    _, _, ending = running.wait_line("^ending", 20)
                    self.assertEqual(running.wait(10), 0)
                    self.assertLess(running.ended_at - ending.at, STOP_LIMIT_S + 0.3 * kit.SLOWER)
                    self.assert_logged(running, rf"env {env}, conc \S+ runs probe::Worker::{method} and did not end within limits.stop", 1)
                    self.assert_no_leftovers(running)

    def test_an_activity_that_never_returns_is_named(self):
        running = self.boot("lifecycle", "spin_here", 1, envs=2, settings=[f"limits.stop={int(STOP_LIMIT_S * 1000)}ms"])
        running.wait_line("^spinning", 20)
        running.signal(signal.SIGTERM)
        self.assertEqual(running.wait(10), 128 + signal.SIGTERM)
        self.assert_logged(running, r"env 0(, conc 2.0)? runs a Task of its own, such as on_main, and did not end within limits.stop", 1)

    def test_an_env_that_does_not_run_at_all_is_killed_at_the_stop_limit(self):
        running, pids = self.boot_ready("serve", envs=3, settings=[f"limits.stop={int(STOP_LIMIT_S * 1000)}ms"])
        os.kill(pids[2], signal.SIGSTOP)
        running.signal(signal.SIGTERM)
        self.assertEqual(running.wait(10), 128 + signal.SIGTERM)
        self.assert_logged(running, r"env 2 \(process \d+\) did not exit within limits.stop and is killed", 1)
        self.assert_no_leftovers(running)

    def test_whatever_is_killed_during_the_boot_nothing_is_left(self):
        for victim in (0, 1):
            for processes in (2, 3, 5, 8):
                running = self.boot("lifecycle", "serve", envs=8)
                family = kit.eventually(lambda: (found := sorted(running.family())) and len(found) >= processes and found, 5)
                first = running.pid
                os.kill(first if victim == 0 else next(pid for pid in family if pid != first), signal.SIGKILL)
                if victim == 1:
                    running.wait_line("env \\d+ did not start: its process \\d+ was killed by signal 9|env \\d+ is lost", 10, "stderr")
                    running.signal(signal.SIGTERM)
                running.wait(10)
                self.assert_no_leftovers(running)

    @unittest.skipIf(kit.SANITIZED, "the sanitizers need descriptors themselves")
    @unittest.skipIf(kit.SANITIZED, "the sanitizers want descriptors themselves, and take their lack for an error")
    def test_too_few_descriptors(self):
        for limit in range(10, 40, 4):
            script = f'ulimit -n {limit}; exec "{corps_kit.program("lifecycle")}" --envs 8 --set limits.boot=2s -- quit'
            running = self.start(["/bin/sh", "-c", script])
            self.assertIn(running.wait(6), (0, 1, 127), running.report())
            if running.wait(1) == 1:
                self.assertRegex(running.stderr_text(), "Too many open files|too many open files|descriptors", running.report())
            self.assert_no_leftovers(running)

    def test_the_log_goes_to_a_file(self):
        log = self.file("app.log", "a line that was there before\n")
        running = self.boot("lifecycle", "spin", "1", envs=3, settings=[f"log.file={log}", "limits.stop=100ms"])
        self.assertEqual(running.wait(20), 0)
        self.assertEqual(running.stderr_text(), "")
        with open(log, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[0], "a line that was there before")
        self.assertRegex(lines[1], r"^\d+-\d+-\d+ \d+:\d+:\d+\.\d+ info \[lifecycle/0\] lifecycle is up: 3 Envs")
        self.assertRegex("\n".join(lines), r" error \[lifecycle/1\] env 1, conc \S+ runs probe::Worker::spin")
        missing = os.path.join(self.folder(), "missing", "app.log")
        running = self.boot("lifecycle", "quit", settings=[f"log.file={missing}"])
        self.assertEqual(running.wait(20), 3)
        self.assertRegex(running.stderr_text(), rf'^log.file = "{missing}": No such file or directory; choose a file')
        self.assertFalse(os.path.exists(os.path.dirname(missing)))

    def test_without_env0_the_others_exit_within_a_second(self):
        for mode in ("serve", "serve_stuck"):
            with self.subTest(mode):
                running, pids = self.boot_ready(mode, envs=4)
                os.kill(pids[0], signal.SIGKILL)
                killed_at = time.monotonic()
                for pid in pids[1:]:
                    kit.eventually(lambda pid=pid: not kit.is_running(pid), 1 * kit.SLOWER, f"that {pid} has exited")
                self.assertLess(time.monotonic() - killed_at, 1 * kit.SLOWER)
                running.wait(5)
                self.assert_logged(running, "env 0 is lost: this Env exits", 3)

    def test_without_env0_the_others_serve_on_if_told_to(self):
        running, pids = self.boot_ready("serve", envs=3, settings=["corps.without_env0=serve"])
        os.kill(pids[0], signal.SIGKILL)
        for line in range(2):
            running.wait_line("env 0 is lost: serving on without it", 5, "stderr", after=line)
        self.assertEqual([pid for pid in pids if kit.is_running(pid)], pids[1:])
        for pid in pids[1:]:
            os.kill(pid, signal.SIGTERM)
        for pid in pids[1:]:
            kit.eventually(lambda pid=pid: not kit.is_running(pid), 5)
        running.wait(5)

    def test_a_killed_env_is_noticed_and_the_rest_goes_on(self):
        running, pids = self.boot_ready("serve", envs=3)
        os.kill(pids[1], signal.SIGKILL)
        running.wait_line(rf"env 1 is lost: its process {pids[1]} was killed by signal 9 .SIGKILL.", 5, "stderr")
        kit.eventually(lambda: not os.path.exists(f"/proc/{pids[1]}"), 5, "that no zombie is left")
        self.assertTrue(kit.is_running(pids[0]) and kit.is_running(pids[2]))
        running.signal(signal.SIGTERM)
        self.assertEqual(running.wait(10), 128 + signal.SIGTERM)

    def test_how_an_env_crashed_is_named(self):
        for how, text in (("abort", "was killed by signal 6 .SIGABRT."), ("exit", "exited with status 3"), ("kill", "was killed by signal 9 .SIGKILL.")):
            with self.subTest(how):
                running = self.boot("lifecycle", "crash", "1", how, envs=3)
                self.assertEqual(running.wait(20), 0, running.report())
                self.assertRegex(running.stdout_text(), rf"crash: WorkerLost maybe: env 1 is lost: its process \d+ {text}")
                self.assertRegex(running.stdout_text(), rf"later: WorkerLost no: env 1 is lost: its process \d+ {text}")
                self.assert_logged(running, rf"error .* env 1 is lost: its process \d+ {text}", 1)

    def test_a_closed_standard_descriptor_does_no_harm(self):
        script = f'exec "{corps_kit.program("lifecycle")}" --envs 2 -- quit <&- >&- 2>&-'
        running = self.start(["/bin/sh", "-c", script])
        self.assertEqual(running.wait(20), 0)

    def test_started_by_hand_as_another_env_it_refuses(self):
        code, _, said = self.run_program([corps_kit.program("lifecycle"), "--corps-env", "1"])
        self.assertEqual(code, 1)
        self.assertRegex(said, "this process was not started by an Env")

    def test_secrets_are_in_no_argument_and_no_environment(self):
        running, pids = self.boot_ready("serve", envs=3)
        for number, pid in enumerate(pids[1:], start=1):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")[:-1]
            self.assertEqual(words[1:], [b"--corps-env", str(number).encode()])
            with open(f"/proc/{pid}/environ", "rb") as file:
                child = {variable for variable in file.read().split(b"\0") if variable}
            with open(f"/proc/{pids[0]}/environ", "rb") as file:
                first = {variable for variable in file.read().split(b"\0") if variable}
            self.assertEqual(child - first, set())
        running.signal(signal.SIGTERM)
        running.wait(10)


if __name__ == "__main__":
    sys.exit(unittest.main())
