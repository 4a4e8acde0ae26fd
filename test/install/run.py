"""Installs a build into an empty prefix, then configures, builds and runs the project beside this file against it. Its
program is the first one of the README.

Usage: run.py BUILD_DIR COMPILER
"""

import os
import shutil
import subprocess
import sys
import tempfile

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "project")
PROGRAM = os.path.join(PROJECT, "..", "..", "..", "examples", "hello", "hello.cpp")
EXPECTED = "Hello, world!\n"


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"failed with {result.returncode}: {' '.join(command)}\n{result.stdout}")
    return result.stdout


def private_headers(include):
    for folder, _, names in os.walk(include):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), include)
            if not path.startswith("corps" + os.sep) or "internal" in path.split(os.sep):
                yield path


def main():
    build, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="corps-install-") as folder:
        prefix = os.path.join(folder, "prefix")
        run("cmake", "--install", build, "--prefix", prefix)
        private = sorted(private_headers(os.path.join(prefix, "include")))
        if private:
            sys.exit(f"private headers are installed: {', '.join(private)}")
        project = shutil.copytree(PROJECT, os.path.join(folder, "project"))
        shutil.copy(PROGRAM, os.path.join(project, "main.cpp"))
        out = os.path.join(folder, "build")
        run("cmake", "-G", "Ninja", "-S", project, "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}")
        run("cmake", "--build", out)
        said = run(os.path.join(out, "uses_corps"), "--set", "log.level=warn")
        if said != EXPECTED:
            sys.exit(f"the program says {said!r} instead of {EXPECTED!r}")
        command = os.path.join(prefix, "bin", "corps")
        if os.path.exists(os.path.join(build, "bin", "corps")) and not run(command, "version").strip():
            sys.exit("the installed `corps version` says nothing")


if __name__ == "__main__":
    main()
