"""Checks that the include arrows of the project run one way, and a few words that its sources must not hold.

Usage: layers.py ROOT

    admin -> workers -> corps <- env

Each rule below names the folders it holds for. The first rule whose pattern matches the path of a file is the one for it.
"""

import os
import re
import sys

STD_HEADER = re.compile(r"^<[a-z_0-9]+>$")
# Of the C library and the kernel: what only an implementation may use.
SYSTEM_HEADER = re.compile(r"^<(?:[a-z_0-9]+|(?:sys|linux|netinet|arpa|net)/[a-z_0-9]+)\.h>$")

ASIO = r"<boost/(?:asio|beast|system|core)\b[^>]*>"
CAF = r"<caf/[^>]*>"
OPENSSL = r"<openssl/[^>]*>"
ISAL = r"<isa-l/[^>]*>"
CEREAL = r"<cereal/[^>]*>"
PFR = r"<boost/pfr(?:/[^>]*|\.hpp)>"
FMT = r"<fmt/[^>]*>"
SPDLOG = r"<spdlog/[^>]*>"
TOML = r"<toml\+\+/[^>]*>"
CLI11 = r"<CLI/[^>]*>"
PCRE = r"<pcre2(?:posix)?\.h>"
DOCTEST = r"<doctest/[^>]*>"
CORPS = r'"corps/[^"]*"'
CORPS_PUBLIC = r"<corps/(?!detail/|internal/)[^>]*>"


def anything_of(*folders):
    return [rf'"{folder}/[^"]*"' for folder in folders]


class Rule:
    def __init__(self, where, allowed, system=False, why=""):
        self.where = re.compile(where)
        self.allowed = [re.compile(f"^{pattern}$") for pattern in allowed]
        self.system = system
        self.why = why

    def permits(self, include):
        if STD_HEADER.match(include):
            return True
        if self.system and SYSTEM_HEADER.match(include):
            return True
        return any(pattern.match(include) for pattern in self.allowed)


ENV_LIBRARIES = [FMT, CEREAL, PFR, ASIO, OPENSSL, ISAL, SPDLOG, TOML, CLI11]
WORKER_LIBRARIES = [FMT, CEREAL]
ENV = anything_of("corps", "env")
ENV_PLAIN = r'"env/(?:boot|http|host)/(?!internal/)[^"]*"'

RULES = [
    Rule(r"^corps/.*\.hpp$", [CORPS, CEREAL, PFR], why="a public header includes only corps/, the standard library, Cereal and Boost.PFR"),
    Rule(r"^corps/.*\.cpp$", [CORPS, CEREAL, PFR, FMT, r"<cxxabi\.h>"], why="corps/ includes only corps/, the standard library, Cereal, Boost.PFR and fmt"),
    Rule(r"^env/sched/(?:internal/.*\.hpp|.*\.cpp)$", ENV + ENV_LIBRARIES + [CAF], system=True, why="env/ includes corps/ and env/ and its own libraries"),
    Rule(r"^env/.*(?:internal/.*\.hpp|\.cpp)$", ENV + ENV_LIBRARIES, system=True, why="env/ includes corps/ and env/ and its own libraries; CAF belongs to env/sched"),
    Rule(r"^env/.*\.hpp$", ENV, why="a plain interface of env/ includes only corps/, env/ and the standard library"),
    Rule(r"^workers/.*\.hpp$", [CORPS_PUBLIC, *anything_of("workers")], why="workers/ are written against the public headers of corps/"),
    Rule(r"^workers/.*\.cpp$", [CORPS_PUBLIC, *anything_of("workers"), *WORKER_LIBRARIES], why="workers/ are written against the public headers of corps/"),
    Rule(r"^admin/", [CORPS_PUBLIC, ENV_PLAIN, *anything_of("workers", "admin"), *WORKER_LIBRARIES], why="admin/ uses corps/, workers/ and the plain interfaces of env/boot, env/http, env/host"),
    Rule(r"^examples/", [CORPS_PUBLIC, r"<workers/[^>]*>", r'"[^"/]*"', PCRE], system=True, why="an example is an application: <corps/...> and its own files"),
    Rule(r"^test/kit/(?:internal/.*\.hpp|.*\.cpp)$", [CORPS, CORPS_PUBLIC, *anything_of("env"), r'"test/kit/[^"]*"', FMT], why="the test kit stands on corps/ and env/"),
    Rule(r"^test/(?:kit|install)/", [CORPS_PUBLIC, r'"[^"/]*"', r'"test/kit/[^"]*"'], why="the test kit is written against the public headers"),
    Rule(r"^test/bench/ours/", [r"<corps/corps\.hpp>", r'"test/bench/(?:ours/)?[^"/]*"'], why="what is compared is what an application can do: <corps/corps.hpp>"),
    Rule(r"^test/bench/zeromq/", [r'"test/bench/[^"]*"', r"<zmq\.hpp>"], system=True, why="a peer's program includes nothing of this project"),
    Rule(r"^test/bench/grpc/", [r'"test/bench/[^"]*"', r"<grpcpp/[^>]*>"], system=True, why="a peer's program includes nothing of this project"),
    Rule(r"^test/bench/", [r'"test/bench/[^"]*"', CAF], system=True, why="a peer's program includes nothing of this project"),
    Rule(r"^test/", [CORPS, CORPS_PUBLIC, *anything_of("env", "workers", "admin", "examples", "test"), r'"[^"/]*"', *ENV_LIBRARIES, CAF, DOCTEST, PCRE], system=True),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(<[^>]*>|"[^"]*")', re.MULTILINE)

# Words a file must not hold: where, what, and why. A line that must all the same says so in a comment: `check-ok: <why>`.
FORBIDDEN = [
    (re.compile(r"^test/(?!bench/|check/).*\.(?:cpp|hpp)$"), re.compile(r"(?<!corps::)\bsleep_(?:for|until)\s*\(|\b(?:u|nano)sleep\s*\("),
     "a test waits for an event, it does not sleep"),
    (re.compile(r"^test/(?!bench/|check/).*\.py$"), re.compile(r"\btime\.sleep\s*\("), "a test waits for an event, it does not sleep"),
    # Addresses that are only text, as in the tests of the configuration, are no matter: those open nothing.
    (re.compile(r"^test/(?!check/|unit/(?:config|command_line)).*\.(?:cpp|hpp|py)$"),
     re.compile(r"\b(?:bind|listen|connect|dial)\w*\b.*(?:(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):|\", ?)[1-9][0-9]{0,4}\b"),
     "a port in a test is always 0: the system chooses"),
    (re.compile(r"^(?:corps|env|workers|admin|test)/.*\.(?:cpp|hpp)$"), re.compile(r"\batomic_thread_fence\b"),
     "the thread sanitizer does not know fences: put the order on the operations"),
    (re.compile(r"\.(?:hpp)$"), re.compile(r"^\s*using\s+namespace\s+std\b"), "a header opens no namespace for its readers"),
]

FOLDERS = ("corps", "env", "workers", "admin", "examples", "test")


def without_comments(text):
    """The text with comments blanked out; line numbers stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)

    def blank(match):
        found = match.group(0)
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def include_errors(path, text):
    rule = next((rule for rule in RULES if rule.where.search(path)), None)
    for match in INCLUDE.finditer(text):
        include = match.group(1)
        line = text.count("\n", 0, match.start(1)) + 1
        if rule and not rule.permits(include):
            yield f"{path}:{line}: includes {include}, but {rule.why or 'this is not one of the libraries of its folder'}"


def word_errors(path, text, raw):
    raw_lines = raw.splitlines()
    for where, what, why in FORBIDDEN:
        if not where.search(path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if what.search(line) and "check-ok:" not in raw_lines[number - 1]:
                yield f"{path}:{number}: {line.strip()}: {why}"


def header_errors(path, text):
    if path.endswith(".hpp") and "#pragma once" not in text:
        yield f"{path}:1: has no #pragma once"


UNIT_TEST = re.compile(r"^test/unit/([a-z0-9_]+_test)\.cpp$")


def name_errors(path, text):
    """Unit tests are compiled several files as one, so each keeps its names to itself."""
    match = UNIT_TEST.match(path)
    if not match:
        return
    place = f"namespace {match.group(1)} {{"
    if place not in text.splitlines():
        yield f"{path}:1: has no `{place}`: unit tests are compiled several files as one, each in a namespace of its own"
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"using\s+namespace\s", line) and place not in text.splitlines()[: number - 1]:
            yield f"{path}:{number}: {line}: opens a namespace for the files after this one; it belongs below `{place}`"


def errors_of(path, raw):
    text = without_comments(raw) if path.endswith((".cpp", ".hpp")) else raw
    if path.endswith((".cpp", ".hpp")):
        yield from include_errors(path, text)
        yield from header_errors(path, text)
        yield from name_errors(path, text)
    yield from word_errors(path, text, raw)


def self_test():
    """Each kind of rule must be able to fail: a checker that finds nothing anywhere is worth nothing."""
    samples = [
        ("corps/a.hpp", '#pragma once\n#include "env/b.hpp"\n', 1),
        ("corps/a.hpp", "#pragma once\n#include <fmt/format.h>\n", 1),
        ("corps/a.hpp", "#pragma once\n#include <vector>\n#include <cereal/cereal.hpp>\n// #include <caf/all.hpp>\n", 0),
        ("corps/a.hpp", "#include <vector>\n", 1),
        ("corps/a.cpp", "#include <fmt/format.h>\n#include <sys/socket.h>\n", 1),
        ("env/net/a.cpp", "#include <caf/all.hpp>\n#include <boost/asio/post.hpp>\n#include <unistd.h>\n", 1),
        ("env/sched/a.cpp", '#include "corps/name.hpp"\n#include <caf/resumable.hpp>\n', 0),
        ("env/host/a.hpp", "#pragma once\n#include <spdlog/spdlog.h>\n", 1),
        ("examples/x/a.cpp", '#include <corps/corps.hpp>\n#include "x.hpp"\n#include <pcre2.h>\n', 0),
        ("examples/x/a.cpp", "#include <corps/detail/cell.hpp>\n", 1),
        ("examples/x/a.cpp", '#include "env/host/a.hpp"\n', 1),
        ("workers/dir/a.cpp", '#include "env/host/a.hpp"\n', 1),
        ("test/unit/a.cpp", "void f() { std::this_thread::sleep_for(10ms); }\n", 1),
        ("test/unit/a.cpp", "Task<void> f() { co_await corps::sleep_for(10ms); }\n", 0),
        ("test/bench/ours/a.cpp", '#include <corps/corps.hpp>\n#include <corps/detail/cell.hpp>\n#include "test/bench/measure.hpp"\n', 1),
        ("test/bench/caf/a.cpp", '#include <caf/send.hpp>\n#include <corps/corps.hpp>\n', 1),
        ("test/bench/floor/a.cpp", "void f() { std::this_thread::sleep_for(10ms); }\n", 0),
        ("test/unit/a.cpp", 'network.listen("tcp:127.0.0.1:7000");\n', 1),
        ("test/unit/a.cpp", 'network.listen("tcp:127.0.0.1:0");\n', 0),
        ("test/unit/a.cpp", 'CHECK(parse("tcp:127.0.0.1:7000"));\n', 0),
        ("test/system/a_test.py", 'server.bind(("127.0.0.1", 7000))\n', 1),
        ("test/system/a_test.py", 'server.bind(("127.0.0.1", 0))\n', 0),
        ("test/unit/a.cpp", "void f() { usleep(1); }  // check-ok: it is the work of the Conc under test\n", 0),
        ("test/unit/a_test.cpp", "namespace a_test {\nusing namespace kit;\n}\n", 0),
        ("test/unit/a_test.cpp", "using namespace kit;\nnamespace {\n}\n", 2),
        ("test/system/a_test.py", "time.sleep(1)\n", 1),
        ("env/mail/a.cpp", "std::atomic_thread_fence(std::memory_order_seq_cst);\n", 1),
    ]
    for path, source, expected in samples:
        found = list(errors_of(path, source))
        if len(found) != expected:
            sys.exit(f"the check itself is wrong: {path} with {source!r} gives {found}")


def main():
    self_test()
    root = sys.argv[1]
    count = 0
    errors = []
    for folder in FOLDERS:
        for place, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                if not name.endswith((".cpp", ".hpp", ".py")):
                    continue
                full = os.path.join(place, name)
                with open(full, encoding="utf-8") as file:
                    errors += errors_of(os.path.relpath(full, root), file.read())
                count += 1
    print("\n".join(errors + [f"layers: {count} files, {len(errors)} errors"]))
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
