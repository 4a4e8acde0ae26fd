"""Runs the benchmarks: our programs and the peers' in turn, and says what they measured.

Usage: run.py [--repeat N] [--json FILE] [NAME...]     (TEST_BUILD_DIR and TEST_SOURCE_DIR are set)

NAME is a row of rows.py, or the beginning of several. The table goes to stdout, progress to stderr, the chart to bench/ beside
the build. FILE gets a JSON array with one object for each row and number of threads. Exit code 1: something of ours failed.
"""

import argparse
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys

import report
import rows

SECONDS_MAX = 60  # for one run of one program
VALUE = re.compile(r"^([a-z0-9-]+) ([0-9.]+(?:e[+-]?[0-9]+)?)$")


class Failed(Exception):
    """A program that did not measure what it was asked for, and why."""


def say(words):
    print(words, file=sys.stderr, flush=True)


class Programs:
    """How the program of each side is started."""

    def __init__(self, build, source):
        self.folder = os.path.join(build, "test", "bench")
        self.erlang_source = os.path.join(source, "test", "bench", "erlang")
        self.erlang_ready = False
        self.certificates_page = os.path.join(source, "docs", "operate", "certificates.md")
        self.certificate_settings = []

    def command(self, who, row_name, threads):
        if who == "erlang":
            self._compile_erlang()
            return [
                *("erl", "+S", f"{threads}:{threads}", "+P", "2000000", "-noshell", "-noinput"),
                # Only where there are two nodes: they find each other without a port mapper, and let in nobody else.
                *("-start_epmd", "false", "-epmd_module", "links_epmd", "-setcookie", secrets.token_hex(16)),
                *("-pa", self._beams(), "-run", "bench", "main", row_name),
            ]
        if who == rows.OURS and row_name.startswith("link-tls-"):
            return ["env", *self._certificates(), *self.command(rows.PLAIN, row_name, threads)]
        return [os.path.join(self.folder, f"bench_{'ours' if who == rows.PLAIN else who}"), row_name, str(threads)]

    def _certificates(self):
        """Settings of a CA and a certificate, made by the very commands that an operator is told."""
        if not self.certificate_settings:
            folder = os.path.join(self.folder, "certificates")
            os.makedirs(folder, exist_ok=True)
            with open(self.certificates_page, encoding="utf-8") as page:
                commands = [line for line in page if re.match("openssl |chmod ", line)]
            for command in commands:
                subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
            names = {"CA": "ca.pem", "CERTIFICATE": "env.pem", "KEY": "env.key"}
            self.certificate_settings = [f"CORPS_NET_TLS_{key}={os.path.join(folder, name)}" for key, name in names.items()]
        return self.certificate_settings

    def _beams(self):
        return os.path.join(self.folder, "beams")

    def _compile_erlang(self):
        if self.erlang_ready:
            return
        if not shutil.which("erlc"):
            raise Failed("there is no erlc; the Debian package is erlang-base")
        os.makedirs(self._beams(), exist_ok=True)
        sources = [os.path.join(self.erlang_source, name) for name in os.listdir(self.erlang_source) if name.endswith(".erl")]
        compiled = subprocess.run(["erlc", "-o", self._beams(), *sources], check=False, capture_output=True, text=True)
        if compiled.returncode != 0:
            raise Failed(f"erlc: {compiled.stdout.strip()}")
        self.erlang_ready = True


def values_of(output):
    """{row: value} of what a program printed."""
    found = {}
    for line in output.splitlines():
        match = VALUE.match(line)
        if match:
            found[match.group(1)] = float(match.group(2))
    return found


def run_once(command, wanted, seconds_max=SECONDS_MAX):
    """{row: value} for each wanted row. Raises Failed."""
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds_max, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Failed(f"did not end within {seconds_max} s") from None
    except OSError as error:
        raise Failed(f"cannot be started: {error.strerror}") from None
    words = " ".join(ended.stderr.split())[-300:]
    if ended.returncode != 0:
        how = f"ended with {ended.returncode}" if ended.returncode > 0 else f"was killed by signal {-ended.returncode}"
        raise Failed(f"{how}: {words}" if words else how)
    found = values_of(ended.stdout)
    missing = [name for name in wanted if not found.get(name, 0) > 0]
    if missing:
        raise Failed(f"did not print a value for {', '.join(missing)}")
    return {name: found[name] for name in wanted}


def measure(group, threads, repeat, command_of, run=run_once):
    """Results of rows that the same programs measure. All sides run by turns; who begins changes from round to round, so that
    a machine that becomes slower or faster meanwhile is not one side's luck. A side that fails once is missing."""
    sides = [rows.OURS, *(peer for peer in rows.PEERS if peer in group[0].peers)]
    wanted = [row.printed for row in group]
    cells = {who: {name: [] for name in wanted} for who in sides}
    failed = set()
    for turn in range(repeat):
        for who in sides[turn % len(sides) :] + sides[: turn % len(sides)]:
            if who in failed:
                continue
            try:
                values = run(command_of(who, group[0].program, threads), wanted)
            except Failed as error:
                say(f"{group[0].name}, {threads} threads: {who} is missing: {error}")
                failed.add(who)
                continue
            for name, value in values.items():
                cells[who][name].append(value)

    def cell(who, name):
        return report.MISSING if who in failed else cells[who][name]

    return [
        report.Result(row, threads, cell(rows.OURS, row.printed), {who: cell(who, row.printed) for who in sides if who != rows.OURS})
        for row in group
    ]


def groups_of(chosen):
    """The chosen rows, those together that the same programs measure."""
    groups = {}
    for row in chosen:
        groups.setdefault((row.program, row.at_half_of), []).append(row)
    return list(groups.values())


class Peaks:
    """How many calls a second each side makes where it makes as many as it can: measured once, when it is first asked for."""

    def __init__(self, command_of, repeat, run=run_once):
        self.command_of = command_of
        self.repeat = repeat
        self.run = run
        self.known = {}

    def of(self, who, row_name, threads):
        key = who, row_name, threads
        if key not in self.known:
            command = self.command_of(who, row_name, threads)
            self.known[key] = statistics.median(self.run(command, [row_name])[row_name] for _ in range(self.repeat))
        return self.known[key]


def measure_at_rate(group, threads, repeat, command_of, peaks, run=run_once):
    """As measure(), of rows whose calls are made at half of the peak of one side. Without a peak of a peer there are no results."""
    whose, peak_row = group[0].at_half_of, group[0].peak
    try:
        rate = int(peaks.of(whose, peak_row, threads) / 2)
    except Failed as error:
        say(f"{group[0].name} and the like are left out: the peak of {whose} is missing: {error}")
        return [report.Result(row, threads, report.MISSING, {}) for row in group] if whose == rows.OURS else []
    say(f"    {rate} calls a second")
    results = measure(group, threads, repeat, lambda *what: [*command_of(*what), str(rate)], run)
    for result in results:
        result.calls_per_second = rate
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    try:
        chosen = rows.find(options.names)
    except LookupError as error:
        say(f"dev: {error}")
        sys.exit(2)

    build = os.environ["TEST_BUILD_DIR"]
    programs = Programs(build, os.environ["TEST_SOURCE_DIR"])
    peaks = Peaks(programs.command, options.repeat)
    results = []
    for group in groups_of(chosen):
        for threads in group[0].threads:
            say(f"==> {', '.join(row.name for row in group)}: {threads} threads, {options.repeat} runs each")
            if group[0].at_half_of:
                results += measure_at_rate(group, threads, options.repeat, programs.command, peaks)
            else:
                results += measure(group, threads, options.repeat, programs.command)

    print("\n".join(report.table(results)))
    if options.json:
        report.write_json(results, options.json)
    chart = os.path.join(os.path.dirname(build), "bench", "bench.svg")
    os.makedirs(os.path.dirname(chart), exist_ok=True)
    with open(chart, "w", encoding="utf-8") as file:
        file.write(report.chart(results))
    print(f"chart: {chart}")
    if any(result.ours == report.MISSING for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
