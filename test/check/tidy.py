"""Runs clang-tidy over every source that a build compiles, except the tests; one that was clean is not looked at again
until it, a header of the project or the configuration changes.

Usage: tidy.py BUILD_DIR [--jobs N]

BUILD_DIR holds compile_commands.json of a build by clang without precompiled headers.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLANG_TIDY = "clang-tidy-16"
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', re.MULTILINE)


def project_files_of(path, seen):
    """The file and every header of the project that it includes, directly or not."""
    if path in seen:
        return
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return
    seen[path] = content
    for name in INCLUDE.findall(content):
        for folder in (ROOT, os.path.dirname(path)):
            project_files_of(os.path.normpath(os.path.join(folder, name.decode())), seen)


def fingerprint(source, command, settings):
    seen = {}
    project_files_of(source, seen)
    digest = hashlib.sha256(settings + command.encode())
    for path in sorted(seen):
        digest.update(path.encode() + b"\0" + seen[path] + b"\0")
    return digest.hexdigest()


def tidy(build, source):
    run = subprocess.run([CLANG_TIDY, "--quiet", "-p", build, source], capture_output=True, text=True, check=False)
    return source, run.returncode, run.stdout + ("" if run.returncode == 0 else run.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()

    with open(os.path.join(options.build, "compile_commands.json"), encoding="utf-8") as file:
        commands = {entry["file"]: entry["command"] for entry in json.load(file)}
    with open(os.path.join(ROOT, ".clang-tidy"), "rb") as file:
        settings = file.read()
    left_out = tuple(os.path.join(folder, "") for folder in (os.path.abspath(options.build), os.path.join(ROOT, "test")))
    sources = sorted(path for path in commands if not path.startswith(left_out) and os.path.exists(path))

    known_path = os.path.join(options.build, "tidy-clean.json")
    try:
        with open(known_path, encoding="utf-8") as file:
            known = json.load(file)
    except (OSError, ValueError):
        known = {}
    prints = {source: fingerprint(source, commands[source], settings) for source in sources}
    todo = [source for source in sources if known.get(source) != prints[source]]

    bad = 0
    # The largest first, so that no core is left with the longest file at the end.
    todo.sort(key=os.path.getsize, reverse=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for source, code, output in pool.map(lambda source: tidy(options.build, source), todo):
            known[source] = prints[source] if code == 0 else ""
            if code != 0:
                bad += 1
                print(output.strip())
    with open(known_path, "w", encoding="utf-8") as file:
        json.dump({source: known[source] for source in sources if known.get(source)}, file)
    print(f"tidy: {len(sources)} files, {len(todo)} looked at, {bad} with errors")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
