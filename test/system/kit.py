"""Helpers for tests of whole programs: start them, wait for what they say, and see that nothing of them is left.

Nothing here waits without a limit, and every wait is for an event: a line, an end, a condition.

    class Demo(kit.TestCase):
        def test_answers(self):
            program = self.start([kit.build("bin/corps"), "version"])
            self.assertEqual(program.wait(5), 0)
            self.assertRegex(program.stdout_text(), r"^corps 0\\.")
            # at the end of the test no process, socket or shared memory of it may be left
"""

import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

BUILD_DIR = os.environ.get("TEST_BUILD_DIR", "")
SOURCE_DIR = os.environ.get("TEST_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MARK = "TEST_MARK"  # no name that begins with CORPS_: those are configuration

# A sanitizer makes everything slower; limits that are not measured quantities are multiplied by this.
SANITIZED = os.path.basename(BUILD_DIR) in ("asan", "tsan")
SLOWER = 5 if SANITIZED else 1


def build(path):
    """The absolute path of something in the build folder."""
    return os.path.join(BUILD_DIR, path)


def source(path):
    """The absolute path of something in the source tree."""
    return os.path.join(SOURCE_DIR, path)


def eventually(condition, seconds, what="the condition"):
    """Returns the first true value of condition(); fails after `seconds`."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        pause.wait(0.002)


# ---- what the system knows of processes ----


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _stat(pid):
    """(state, parent, group, session) of a process; None if there is none."""
    content = _read(f"/proc/{pid}/stat").decode(errors="replace")
    if not content:
        return None
    fields = content[content.rindex(")") + 2 :].split()
    return fields[0], int(fields[1]), int(fields[2]), int(fields[3])


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def is_running(pid):
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def command_line(pid):
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def processes_of(mark, session=None):
    """Every process that carries the mark in its environment or belongs to the session. One that has ended and waits for
    its new parent, the init process of the system, to notice does not count: that is not in its hands."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for pid in processes():
        stat = _stat(pid)
        if stat is None or stat[0] in "ZX" or pid == os.getpid():
            continue
        if (session is not None and stat[3] == session) or wanted in _read(f"/proc/{pid}/environ").split(b"\0"):
            found.append(pid)
    return found


def memory_bytes(pid, key="VmRSS"):
    """A line of /proc/<pid>/status that is in kB, as bytes: VmRSS, VmHWM, RssAnon; 0 once the process is gone."""
    match = re.search(rf"^{key}:\s+(\d+) kB", _read(f"/proc/{pid}/status").decode(), re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


def open_files(pid):
    """Where each descriptor of a process leads: {number: target}."""
    found = {}
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return found
    for number in numbers:
        try:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            pass
    return found


# ---- what may be left in the system ----


def abstract_sockets():
    """All abstract Unix sockets of this network namespace: {(name with the @ in front, inode)}."""
    found = set()
    for line in _read("/proc/net/unix").decode(errors="replace").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7].startswith("@"):
            found.add((fields[7], int(fields[6])))
    return found


def _sockets_of_others():
    """The inodes of sockets held by processes that somebody else started: their parent is neither this process nor init,
    to whom what a test leaves behind is given."""
    parents = {pid: stat[1] for pid in processes() if (stat := _stat(pid))}

    def is_other(pid):
        orphan = parents.get(pid, 0) in (0, 1)
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return not orphan and pid != os.getpid()

    inodes = set()
    for pid in parents:
        if is_other(pid):
            for target in open_files(pid).values():
                if target.startswith("socket:["):
                    inodes.add(int(target[8:-1]))
    return inodes


def shared_memory():
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


class Traces:
    """What there was before a test, to be compared with what there is after it."""

    def __init__(self, pattern="corps"):
        self._pattern = re.compile(pattern)
        self._sockets = abstract_sockets()
        self._memory = shared_memory()

    def new(self):
        sockets = {(name, inode) for name, inode in abstract_sockets() - self._sockets if self._pattern.search(name)}
        if sockets:
            others = _sockets_of_others()
            sockets = {name for name, inode in sockets if inode not in others}
        memory = {"/dev/shm/" + name for name in shared_memory() - self._memory}
        return sorted(sockets | memory)


# ---- a program under test ----


class Line:
    """One line of output and the time.monotonic() at which it was read."""

    def __init__(self, text, at):
        self.text = text
        self.at = at


class Program:
    """A process in a session of its own. Both outputs are read from the start, so that no line is missed."""

    def __init__(self, command, cwd=None, env=None, stdin=subprocess.DEVNULL):
        self.mark = uuid.uuid4().hex
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CORPS_")}  # that is configuration
        environment = dict(inherited if env is None else env)
        environment[MARK] = self.mark
        self.command = [str(word) for word in command]
        self.started_at = time.monotonic()
        self.ended_at = None
        self._process = subprocess.Popen(
            self.command, cwd=cwd, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self.pid = self._process.pid
        self.stdin = self._process.stdin
        self._changed = threading.Condition()
        self._lines = {"stdout": [], "stderr": []}
        self._closed = {"stdout": False, "stderr": False}
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name, pipe):
        for line in pipe:
            with self._changed:
                self._lines[name].append(Line(line.rstrip(b"\n").decode(errors="surrogateescape"), time.monotonic()))
                self._changed.notify_all()
        pipe.close()
        with self._changed:
            self._closed[name] = True
            self._changed.notify_all()

    def lines(self, stream="stdout"):
        with self._changed:
            return list(self._lines[stream])

    def stdout_text(self):
        return "".join(line.text + "\n" for line in self.lines("stdout"))

    def stderr_text(self):
        return "".join(line.text + "\n" for line in self.lines("stderr"))

    def wait_line(self, pattern, seconds=10, stream="stdout", after=0):
        """Waits for a line that matches, from line number `after` on. Returns (number, match, Line)."""
        expression = re.compile(pattern)
        end = time.monotonic() + seconds * SLOWER
        at = after
        with self._changed:
            while True:
                lines = self._lines[stream]
                while at < len(lines):
                    match = expression.search(lines[at].text)
                    if match:
                        return at, match, lines[at]
                    at += 1
                left = end - time.monotonic()
                if self._closed[stream] or left <= 0:
                    reason = "its output ended" if self._closed[stream] else f"{seconds * SLOWER} s have passed"
                    break
                self._changed.wait(left)
        raise AssertionError(f"no line of {stream} matches {pattern!r}, and {reason}\n{self.report()}")

    def wait(self, seconds=10):
        """Waits for the end of the process itself and of its output; returns its exit code, -N after signal N."""
        pidfd = os.pidfd_open(self.pid) if self._process.poll() is None else None
        if pidfd is not None:
            try:
                if not select.select([pidfd], [], [], seconds * SLOWER)[0]:
                    raise AssertionError(f"still running after {seconds * SLOWER} s\n{self.report()}")
                self.ended_at = time.monotonic()
            finally:
                os.close(pidfd)
        code = self._process.wait()
        self.ended_at = self.ended_at or time.monotonic()
        for reader in self._readers:
            reader.join(5)
        return code

    def is_running(self):
        return self._process.poll() is None

    def signal(self, number):
        self._process.send_signal(number)

    def family(self):
        """The pids of this process and of all that it started."""
        return processes_of(self.mark, self.pid)

    def children(self):
        return [pid for pid in self.family() if pid != self.pid]

    def report(self):
        tail = [f"command: {' '.join(self.command)}", f"exit code: {self._process.poll()}"]
        for stream in ("stdout", "stderr"):
            texts = [line.text for line in self._lines[stream]]
            tail += [f"{stream}, {len(texts)} lines, the last:"] + ["  " + text for text in texts[-30:]]
        tail += [f"process {pid}: {command_line(pid)}" for pid in self.family()]
        return "\n".join(tail)

    def kill(self):
        """Ends the process and all that it started."""
        for pid in self.family():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()
        if self.stdin:
            self.stdin.close()


class TestCase(unittest.TestCase):
    """A test that ends every program that it started, and fails if one of them left something behind."""

    maxDiff = 4000

    def setUp(self):
        self._programs = []
        self._traces = Traces()
        self._folder = None

    def tearDown(self):
        try:
            for program in self._programs:
                if not program.is_running():
                    self.assert_no_leftovers(program, seconds=1)
        finally:
            for program in self._programs:
                program.kill()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
        eventually(lambda: not self._traces.new(), 2, f"that no socket and no shared memory is left ({self._traces.new()})")

    def start(self, command, **options):
        program = Program(command, **options)
        self._programs.append(program)
        return program

    def run_program(self, command, seconds=20, **options):
        """Runs a program to its end; returns (exit code, stdout, stderr)."""
        program = self.start(command, **options)
        code = program.wait(seconds)
        return code, program.stdout_text(), program.stderr_text()

    def folder(self):
        """A new folder for the files of this test; removed at its end."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="corps-test-")
        return self._folder

    def file(self, name, content):
        """Writes a file into the folder of this test and returns its path."""
        path = os.path.join(self.folder(), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def assert_no_leftovers(self, program, seconds=1):
        """After the end of a program: no process of it, socket or shared memory is left within `seconds`."""
        limit = seconds * SLOWER

        def gone():
            return not program.family()

        try:
            eventually(gone, limit)
        except AssertionError:
            left = [f"{pid}: {command_line(pid)}" for pid in program.family()]
            raise AssertionError(f"processes are left after {limit} s: {left}\n{program.report()}") from None
        try:
            eventually(lambda: not self._traces.new(), limit)
        except AssertionError:
            raise AssertionError(f"left in the system after {limit} s: {self._traces.new()}") from None


main = unittest.main
