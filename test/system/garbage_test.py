"""Bytes from anybody on the sockets of an Env that works: each connection is closed within a second with one line in the log,
memory does not follow what the bytes claim, and the links of the Env notice nothing."""

import hashlib
import hmac
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import time
import unittest

import corps_kit
import kit

MAGIC = b"\x89CORPS\r\n"
HELLO, CHALLENGE, PROOF, ACCEPT, REFUSE = 16, 17, 18, 19, 20
CLOSED_WITHIN_S = 1.0 + 0.3 * kit.SLOWER  # limits.handshake, and the time to notice
with open(kit.source("env/net/internal/wire.hpp"), encoding="utf-8") as file:
    VERSION = int(re.search(r"version_max = (\d+);", file.read()).group(1))
SEED = int(os.environ.get("TEST_SEED", "1"))


def frame(kind, payload, length=None, flags=0, reserved=0):
    return struct.pack("<IBBH", len(payload) if length is None else length, kind, flags, reserved) + payload


def hello(corps_id, env=1, epoch=1, low=VERSION, high=VERSION):
    return frame(HELLO, struct.pack("<HH16sII32s", low, high, corps_id, env, epoch, bytes(32)))


class GarbageCase(corps_kit.CorpsCase):
    carrier = "unix"

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.running = self.boot("under_attack", envs=3, settings=[f"net.carrier={self.carrier}"], stdin=subprocess.PIPE)
        self.running.wait_line("^ready$", corps_kit.READY_S)
        self.pids = [int(line.text.rsplit(" ", 1)[1]) for line in self.running.lines() if line.text.startswith("env ")]
        self.asked = 0
        self.names = [corps_kit.listening_unix(pid) for pid in self.pids]
        self.ports = [corps_kit.listening_tcp(pid) for pid in self.pids]
        self.assertEqual([name is not None for name in self.names], [self.carrier == "unix"] * 3)
        self.assertEqual([len(ports) for ports in self.ports], [0 if self.carrier == "unix" else 1] * 3)
        name = self.names[0]
        self.corps_id = bytes.fromhex(re.search(r"[0-9a-f]{32}", name).group(0)) if name else bytes(16)
        self.still_works()

    def still_works(self):
        """Calls between the Envs go on, and none has failed."""

        def calls():
            self.running.stdin.write(b"\n")
            self.running.stdin.flush()
            self.asked, match, _ = self.running.wait_line(r"^(\d+) calls, (.*)$", 10, after=self.asked)
            self.asked += 1
            self.assertEqual(match.group(2), "no error", self.running.report())
            return int(match.group(1))

        kit.eventually(calls, 10, "a call from Env to Env")

    def tearDown(self):
        try:
            self.still_works()
            self.running.stdin.close()
            self.assertEqual(self.running.wait(10), 0, self.running.report())
        finally:
            super().tearDown()

    def connect(self, env):
        if self.carrier == "unix":
            connection = self.kept(socket.socket(socket.AF_UNIX))
            connection.connect("\0" + self.names[env][1:])
        else:
            connection = self.kept(socket.create_connection(self.ports[env][0]))
        connection.settimeout(5)
        return connection

    @staticmethod
    def received(connection):
        try:
            return connection.recv(65536)
        except ConnectionError:
            return b""

    def kept(self, connection):
        self.addCleanup(connection.close)
        return connection

    def closed_lines(self, since):
        return [line.text for line in self.running.lines("stderr")[since:] if "closed a connection of" in line.text]

    def log_length(self):
        return len(self.running.lines("stderr"))

    def attack(self, data, env=1):
        """Sends bytes; the Env must close in time. Returns what it sent before."""
        connection = self.connect(env)
        begin = time.monotonic()
        received = b""
        try:
            connection.sendall(data)
        except OSError:
            pass  # it closed in the middle
        while more := self.received(connection):
            received += more
        took = time.monotonic() - begin
        connection.close()
        self.assertLess(took, CLOSED_WITHIN_S, f"closing took {took:.2f} s after {data[:40]!r}")
        return received


class GarbageTest(GarbageCase):
    def test_what_other_programs_say(self):
        begin = self.log_length()
        for text in (
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x00" * 64,
            b"\xff" * 64,
            b"\x89CORPS\r\r" + bytes(16),
        ):
            self.assertEqual(self.attack(text), b"", "a stranger gets no byte")
        kit.eventually(lambda: len(self.closed_lines(begin)) == 6, 2, "one line for each")
        self.assertTrue(all("bad magic" in line for line in self.closed_lines(begin)), self.closed_lines(begin))

    def test_random_bytes(self):
        for number in range(60):
            data = self.random.randbytes(self.random.randrange(1, 3000))
            self.attack(data if number % 2 else MAGIC + data, env=number % 3)

    def test_lengths_that_claim_everything(self):
        before = [kit.memory_bytes(pid) for pid in self.pids]
        for length in (0, 1, 4096, 4097, 2**31 - 1, 2**31, 2**32 - 1):
            for kind in (0, 1, 4, HELLO, PROOF, 255):
                begin = self.log_length()
                self.attack(MAGIC + frame(kind, bytes(60), length=length) + bytes(64))
                kit.eventually(lambda begin=begin: len(self.closed_lines(begin)) >= 1 or self.left_out(begin), 2, "a line in the log")
        for pid, bytes_before in zip(self.pids, before):
            if not kit.SANITIZED:  # that keeps what was freed
                self.assertLess(kit.memory_bytes(pid) - bytes_before, 8 << 20)

    def left_out(self, since):
        """The log takes ten such lines a second, and counts the others."""
        return self.log_length() == since

    def test_flags_and_reserved_bits(self):
        for flags, reserved in ((1, 0), (255, 0), (0, 1), (0, 65535)):
            self.attack(MAGIC + frame(HELLO, bytes(60), flags=flags, reserved=reserved))

    def test_a_peer_without_the_secret(self):
        connection = self.connect(1)
        connection.sendall(MAGIC + hello(self.corps_id, env=2))
        answer = b""
        while len(answer) < 8 + 8 + 60:
            more = connection.recv(4096)
            self.assertTrue(more, f"closed after {answer!r}")
            answer += more
        self.assertEqual(answer[:8], MAGIC)
        self.assertEqual(answer[12], CHALLENGE if self.carrier == "unix" else answer[12])
        begin = time.monotonic()
        connection.sendall(frame(PROOF, hmac.new(bytes(32), b"guess", hashlib.sha256).digest()))
        rest = b""
        while more := connection.recv(4096):
            rest += more
        self.assertLess(time.monotonic() - begin, CLOSED_WITHIN_S)
        self.assertEqual(rest[4], REFUSE)
        self.running.wait_line("wrong secret: env 2, epoch 1 is claimed, not proved", 2, "stderr")
        connection.close()

    def test_hellos_that_are_not_welcome(self):
        other = bytes(16)
        for data, reason in (
            (hello(other), "the peer belongs to another Corps"),
            (hello(self.corps_id, env=1), "the peer claims to be this Env itself"),
            (hello(self.corps_id, low=VERSION + 1, high=VERSION + 2), "version mismatch"),
            (hello(self.corps_id, low=VERSION + 2, high=VERSION), "empty range of versions"),
            (frame(HELLO, bytes(3)), "hello of 3 bytes"),
            (frame(HELLO, hello(self.corps_id)[8:] + b"x"), "hello of 61 bytes"),
        ):
            begin = self.log_length()
            answer = self.attack(MAGIC + data)
            self.assertEqual((answer[:8], answer[12]), (MAGIC, REFUSE), reason)
            self.running.wait_line(reason, 2, "stderr", after=begin)

    def test_silence_and_one_byte_at_a_time(self):
        begin = self.log_length()
        started = time.monotonic()
        connections = [self.connect(1) for _ in range(20)]
        slow = connections[0]
        try:
            for byte in MAGIC[:5]:
                slow.sendall(bytes([byte]))
        except ConnectionError:
            pass  # on a slow machine its time is over already
        left = set(connections)
        while left and time.monotonic() - started < 3 * kit.SLOWER:
            for connection in select.select(list(left), [], [], 0.1)[0]:
                self.assertEqual(self.received(connection), b"")
                left.discard(connection)
                connection.close()
        self.assertEqual(left, set())
        self.assertLess(time.monotonic() - started, CLOSED_WITHIN_S + 0.5)
        self.running.wait_line("handshake not done, after 1000 ms", 2, "stderr", after=begin)

    def test_cut_off_at_every_byte(self):
        data = MAGIC + hello(self.corps_id, env=2)
        for end in range(len(data) + 1):
            connection = self.connect(1)
            connection.sendall(data[:end])
            connection.close()

    def test_a_crowd_at_the_door(self):
        crowd = [self.connect(env % 3) for env in range(300)]
        for number, connection in enumerate(crowd):
            if number % 3 == 0:
                try:
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                except ConnectionError:
                    pass  # it had to give way to others
        self.still_works()
        for connection in crowd:
            connection.close()
        files = [len(kit.open_files(pid)) for pid in self.pids]
        kit.eventually(lambda: all(len(kit.open_files(pid)) < 30 for pid in self.pids), 5, f"that the descriptors are given back ({files})")


class TcpGarbageTest(GarbageTest):
    """The same over TCP. The Corps id is not to be seen there, so a right hello cannot be made."""

    carrier = "tcp"

    def test_a_peer_without_the_secret(self):
        answer = self.attack(MAGIC + hello(self.corps_id, env=2))
        self.assertEqual(answer[12], REFUSE)

    def test_hellos_that_are_not_welcome(self):
        begin = self.log_length()
        self.attack(MAGIC + hello(bytes(16)))
        self.running.wait_line("the peer belongs to another Corps", 2, "stderr", after=begin)


class TwinTest(GarbageCase):
    """Two Corps beside each other."""

    def test_another_corps_of_the_same_user_is_no_peer(self):
        twin, pids = self.boot_ready("serve", envs=2)
        names = {corps_kit.listening_unix(pid) for pid in (*pids, *self.pids)}
        self.assertEqual(len(names), 5, "every Env of both listens under a name of its own")
        self.still_works()
        twin.signal(signal.SIGTERM)
        self.assertEqual(twin.wait(10), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
