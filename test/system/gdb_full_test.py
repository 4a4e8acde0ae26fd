"""The gdb script: what it says of a process that stands in the middle of a call. Skipped where there is no gdb."""

import os
import shutil
import subprocess
import unittest

import corps_kit
import kit

GDB = shutil.which("gdb")


@unittest.skipUnless(GDB, "gdb is not installed")
@unittest.skipIf(kit.SANITIZED, "gdb and the sanitizers disturb each other")
class GdbTest(corps_kit.CorpsCase):
    def test_workers_requests_and_names_are_printed(self):
        commands = ["set pagination off", f"source {kit.source('env/gdb/corps-gdb.py')}", "break seen::stop_here", "run"]
        commands += ["corps workers", "echo --\\n", "corps requests", "echo --\\n", "up", "print seen::asked", "kill"]
        command = [GDB, "-batch", "-nx"]
        for each in commands:
            command += ["-ex", each]
        code, text, complaint = self.run_program([*command, "--args", corps_kit.program("seen_by_gdb")], 120)
        if "ptrace" in complaint:
            self.skipTest(complaint)
        self.assertEqual(code, 0, text + complaint)
        workers, requests, name = text.split("--\n")
        self.assertIn("seen::Deep\n  runs seen::Deep::compute\n", workers)
        self.assertRegex(workers, r"seen::Outer 'first'\n  has begun seen::Outer::ask.*\n  waits for seen::Deep::compute at env 0, conc ")
        self.assertRegex(requests, r"seen::Deep::compute at env 0, conc .*\n  called by conc .* seen::Outer 'first'\n  awaited in .*ask")
        self.assertRegex(name, r"= Name of env 0, conc \d+\.\d+")


if __name__ == "__main__":
    unittest.main()
