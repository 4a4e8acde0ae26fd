"""Hosts for tests: network namespaces on one wire, whose ways can be cut in one direction, limited and healed.

Needs root. Everything is gone at the end of the test, also if it fails."""

import os
import re
import subprocess
import unittest
import uuid

import corps_kit
import kit


def _run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def why_not():
    """Why there are no namespaces to be had here; empty if there are."""
    name = f"corps-{uuid.uuid4().hex[:6]}"
    try:
        _run("ip", "netns", "add", name)
    except (OSError, RuntimeError) as error:
        return str(error)
    try:
        _run("ip", "-n", name, "link", "add", "br0", "type", "bridge")
        _run("ip", "-n", name, "link", "add", "one", "type", "veth", "peer", "name", "other")
        return ""
    except RuntimeError as error:
        return str(error)
    finally:
        _run("ip", "netns", "del", name)


class Hosts:
    """h1, h2, ... on one wire. Each knows the others by fixed hardware addresses, so that a way is cut by a wrong one."""

    def __init__(self, names, addresses):
        self.names = list(names)
        self.addresses = addresses
        self._namespaces = self.names

    @classmethod
    def existing(cls, names, addresses):
        """Hosts without a wire, which somebody else lays, and gives them these addresses."""
        hosts = cls(names, addresses)
        for name in names:
            _run("ip", "netns", "add", name)
        return hosts

    @classmethod
    def on_a_wire(cls, families):
        """`families`: of each host, from "4", "6" and "46"."""
        run = uuid.uuid4().hex[:6]
        numbers = range(1, len(families) + 1)
        addresses = [[f"fd99::{number}"] * ("6" in family) + [f"10.99.0.{number}"] * ("4" in family) for number, family in zip(numbers, families)]
        hosts = cls([f"corps-{run}-h{number}" for number in numbers], addresses)
        hosts._wire = f"corps-{run}-w"
        hosts._namespaces = [*hosts.names, hosts._wire]
        hosts._families = families
        try:
            hosts._make()
        except BaseException:
            hosts.close()
            raise
        return hosts

    def _make(self):
        _run("ip", "netns", "add", self._wire)
        _run("ip", "-n", self._wire, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        _run("ip", "-n", self._wire, "link", "set", "br0", "up")
        for number, (name, families) in enumerate(zip(self.names, self._families), 1):
            _run("ip", "netns", "add", name)
            port = f"p{number}"
            _run("ip", "-n", self._wire, "link", "add", port, "type", "veth", "peer", "name", "eth0", "address", self._hardware(number), "netns", name)
            _run("ip", "-n", self._wire, "link", "set", port, "master", "br0", "up")
            if "6" not in families:
                _run("ip", "netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
            for device in ("lo", "eth0"):
                _run("ip", "-n", name, "link", "set", device, "up")
            for address in self.addresses[number - 1]:
                _run("ip", "-n", name, "addr", "add", *([f"{address}/64", "nodad"] if ":" in address else [f"{address}/24"]), "dev", "eth0")
        for at in range(1, len(self.names) + 1):
            for to in range(1, len(self.names) + 1):
                if at != to:
                    self.heal(at, to)

    @staticmethod
    def _hardware(number):
        return f"02:00:00:00:00:{number:02x}"

    def _set_neighbour(self, at, to, hardware):
        for family, address in (("4", f"10.99.0.{to}"), ("6", f"fd99::{to}")):
            if family in self._families[at - 1] and family in self._families[to - 1]:
                _run("ip", "-n", self.names[at - 1], "neigh", "replace", address, "lladdr", hardware, "dev", "eth0", "nud", "permanent")

    def cut(self, at, to):
        """What host `at` sends to host `to` is lost, without a word; the other direction is as it was."""
        self._set_neighbour(at, to, self._hardware(99))

    def heal(self, at, to):
        self._set_neighbour(at, to, self._hardware(to))

    def cut_both(self, one, other):
        self.cut(one, other)
        self.cut(other, one)

    def heal_both(self, one, other):
        self.heal(one, other)
        self.heal(other, one)

    def limit_rate(self, rate):
        for name in self.names:
            _run("tc", "-n", name, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "32k", "latency", "100ms")

    def inside(self, number):
        """Words that run a program on a host."""
        return ["ip", "netns", "exec", self.names[number - 1]]

    def close(self):
        there = _run("ip", "netns", "list")
        for name in self._namespaces:
            if re.search(rf"^{name}\b", there, re.MULTILINE):
                _run("ip", "netns", "del", name)


class HostsCase(corps_kit.CorpsCase):
    """Corps whose Envs are on several hosts."""

    @classmethod
    def setUpClass(cls):
        why = why_not()
        if why:
            print(f"skipped: no network namespaces here: {why}")
            raise unittest.SkipTest(f"no network namespaces here: {why}")

    def hosts(self, *families):
        hosts = Hosts.on_a_wire(families)
        self.addCleanup(hosts.close)  # when the programs on them have ended
        return hosts

    def config(self, hosts, envs=1, settings=()):
        """A configuration with `envs` Envs on each host."""
        lines = [f"{key} = '{value}'" for key, value in (setting.split("=", 1) for setting in [*self.certificates(), *settings])]
        for number, name in enumerate(hosts.names, 1):
            lines += [f"[hosts.h{number}]", f"address = {hosts.addresses[number - 1]}", f"envs = {envs}"]
            lines += [f"launch = {hosts.inside(number)}"] if number > 1 else []
        return self.file("hosts.toml", "\n".join(lines))

    def boot_on(self, hosts, name, *arguments, envs=1, settings=()):
        """Boots a test program on the first host."""
        command = [*hosts.inside(1), corps_kit.program(name), "--config", self.config(hosts, envs, settings)]
        return self.start([*command, "--set", "env.threads=2", "--", *arguments])

    def end(self, running):
        """It ends in order, and leaves nothing."""
        running.signal(15)
        self.assertEqual(running.wait(20), 128 + 15, running.report())

    def far_calls_outcome(self, running, seconds=60):
        """The figures of the last line of far_calls. What must hold of every run is checked here."""
        self.assertEqual(running.wait(seconds), 0, running.report())
        pattern = r"(\d+) envs: (\d+) sent, (\d+) answered, (\d+) lost not run, (\d+) lost maybe run, (\d+) timed out, longest (\d+) ms, (\d+) ran, (\d+) wrong"
        match = re.fullmatch(pattern, running.lines()[-1].text)
        self.assertTrue(match, running.report())
        names = ("envs", "sent", "answered", "not_run", "maybe_run", "timed_out", "longest_ms", "ran", "wrong")
        figures = dict(zip(names, map(int, match.groups())))
        print(running.lines()[-1].text)
        self.assertEqual(figures["wrong"], 0, running.report())
        self.assertEqual(figures["sent"], figures["answered"] + figures["not_run"] + figures["maybe_run"] + figures["timed_out"], running.report())
        self.assertGreaterEqual(figures["ran"], figures["answered"], running.report())
        self.assertLessEqual(figures["ran"], figures["sent"] - figures["not_run"], running.report())
        self.assertGreater(figures["answered"], 0, running.report())
        return figures


def descriptors(pids):
    """How many each process has."""
    return [len(kit.open_files(pid)) for pid in pids]
