"""Runs the benchmarks of a build and gathers what they measure.

Usage: run.py [--repeat N] [--json FILE] [NAME...]     (TEST_BUILD_DIR and TEST_SOURCE_DIR are set)

A benchmark is test/bench/<name>_bench.cpp, a Google Benchmark program, or test/bench/<name>_bench.py, which is called as
`<name>_bench.py --repeat N --json FILE` and writes {"benchmarks": [{"name": …, …}]}, as Google Benchmark does.
FILE gets {"<name>": <what that benchmark wrote>, …}.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

BUILD = os.environ["TEST_BUILD_DIR"]
FOLDER = os.path.join(os.environ["TEST_SOURCE_DIR"], "test", "bench")


def benches():
    found = {}
    for file in sorted(os.listdir(FOLDER)):
        match = re.fullmatch(r"(\w+)_bench\.(cpp|py)", file)
        if match:
            found[match.group(1)] = file
    return found


def command(file, repeat, result):
    if file.endswith(".py"):
        return [sys.executable, os.path.join(FOLDER, file), "--repeat", str(repeat), "--json", result]
    program = os.path.join(BUILD, "test", "bench", file.removesuffix(".cpp"))
    return [program, f"--benchmark_repetitions={repeat}", f"--benchmark_out={result}", "--benchmark_out_format=json"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    found = benches()
    unknown = [name for name in options.names if name not in found]
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(found)}")

    gathered = {}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or found:
            print(f"\n==> bench {name}", file=sys.stderr, flush=True)
            result = os.path.join(folder, name + ".json")
            run = subprocess.run(command(found[name], options.repeat, result), check=False)
            if run.returncode != 0 or not os.path.exists(result):
                failed.append(name)
                continue
            with open(result, encoding="utf-8") as file:
                gathered[name] = json.load(file)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(gathered, file, indent=1)
            file.write("\n")
    if failed:
        sys.exit(f"these benchmarks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
