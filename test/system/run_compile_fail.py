"""Checks that a source file does not compile, and that the compiler says why in the words that the file expects.

Usage: run_compile_fail.py FILE -- COMPILER [flag...]
       run_compile_fail.py --self-test [PRECOMPILED] -- COMPILER [flag...]

The first lines of FILE are `// expect: <regular expression>`: for each of them one line of the compiler's output must match.
PRECOMPILED is what the compiler must take in place of <corps/corps.hpp>.
"""

import os
import re
import subprocess
import sys
import tempfile


def expectations(source):
    patterns = []
    for line in source.splitlines():
        match = re.match(r"// expect: (.+)", line)
        if not match:
            break
        patterns.append(match.group(1).strip())
    return patterns


def compiled(path, compiler):
    environment = dict(os.environ, LC_ALL="C")
    return subprocess.run(compiler + ["-S", "-o", os.devnull, path], capture_output=True, text=True, env=environment, check=False)


def verdict(path, compiler):
    """What is wrong with the file as a compile-fail test; None if nothing is."""
    with open(path, encoding="utf-8") as file:
        patterns = expectations(file.read())
    if not patterns:
        return "its first line is not `// expect: <regular expression>`"
    run = compiled(path, compiler)
    if "[-Winvalid-pch]" in run.stderr:
        return f"the precompiled header cannot be used:\n{run.stderr}"
    if run.returncode == 0:
        return "it compiles, but must not"
    # Lines that only quote the source do not count: they hold whatever the file itself says.
    lines = [line for line in run.stderr.splitlines() if re.search(r": (?:fatal error|error|note|warning): ", line)]
    for pattern in patterns:
        if not any(re.search(pattern, line) for line in lines):
            return f"no line of the compiler's output matches `{pattern}`:\n{run.stderr}"
    return None


def precompiled_test(path, precompiled, compiler):
    """The precompiled header must be taken, and one that does not fit must be noticed."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("// expect: no_such\n#include <corps/corps.hpp>\nno_such thing;\n")
    taken = [line[2:] for line in compiled(path, compiler + ["-H"]).stderr.splitlines() if line.startswith("! ")]
    if [os.path.realpath(name) for name in taken] != [os.path.realpath(precompiled)]:
        print(f"of precompiled headers the compiler takes {taken}, not {precompiled}")
        return False
    for flags, expected in ([], None), (["-O1"], "the precompiled header cannot"):
        answer = verdict(path, compiler + flags)
        if answer != expected and not (answer and expected and answer.startswith(expected)):
            print(f"with a precompiled header and {flags}: expected {expected!r}, the harness says {answer!r}")
            return False
    return True


def self_test(precompiled, compiler):
    """The harness must tell a good compile-fail test from each kind of bad one."""
    rejected = '// expect: static assertion failed.*no such thing|error: .*no such thing\nstatic_assert(sizeof(int) == 0, "no such thing");\n'
    cases = [
        (rejected, None),
        ("// expect: no such thing\nint main() { return 0; }\n", "it compiles"),
        ("// expect: other words\nint no_such = \"thing\";\n", "no line of"),
        ("int x = \"no expectation\";\n", "its first line"),
        ("// expect: words of a comment\nint y = \"\";  // words of a comment\n", "no line of"),
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (source, expected) in enumerate(cases):
            path = os.path.join(folder, f"case{number}.cpp")
            with open(path, "w", encoding="utf-8") as file:
                file.write(source)
            answer = verdict(path, compiler)
            if answer != expected and not (answer and expected and answer.startswith(expected)):
                print(f"case {number}: expected {expected!r}, the harness says {answer!r}")
                wrong += 1
        if precompiled and not precompiled_test(os.path.join(folder, "precompiled.cpp"), precompiled, compiler):
            wrong += 1
    return wrong == 0


def main():
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else 0
    own, compiler = arguments[:split], arguments[split + 1 :]
    if not own or not compiler or len(own) > (2 if own[0] == "--self-test" else 1):
        sys.exit(__doc__)
    if own[0] == "--self-test":
        sys.exit(0 if self_test(own[1] if len(own) > 1 else None, compiler) else 1)
    answer = verdict(own[0], compiler)
    if answer:
        sys.exit(f"{own[0]}: {answer}")


if __name__ == "__main__":
    main()
