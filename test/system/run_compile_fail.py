"""Checks that a source file does not compile, and that the compiler says why in the words that the file expects.

Usage: run_compile_fail.py FILE -- COMPILER [flag...]
       run_compile_fail.py --self-test -- COMPILER [flag...]

The first lines of FILE are `// expect: <regular expression>`: for each of them one line of the compiler's output must match.
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


def verdict(path, compiler):
    """What is wrong with the file as a compile-fail test; None if nothing is."""
    with open(path, encoding="utf-8") as file:
        patterns = expectations(file.read())
    if not patterns:
        return "its first line is not `// expect: <regular expression>`"
    environment = dict(os.environ, LC_ALL="C")
    run = subprocess.run(compiler + ["-S", "-o", os.devnull, path], capture_output=True, text=True, env=environment, check=False)
    if run.returncode == 0:
        return "it compiles, but must not"
    # Lines that only quote the source do not count: they hold whatever the file itself says.
    lines = [line for line in run.stderr.splitlines() if re.search(r": (?:fatal error|error|note|warning): ", line)]
    for pattern in patterns:
        if not any(re.search(pattern, line) for line in lines):
            return f"no line of the compiler's output matches `{pattern}`:\n{run.stderr}"
    return None


def self_test(compiler):
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
    return wrong == 0


def main():
    arguments = sys.argv[1:]
    if len(arguments) < 3 or arguments[1] != "--":
        sys.exit(__doc__)
    compiler = arguments[2:]
    if arguments[0] == "--self-test":
        sys.exit(0 if self_test(compiler) else 1)
    answer = verdict(arguments[0], compiler)
    if answer:
        sys.exit(f"{arguments[0]}: {answer}")


if __name__ == "__main__":
    main()
