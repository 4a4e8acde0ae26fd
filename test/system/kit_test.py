"""The kit must see what it is there to see: a process, a socket or a piece of shared memory that is left behind."""

import os
import signal
import socket
import sys
import unittest
import uuid

import kit

PARENT_LEAVES_CHILD = """
import subprocess, sys
child = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL{options})
print("child", child.pid)
"""


class KitTest(kit.TestCase):
    def python(self, text, **options):
        return self.start([sys.executable, "-c", text], **options)

    def test_lines_and_end(self):
        program = self.python("print('ready 1'); print('ready 2'); import sys; print('bad', file=sys.stderr); sys.exit(3)")
        number, match, _ = program.wait_line(r"ready (\d)")
        self.assertEqual((number, match.group(1)), (0, "1"))
        self.assertEqual(program.wait_line(r"ready (\d)", after=1)[1].group(1), "2")
        self.assertEqual(program.wait(10), 3)
        self.assertEqual(program.stderr_text(), "bad\n")

    def test_a_line_that_never_comes_is_an_error_once_the_output_ends(self):
        program = self.python("print('one')")
        with self.assertRaisesRegex(AssertionError, "its output ended"):
            program.wait_line("two", seconds=30)

    def test_a_program_that_does_not_end_is_an_error(self):
        program = self.python("input()", stdin=-1)
        with self.assertRaisesRegex(AssertionError, "still running"):
            program.wait(0.05)
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait(10), -signal.SIGTERM)

    def test_a_child_left_behind_is_found_by_its_session_and_by_its_mark(self):
        for options in ("", ", start_new_session=True", ", env={}"):
            with self.subTest(options):
                program = self.python(PARENT_LEAVES_CHILD.format(options=options))
                child = int(program.wait_line(r"child (\d+)")[1].group(1))
                self.assertEqual(program.wait(10), 0)
                self.assertEqual(program.family(), [child])
                with self.assertRaisesRegex(AssertionError, "processes are left"):
                    self.assert_no_leftovers(program, seconds=0.05)
                program.kill()
                kit.eventually(lambda: not kit.is_running(child), 5)

    def test_an_abstract_socket_left_behind_is_found(self):
        program = self.python("pass")
        program.wait(10)
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(f"\0corps-kit-test-{uuid.uuid4().hex}")
            with self.assertRaisesRegex(AssertionError, "left in the system.*@corps-kit-test-"):
                self.assert_no_leftovers(program, seconds=0.05)
        self.assert_no_leftovers(program)

    def test_shared_memory_left_behind_is_found(self):
        program = self.python("pass")
        program.wait(10)
        path = f"/dev/shm/kit-test-{uuid.uuid4().hex}"
        with open(path, "wb"):
            try:
                with self.assertRaisesRegex(AssertionError, "left in the system.*/dev/shm/kit-test-"):
                    self.assert_no_leftovers(program, seconds=0.05)
            finally:
                os.unlink(path)
        self.assert_no_leftovers(program)

    def test_memory_and_files_of_a_process(self):
        self.assertGreater(kit.memory_bytes(os.getpid()), 1 << 20)
        self.assertIn(0, kit.open_files(os.getpid()))


if __name__ == "__main__":
    unittest.main()
