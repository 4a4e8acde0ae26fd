"""What the tests of running Corps share: starting one, its Envs, and the sockets on which they listen."""

import os
import re
import subprocess

import kit

READY_S = 20


def program(name):
    """A test program, see programs/."""
    return kit.build(f"test/system/programs/{name}")


def _socket_inodes(pid):
    matches = (re.fullmatch(r"socket:\[(\d+)\]", target) for target in kit.open_files(pid).values())
    return {int(match.group(1)) for match in matches if match}


def listening_tcp(pid):
    """Where a process listens: [(host, port)]."""
    inodes = _socket_inodes(pid)
    found = []
    for table, host in (("tcp", "127.0.0.1"), ("tcp6", "::1")):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        found += [(host, int(row[1].rsplit(":", 1)[1], 16)) for row in rows if row[3] == "0A" and int(row[9]) in inodes]
    return found


def listening_unix(pid):
    """The abstract socket on which a process listens as an Env, with the @ in front; None if there is none."""
    inodes = _socket_inodes(pid)
    names = {name for name, inode in kit.abstract_sockets() if inode in inodes and re.match("@corps-(?!dump-)", name)}
    return names.pop() if names else None


class CorpsCase(kit.TestCase):
    def boot(self, name, *arguments, envs=1, settings=(), threads=2, **options):
        """Starts a test program directly."""
        command = [program(name), "--envs", envs, "--set", f"env.threads={threads}"]
        for setting in settings:
            command += ["--set", setting]
        return self.start([*command, "--", *arguments], **options)

    def boot_ready(self, *arguments, envs=1, **options):
        """Starts the program `lifecycle` and waits until it serves. Returns it and the pid of each Env."""
        running = self.boot("lifecycle", *arguments, envs=envs, **options)
        running.wait_line("^ready$", READY_S)
        pids = [int(line.text.rsplit(" ", 1)[1]) for line in running.lines() if line.text.startswith("env ")]
        self.assertEqual(len(pids), envs, running.report())
        return running, pids

    def certificates(self):
        """Makes a CA and a certificate by the very commands of docs/operate/certificates.md; returns the settings that name them."""
        with open(kit.source("docs/operate/certificates.md"), encoding="utf-8") as page:
            commands = [line for line in page if re.match("openssl |chmod ", line)]
        for command in commands:
            subprocess.run(command, shell=True, cwd=self.folder(), check=True, capture_output=True)
        names = {"net.tls_ca": "ca.pem", "net.tls_certificate": "env.pem", "net.tls_key": "env.key"}
        return [f"{key}={os.path.join(self.folder(), name)}" for key, name in names.items()]

    def carrier_settings(self, carrier):
        """A carrier by the word of net.carrier, or `tls`: that is tcp with certificates."""
        return ["net.carrier=tcp", *self.certificates()] if carrier == "tls" else [f"net.carrier={carrier}"]

    def assert_logged(self, running, pattern, count=None):
        lines = [line.text for line in running.lines("stderr") if re.search(pattern, line.text)]
        if count is None:
            self.assertTrue(lines, f"no line of the log matches {pattern!r}\n{running.report()}")
        else:
            self.assertEqual(len(lines), count, f"lines of the log that match {pattern!r}\n{running.report()}")
        return lines

    def assert_no_errors_logged(self, running):
        lines = [line.text for line in running.lines("stderr") if not re.search(r"^\S+ \S+ (info|debug|trace) ", line.text)]
        self.assertEqual(lines, [], running.report())
