"""An Env with nothing to do wakes up at most once a second: the threads of each are counted as they come back from sleep."""

import os
import threading
import unittest

import corps_kit
import kit

WATCHED_S = 5
WAKES_MAX = 1 * WATCHED_S


def wakes(pid):
    """{thread: (name, how often it has gone to sleep)}"""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        found[thread] = (fields["Name"], int(fields["voluntary_ctxt_switches"]))
    return found


def wakes_between(before, after):
    """{name of a thread: how often it woke}"""
    counts = {thread: (name, count - before.get(thread, (name, 0))[1]) for thread, (name, count) in after.items()}
    return {f"{name} {thread}": count for thread, (name, count) in counts.items() if count > 0}


class IdleTest(corps_kit.CorpsCase):
    def test_an_idle_env_sleeps(self):
        running, pids = self.boot_ready("serve", envs=2)

        def all_sleep():  # what booting has begun comes to its end first
            before = [wakes(pid) for pid in pids]
            threading.Event().wait(1)
            return all(sum(wakes_between(then, wakes(pid)).values()) <= 1 for then, pid in zip(before, pids))

        kit.eventually(all_sleep, 20, "that all threads sleep")
        before = [wakes(pid) for pid in pids]
        threading.Event().wait(WATCHED_S)
        for then, pid in zip(before, pids):
            woken = wakes_between(then, wakes(pid))
            print(f"{pid}: {sum(woken.values())} wake-ups in {WATCHED_S} s {woken}")
            self.assertLessEqual(sum(woken.values()), WAKES_MAX, woken)
        self.assert_no_errors_logged(running)


if __name__ == "__main__":
    unittest.main()
