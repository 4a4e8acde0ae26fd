"""What goes wrong with calls between Envs: each gets the error the design promises, soon, and the link goes on."""

import re
import unittest

import corps_kit
import kit

SOON_MS = 1000 * kit.SLOWER
ANOTHER_CLASS = "the Name says another class than the Worker has$"


class CallsTest(corps_kit.CorpsCase):
    def outcomes(self, mode, *settings, envs=3):
        """{what: (milliseconds, how it ended)}"""
        running = self.boot("calls", mode, envs=envs, settings=settings)
        self.assertEqual(running.wait(60), 0, running.report())
        self.assertEqual(running.lines()[-1].text, "done", running.report())
        self.running = running
        pattern = re.compile(r"^(.+): (\S+) ms \| (.*)$")
        found = [pattern.match(line.text) for line in running.lines()]
        return {match.group(1): (float(match.group(2)), match.group(3)) for match in found if match}

    def test_errors(self):
        outcomes = self.outcomes("errors")
        for took, _ in outcomes.values():
            self.assertLess(took, SOON_MS)
        texts = {what: text for what, (_, text) in outcomes.items()}
        self.assertEqual(texts["throws"], "RemoteError yes: no such shelf | Relay::boom at env 1, conc 16.1")
        self.assertEqual(
            texts["throws twice"], "RemoteError yes: no such shelf | Relay::boom at env 2, conc 16.1 | Relay::boom_at at env 1, conc 16.1"
        )
        self.assertRegex(
            texts["no method"],
            r"^AttributeError no: env 1 has no method with the identity 0000000057424e47: .*; "
            r"called: Stranger::method \(u64\); it has no method of this name$",
        )
        self.assertRegex(
            texts["other version"],
            r"^AttributeError no: env 1 has no method with the identity 0000000057424e48: .*; "
            r"called: probe::Worker::size_of \(u64\)u64; there: \(str\)u64$",
        )
        self.assertRegex(texts["bad arguments"], r"^DecodeError no: env 1 cannot unpack the arguments of probe::Worker::size_of: ")
        self.assertEqual(texts["no env"], "WorkerLost no: there is no env 77 in this Corps")
        self.assertEqual(texts["still there"], "it returned")
        self.assert_no_errors_logged(self.running)

    def test_functions(self):
        texts = {what: text for what, (_, text) in self.outcomes("functions", envs=2).items()}
        lines = [line.text for line in self.running.lines()]
        self.assertIn("function: there, bound: there", lines)
        self.assertIn("task: 42", lines)
        self.assertIn("alive: 1, then 0", lines)
        self.assertIn("asked by: ann at the front", lines)
        self.assertRegex(
            texts["foreign function"],
            r"^AttributeError no: env 1 cannot unpack the arguments of Relay::run: this program cannot run other::function, "
            r"which was bound in another one: it has no such function, or never binds it in this way$",
        )
        self.assertRegex(texts["not offered"], r"^AttributeError no: env 1, conc \d+\.\d+ is a Relay, which has no sum; " + ANOTHER_CLASS)

    def test_names_made_of_foreign_bytes(self):
        outcomes = self.outcomes("names")
        for took, _ in outcomes.values():
            self.assertLess(took, SOON_MS)
        texts = {what: text for what, (_, text) in outcomes.items()}
        self.assertEqual(texts.pop("still there"), "it returned")
        self.assertRegex(texts.pop("wrong class"), r"^AttributeError no: env 1, conc 16.1 is a Relay, which has no probe::Worker::pid; " + ANOTHER_CLASS)
        self.assertRegex(texts.pop("front at env 0"), r"^AttributeError no: env 0, conc 2.0 is a Calls, which has no [^;]*; " + ANOTHER_CLASS)
        self.assertEqual(texts.pop("unknown env"), "WorkerLost no: there is no env 4000000000 in this Corps")
        self.assertEqual(len(texts), 12)
        for what, text in texts.items():
            self.assertRegex(text, r"^WorkerLost no: there is no Worker at env [01], conc \d+\.\d+: it has ended, or never was$", what)
        lines = self.assert_logged(self.running, "a tell of probe::Worker::add at env 0, conc 0.0 has no Worker to go to: ")
        self.assertLess(len(lines), 64, "the log has a limit")

    def test_deadlines_travel(self):
        outcomes = self.outcomes("deadlines")
        # The inner call ends when the outer one does: the answer to that, or its own end, comes first.
        for what, ends in (("nested", "^(Timeout maybe: |it returned)"), ("inner", "^Timeout maybe: ")):
            took, text = outcomes[what]
            self.assertRegex(text, ends)
            self.assertTrue(90 <= took < 100 + 200 * kit.SLOWER, f"{what}: {took} ms")
        took, text = outcomes["queued"]
        self.assertRegex(text, "^Timeout maybe: ")
        self.assertTrue(45 <= took < 50 + 200 * kit.SLOWER, f"{took} ms")
        self.assertIn("ran: 0\n", self.running.stdout_text())

    def test_cancels_reach_other_envs(self):
        for carrier in ("auto", "tcp"):
            outcomes = self.outcomes("cancels", f"net.carrier={carrier}")
            for what in ("queued", "chain", "handed on by env 0", "handed on by env 1", "computing"):
                took, text = outcomes[what]
                self.assertRegex(text, "^Cancelled maybe: ", what)
                self.assertLess(took, SOON_MS)
            self.assertIn("counted: 0\n", self.running.stdout_text(), "what was not begun is not run")
            self.assert_no_errors_logged(self.running)

    def test_circles_across_envs_are_named(self):
        for carrier in ("auto", "tcp"):
            outcomes = self.outcomes("cycles", f"net.carrier={carrier}")
            for what, envs in (("two", (0, 1)), ("three", (0, 1, 2)), ("tail", (1, 2))):
                took, text = outcomes[what]
                self.assertRegex(text, "^RemoteError yes: requests wait for each other in a circle: ", what)
                for env in envs:
                    self.assertRegex(text, f"Ring::pass at env {env}, conc ", what)
                self.assertEqual(text.count("waits for"), len(envs), text)
                self.assertLess(took, SOON_MS, what)
            stdout = self.running.stdout_text()
            self.assertIn("met: 5, ran: 5\n", stdout, "of two waits one ends, and the other call is served")
            self.assertIn("bounced: 20\n", stdout)
            self.assert_no_errors_logged(self.running)

    def test_streams_between_envs(self):
        for carrier in ("auto", "tcp"):
            texts = {what: text for what, (_, text) in self.outcomes("streams", f"net.carrier={carrier}").items()}
            stdout = self.running.stdout_text()
            self.assertIn(f"result: {sum(range(100_000))}\n", stdout)
            self.assertIn("argument: 3000000\n", stdout)
            self.assertIn(f"handed on: {sum(range(50_000))}\n", stdout, "by an Env that neither writes nor reads it")
            self.assertIn("endless: 0\n", stdout)
            self.assertRegex(texts["throws"], "^RemoteError yes: no more")
            self.assertEqual(texts["dropped"], "it returned")
            self.assertRegex(texts["producer ends"], r"^WorkerLost maybe: env 1, conc \d+\.\d+ ended while it produced a stream")
            self.assertRegex(texts["no reader"], "^Cancelled .*: the consumer of the stream has dropped it")

    def test_large_arguments(self):
        self.outcomes("sizes", envs=2)
        sizes = re.findall(r"^(\d+) MiB: (\S+) ms, same, (\d+) small calls, worst (\S+) ms$", self.running.stdout_text(), re.MULTILINE)
        self.assertEqual([size for size, _, _, _ in sizes], ["1", "10", "50"], self.running.report())
        for size, took, _, worst in sizes:
            self.assertLess(float(worst), 1000 * kit.SLOWER, f"of a small call beside {size} MiB")
            print(f"{size} MiB there and back in {took} ms; a small call beside it took {worst} ms at worst")

    def test_messages_over_the_limit(self):
        texts = {what: text for what, (_, text) in self.outcomes("limits", "limits.message=2MiB").items()}
        self.assertRegex(texts["large argument"], r"^Overloaded no: the arguments cannot be packed: limit `message` \(2097152 bytes\) ")
        self.assertRegex(texts["large result"], r"^Overloaded yes: the result of probe::Worker::of_size cannot be packed: limit `message` ")
        self.assertEqual(texts["fits"], "it returned")

    def test_an_env_that_takes_nothing_costs_its_callers_a_limited_amount_of_memory(self):
        running = self.boot("calls", "flood", envs=2, settings=["limits.message=2MiB", "limits.in_flight_per_link=4MiB"])
        _, match, _ = running.wait_line(r"^flooded (\d+)$", 30)
        grown = kit.memory_bytes(int(match.group(1)), "VmHWM")
        self.assertEqual(running.wait(60), 0, running.report())
        if not kit.SANITIZED:
            self.assertLess(grown, 64 << 20, "130 MiB were sent, 4 MiB may wait")
        text = running.stdout_text()
        self.assertRegex(text, r"one more: \S+ ms \| Overloaded no: \d+ bytes wait to be sent to env 1, the most that may")
        answered, overloaded = map(int, re.search(r"^answered (\d+), overloaded (\d+)$", text, re.MULTILINE).groups())
        self.assertEqual(answered + overloaded, 100)
        self.assertTrue(0 < answered < 100, answered)
        self.assertRegex(text, r"later: \S+ ms \| it returned")


if __name__ == "__main__":
    unittest.main()
