"""A wrong configuration or command line starts nothing and says in one line where the fault is: through `corps boot` and through
the application's own --config."""

import os
import socket
import unittest

import corps_kit
import kit

BAD_CONFIG = 3
BAD_COMMAND_LINE = 2


class ConfigErrorsTest(corps_kit.CorpsCase):
    def assert_refused(self, config, pattern, code=BAD_CONFIG, options=()):
        """Both ways, with one complaint on stderr that begins with where the fault is, and nothing on stdout."""
        for command in ([kit.build("bin/corps"), "boot", config], [corps_kit.program("lifecycle"), "--config", config]):
            running = self.start([*command, *options, "--", "quit"])
            self.assertEqual(running.wait(10), code, running.report())
            self.assertEqual(running.stdout_text(), "")
            self.assertRegex(running.stderr_text(), pattern)
            if code == BAD_CONFIG:
                self.assertEqual(len(running.lines("stderr")), 1, running.report())

    def app(self, rest, name="app.toml"):
        return self.file(name, f'[corps]\nprogram = "{corps_kit.program("lifecycle")}"\n' + rest)

    def test_what_is_wrong_in_a_file_is_found_with_its_line(self):
        for rest, line, reason in (
            ("[limits]\nfrmae = 3\n", 4, "unknown key 'limits.frmae'; did you mean 'limits.frame'"),
            ("envz = 3\n", 3, "unknown key 'corps.envz'; did you mean 'corps.envs'"),
            ('envs = "three"\n', 3, "corps.envs: "),
            ("envs = 0\n", 3, "corps.envs: 0 is out of range"),
            ('[limits]\nstop = "5"\n', 4, "limits.stop: '5' has no unit"),
            ('[limits]\nstop = "5 parsecs"\n', 4, "limits.stop: "),
            ("[limits]\nstop = 5\n", 4, "limits.stop: "),
            ("envs = 2\nenvs = 3\n", 4, ""),
            ("envs = \n", 3, ""),
            ("[limits\n", 3, ""),
            ('tag = "a/b"\n', 3, "corps.tag: "),
            ('[net]\ncarrier = "pigeon"\n', 4, "net.carrier: "),
            ('[net]\nlisten = "0.0.0.0:0"\n', 4, "net.listen = 0.0.0.0:0 .* links beyond this host need TLS"),
            ('[net]\nlisten = "127.0.0.1:65536"\n', 4, "net.listen: "),
        ):
            with self.subTest(rest):
                self.assert_refused(self.app(rest), rf"app\.toml:{line}: .*{reason}")

    def test_files_of_tls_that_are_none(self):
        self.assert_refused(self.app('[net]\ntls_ca = "ca.pem"\n'), r"app\.toml:4: net\.tls_ca = \S+/ca\.pem .* needs net\.tls_certificate as well")
        names = '[net]\ntls_ca = "ca.pem"\ntls_certificate = "env.pem"\ntls_key = "env.key"\n'
        self.assert_refused(self.app(names), r"^net\.tls_ca: \S+/ca\.pem: cannot be read: No such file or directory; set net\.tls_ca to a PEM file")
        self.certificates()
        self.file("env.key", "-----BEGIN PRIVATE KEY-----\n")
        self.assert_refused(self.app(names), r"^net\.tls_key: \S+/env\.key: holds no private key")

    def test_what_is_no_config_file(self):
        missing = os.path.join(self.folder(), "missing.toml")
        self.assert_refused(missing, r"missing\.toml: .*No such file")
        self.assert_refused(self.folder(), r"(?i)is a directory|not a regular file")
        self.assert_refused(self.file("binary.toml", os.urandom(4096)), r"binary\.toml:\d+: ")
        with open(corps_kit.program("lifecycle"), "rb") as file:
            self.assert_refused(self.file("program.toml", file.read(1 << 19)), r"program\.toml:\d+: ")
        self.assert_refused(self.file("big.toml", "# x\n" * (1 << 19)), r"big\.toml: ")

    def test_programs_that_cannot_be_started(self):
        command = kit.build("bin/corps")
        text = self.file("notes.txt", "no program\n")
        script = self.file("strange", b"\x7fELF strange")
        os.chmod(script, 0o755)
        for program, reason in (
            ("/nonexistent/program", "is not executable: No such file"),
            (text, "is not executable: Permission denied"),
            (self.folder(), "is not executable: Is a directory"),
            (script, "cannot start .*: Exec format error"),
        ):
            with self.subTest(program):
                config = self.file("app.toml", f'[corps]\ntag = "t"\nprogram = "{program}"\n')
                code, _, said = self.run_program([command, "boot", config])
                self.assertEqual(code, BAD_CONFIG)
                self.assertRegex(said, rf"app\.toml:3: .*{reason}")
        config = self.file("app.toml", '[corps]\ntag = "t"\n')
        code, _, said = self.run_program([command, "boot", config])
        self.assertEqual(code, BAD_CONFIG)
        self.assertRegex(said, "corps.program is missing")

    def test_options_and_environment(self):
        good = self.app("")
        self.assert_refused(good, "--set: unknown key 'limits.frmae'", options=["--set", "limits.frmae=1"])
        self.assert_refused(good, "--set: corps.envs: 0 is out of range", options=["--set", "corps.envs=0"])
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CORPS_")}
        for name in ("CORPS_LIMITS_FRMAE", "CORPS_NONSENSE"):
            code, _, said = self.run_program([corps_kit.program("lifecycle"), "--", "quit"], env={**environment, name: "1"})
            self.assertEqual(code, BAD_CONFIG)
            self.assertRegex(said, rf"^{name}: sets no key of the configuration")
        code, _, _ = self.run_program([corps_kit.program("lifecycle"), "--", "quit"], env={**environment, "CORPS_ENVS": "2"})
        self.assertEqual(code, 0)

    def test_command_lines(self):
        good = self.app("")
        for options in (["--envs", "0"], ["--envs", "many"], ["--set", "novalue"], ["--sett", "a=b"]):
            self.assert_refused(good, "Usage: ", BAD_COMMAND_LINE, options)
        for words in (["boot"], ["bot", good], [], ["config", good, "--", "x"]):
            code, _, said = self.run_program([kit.build("bin/corps"), *words])
            self.assertEqual(code, BAD_COMMAND_LINE, said)
            self.assertIn("Usage: ", said)


class CarrierTest(corps_kit.CorpsCase):
    def test_every_carrier(self):
        for carrier, listen in (("auto", ""), ("unix", ""), ("tcp", ""), ("tcp", "127.0.0.1:0"), ("auto", "127.0.0.1:0"), ("tcp", "[::1]:0")):
            if listen.startswith("[") and not _has_ipv6():
                continue
            with self.subTest(carrier=carrier, listen=listen):
                settings = [f"net.carrier={carrier}"] + ([f"net.listen={listen}"] if listen else [])
                running = self.boot("storm", 10, envs=4, settings=settings)
                self.assertEqual(running.wait(20), 0, running.report())
                self.assertRegex(running.stdout_text(), r"^4 envs, 0 failed")
                self.assert_no_errors_logged(running)

    def test_where_the_envs_listen(self):
        for carrier, unix, tcp in (("unix", 3, 0), ("tcp", 0, 3), ("auto", 3, 0)):
            with self.subTest(carrier):
                running, pids = self.boot_ready("serve", envs=3, settings=[f"net.carrier={carrier}"])
                listening = [place for pid in pids for place in corps_kit.listening_tcp(pid)]
                self.assertEqual(len(listening), tcp)
                self.assertEqual(len([pid for pid in pids if corps_kit.listening_unix(pid)]), unix)
                self.assertEqual({host for host, _ in listening} - {"127.0.0.1"}, set())
                running.kill()

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for envs in (1, 3):
                running = self.boot("lifecycle", "quit", envs=envs, settings=["net.carrier=tcp", f"net.listen=127.0.0.1:{port}"])
                self.assertEqual(running.wait(10), BAD_CONFIG, running.report())
                self.assertRegex(running.stderr_text(), rf"cannot listen on tcp:127\.0\.0\.1:{port}: .*in use; another program uses this port")
                self.assert_no_leftovers(running)


def _has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
