"""What the benchmarks do with what programs print: medians, ratios, the peers that are missing, the JSON file, the chart.
The programs are made up here; none is built."""

import json
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

import kit

sys.path.insert(0, kit.source("test/bench"))

import report  # noqa: E402
import rows  # noqa: E402
import run  # noqa: E402


def printing(words, code=0):
    return [sys.executable, "-c", f"import sys; print({words!r}); print('it hurts', file=sys.stderr); sys.exit({code})"]


def row(name):
    return rows.find([name])[0]


class ProgramsTest(kit.TestCase):
    def test_values_are_read_and_other_lines_are_not(self):
        self.assertEqual(run.run_once(printing("warming up\nring 12.5\nfork-join 3e+06"), ["ring", "fork-join"]),
                         {"ring": 12.5, "fork-join": 3e6})

    def test_a_program_that_did_not_measure_is_named_with_its_reason(self):
        for command, words in (
            (printing("ring 12", code=3), r"ended with 3: it hurts"),
            (printing("ring"), "did not print a value for ring"),
            (printing("ring 0"), "did not print a value for ring"),
            (printing("big 1"), "did not print a value for ring"),
            ([sys.executable, "-c", "import os; os.abort()"], "was killed by signal 6"),
            (["/no/such/program"], "cannot be started: No such file"),
        ):
            with self.subTest(words), self.assertRaisesRegex(run.Failed, words):
                run.run_once(command, ["ring"])

    def test_a_program_that_does_not_end_is_given_up(self):
        with self.assertRaisesRegex(run.Failed, "did not end within 0.2 s"):
            run.run_once([sys.executable, "-c", "import signal; signal.pause()"], ["ring"], 0.2)

    def test_all_sides_take_turns_and_each_begins_once(self):
        order = []

        def command_of(who, program, threads):
            order.append(who)
            self.assertEqual((program, threads), ("ring", 2))
            return who

        found = run.measure([row("ring")], 2, 3, command_of, lambda who, wanted: {"ring": len(order)})
        self.assertEqual(order, ["ours", "caf", "erlang", "caf", "erlang", "ours", "erlang", "ours", "caf"])
        self.assertEqual((found[0].ours, found[0].peers), ([1, 6, 8], {"caf": [2, 4, 9], "erlang": [3, 5, 7]}))

    def test_a_side_that_fails_once_is_missing(self):
        calls = []

        def run_by_name(who, wanted):
            calls.append(who)
            if who == "caf" and calls.count("caf") == 2:
                raise run.Failed("crashed")
            return {name: 5 for name in wanted}

        group = [row("idle-create"), row("idle-bytes")]
        found = run.measure(group, 1, 3, lambda who, program, threads: who, run_by_name)
        self.assertEqual([result.row.name for result in found], ["idle-create", "idle-bytes"])
        for result in found:
            self.assertEqual((result.ours, result.peers), ([5, 5, 5], {"caf": "missing", "erlang": [5, 5, 5]}))
        self.assertEqual(calls.count("caf"), 2)

    def test_rows_at_half_of_a_peak_are_given_the_rate_and_have_names_of_their_own(self):
        group = [each for each in rows.find(["link-shm-load-half-zeromq"])]
        self.assertEqual([each.printed for each in group], ["link-shm-load-p50", "link-shm-load-p99", "link-shm-load-p999"])
        commands = []

        def run_by_name(command, wanted):
            commands.append(command)
            peak = {"zeromq": 1001, "ours": 2002}
            return {name: peak[command[0]] if "pipelined" in name else 7 for name in wanted}

        command_of = lambda who, program, threads: [who, program, str(threads)]  # noqa: E731
        peaks = run.Peaks(command_of, 1, run_by_name)
        for turn in range(2):
            found = run.measure_at_rate(group, 1, 1, command_of, peaks, run_by_name)
        self.assertEqual(commands[0], ["zeromq", "link-shm-pipelined-64", "1"])
        self.assertEqual(sorted(commands[1:]), sorted([["ours", "link-shm-load", "1", "500"], ["zeromq", "link-shm-load", "1", "500"]] * 2))
        self.assertEqual((found[1].ours, found[1].peers, found[1].as_json()["calls_per_second"]), ([7], {"zeromq": [7]}, 500))

    def test_without_the_peak_of_a_peer_there_is_nothing_to_measure(self):
        def fail(command, wanted):
            raise run.Failed("not here")

        peaks = run.Peaks(lambda *what: what, 1, fail)
        self.assertEqual(run.measure_at_rate(rows.find(["link-tcp-load-half-grpc"]), 1, 1, None, peaks), [])
        mine = run.measure_at_rate(rows.find(["link-tcp-load-half-ours"]), 1, 1, None, peaks)
        self.assertEqual([each.ours for each in mine], ["missing"] * 3)

    def test_a_peer_that_cannot_be_installed_is_missing(self):
        path, os.environ["PATH"] = os.environ["PATH"], ""
        try:
            with self.assertRaisesRegex(run.Failed, "erlang-base"):
                run.Programs(tempfile.gettempdir(), kit.SOURCE_DIR).command("erlang", "ring", 1)
        finally:
            os.environ["PATH"] = path


class RowsTest(kit.TestCase):
    def test_names_choose_rows(self):
        names = lambda *patterns: [found.name for found in rows.find(patterns)]  # noqa: E731
        self.assertEqual(names(), [each.name for each in rows.ROWS])
        self.assertEqual(names("tell"), ["tell-1-1", "tell-8-1"])
        self.assertEqual(names("blocking-call"), ["blocking-call"])
        with self.assertRaisesRegex(LookupError, "no benchmark 'rong'; there are: request-answer, "):
            rows.find(["ring", "rong"])

    def test_every_row_is_measured_by_the_programs_that_take_part(self):
        tables = {who: f"{who}/main.cpp" for who in (rows.OURS, "caf", "floor")} | {who: "pairs.hpp" for who in ("zeromq", "grpc")}
        for who, table in tables.items():
            with open(kit.source(f"test/bench/{table}"), encoding="utf-8") as file:
                found = re.findall(r'Row\{"([a-z0-9-]+)"', file.read())
            with self.subTest(who):
                self.assertEqual(sorted(found), sorted({each.program for each in rows.ROWS if who in (rows.OURS, *each.peers)}))

    def test_rows_measured_together_make_one_group(self):
        groups = [[each.name for each in group] for group in run.groups_of(rows.ROWS)]
        self.assertIn(["idle-create", "idle-bytes"], groups)


class ReportTest(kit.TestCase):
    results = [
        report.Result(row("request-answer"), 1, [210, 190, 205], {"caf": [1000, 1025, 1100], "erlang": "missing"}),
        report.Result(row("tell-1-1"), 2, [2e7, 2.2e7, 2.1e7], {"caf": [4e6, 4.2e6, 5e6], "erlang": [1e7, 1e7, 1e7]}),
        report.Result(row("blocking-call"), 1, "missing", {"caf": [5e4], "floor": [5000.0]}),
    ]

    def test_table(self):
        lines = [re.split(r"  +", line.strip()) for line in report.table(self.results)]
        self.assertEqual(lines[0], ["row", "threads", "better", "ours", "caf", "erlang", "floor", "ours/caf", "ours/erlang", "ours/floor"])
        self.assertEqual(lines[1], ["request-answer", "1", "lower", "205 ns", "1.02 µs", "missing", "0.20", "-"])
        self.assertEqual(lines[2], ["tell-1-1", "2", "higher", "21.0 M/s", "4.20 M/s", "10.0 M/s", "5.00", "2.10"])
        self.assertEqual(lines[3], ["blocking-call", "1", "lower", "missing", "50.0 µs", "5.00 µs", "-", "-"])

    def test_json(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bench.json")
            report.write_json(self.results, path)
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
        self.assertEqual(found[0], {
            "row": "request-answer", "unit": "ns", "better": "lower", "threads": 1,
            "ours": [210, 190, 205], "peers": {"caf": [1000, 1025, 1100], "erlang": "missing"},
        })
        self.assertEqual(found[2]["ours"], "missing")

    def test_chart(self):
        namespace = "{http://www.w3.org/2000/svg}"
        drawing = xml.fromstring(report.chart(self.results))
        words = [text.text for text in drawing.iter(namespace + "text")]
        for expected in ("request-answer, 1 thread", "tell-1-1, 2 threads", "205 ns", "21.0 M/s", "erlang: missing", "ours: missing"):
            self.assertIn(expected, words)
        bars = {}
        for bar in drawing.iter(namespace + "rect"):
            title = bar.find(namespace + "title")
            if title is not None:
                bars.setdefault(title.text, []).append(float(bar.get("width")))
        self.assertEqual(bars["caf"][0], report.BAR_WIDTH)  # the longest of its row
        self.assertAlmostEqual(bars["ours"][0], report.BAR_WIDTH * 205 / 1025, delta=0.1)
        self.assertAlmostEqual(bars["floor"][0], report.BAR_WIDTH / 10, delta=0.1)


if __name__ == "__main__":
    unittest.main()
