"""What the tests of overload share: the program `overload`, and what memory the limits allow its processes."""

import re

import corps_kit
import kit

CALLERS = 4
ARGUMENT = 1024
PUSHED = 16384
ENVELOPE = 512  # of a call beside its argument, and what the allocator loses
IN_FLIGHT = 8 << 20
MAILBOX_BYTES = 8 << 20
OWN = 4 << 20  # what a process that has begun to work takes besides: stacks, buffers, blocks for later

PEAK = re.compile(r"^peak (\d+) a second, quiet p50 (\d+) us p99 (\d+) us$", re.MULTILINE)
OVERLOAD = re.compile(r"^overload \d+ s: (\d+) offered a second, (\d+) served a second, (\d+) refused, (\d+) failed$", re.MULTILINE)
NORMAL = re.compile(r"^normal after (\d+) ms$", re.MULTILINE)
ROUND = re.compile(r"^round: p99 us (\d+) idle (\d+) running (\d+) stopped; refused (\d+) running (\d+) stopped, served (\d+) (\d+), failed (\d+); all ended after (\d+) ms$", re.MULTILINE)


class Overload:
    """What came of callers at three times the capacity of a Worker."""

    def __init__(self, output):
        self.peak, self.quiet_p50_us, self.quiet_p99_us = (int(each) for each in PEAK.search(output).groups())
        self.offered, self.served, self.refused, self.failed = (int(each) for each in OVERLOAD.search(output).groups())
        self.normal_ms = int(NORMAL.search(output).group(1))


class OverloadCase(corps_kit.CorpsCase):
    def run_watched(self, *arguments, envs, open_calls, mailbox, seconds):
        """Runs the program; what it printed, and by how much the memory of each Env has grown at most."""
        settings = [f"limits.mailbox={mailbox}", f"limits.mailbox_bytes={MAILBOX_BYTES >> 20}MiB", f"limits.in_flight_per_link={IN_FLIGHT >> 20}MiB", f"limits.open_calls_per_worker={open_calls}"]
        running = self.boot("overload", *arguments, envs=envs, settings=settings)
        pids = [int(running.wait_line(rf"^env {env} (\d+)$", corps_kit.READY_S)[1].group(1)) for env in range(envs)]
        before = [kit.memory_bytes(pid) for pid in pids]
        most = list(before)

        def has_ended():
            for env, pid in enumerate(pids):
                most[env] = max(most[env], kit.memory_bytes(pid, "VmHWM"))
            return not running.is_running()

        kit.eventually(has_ended, seconds * kit.SLOWER, "the end of the program")
        self.assertEqual(running.wait(1), 0, running.report())
        self.assert_no_errors_logged(running)
        grown = [now - then for now, then in zip(most, before)]
        print(running.stdout_text() + "grown by MiB: " + " ".join(f"{each / 2**20:.1f}" for each in grown))
        return running.stdout_text(), grown

    def assert_within(self, grown, caps):
        if not kit.SANITIZED:  # which keep what is freed
            for env, (bytes_grown, cap) in enumerate(zip(grown, caps)):
                self.assertLessEqual(bytes_grown, cap + OWN, f"memory of env {env}")

    def overload(self, answer, seconds, open_calls, mailbox):
        output, grown = self.run_watched("overload", answer, seconds, envs=2, open_calls=open_calls, mailbox=mailbox, seconds=seconds + 40)
        result = Overload(output)
        self.assertEqual(result.failed, 0)
        self.assertGreater(result.refused, 0)
        open_bytes = CALLERS * open_calls * (ARGUMENT + ENVELOPE)
        # What waits at the mailbox, or beside it for want of room, is bounded by the open calls.
        self.assert_within(grown, [IN_FLIGHT + open_bytes, MAILBOX_BYTES + (open_bytes if answer == "wait" else 0)])
        return result

    def stopped(self, round_ms, rounds):
        """(p99 in us: quiet, with an Env that is called and reads, and that is stopped; ms until all calls of it had ended) a round."""
        open_calls = 2000
        output, grown = self.run_watched("stopped", round_ms, rounds, envs=3, open_calls=open_calls, mailbox=4000, seconds=rounds * round_ms * 4 / 1000 + 30)
        found = [[int(each) for each in match] for match in ROUND.findall(output)]
        self.assertEqual(len(found), rounds)
        for each in found:
            self.assertEqual(each[7], 0, "calls failed")
            self.assertGreater(each[4], 0, "none was refused")
        self.assert_within(grown, [IN_FLIGHT + open_calls * (PUSHED + ENVELOPE), 0, MAILBOX_BYTES + IN_FLIGHT])
        return [(*each[:3], each[8]) for each in found]
