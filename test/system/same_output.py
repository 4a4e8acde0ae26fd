"""Checks that programs print the same, and something. Usage: same_output.py PROGRAM PROGRAM..."""

import difflib
import subprocess
import sys


def output(program):
    result = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=30, check=False)
    if result.returncode != 0:
        sys.exit(f"{program} ended with {result.returncode}")
    if not result.stdout.strip():
        sys.exit(f"{program} prints nothing")
    return result.stdout.splitlines()


def main():
    first, *others = sys.argv[1:]
    expected = output(first)
    for other in others:
        found = output(other)
        if found != expected:
            sys.exit("\n".join(difflib.unified_diff(expected, found, first, other, lineterm="")))
    print(f"{len(expected)} lines are the same")


if __name__ == "__main__":
    main()
