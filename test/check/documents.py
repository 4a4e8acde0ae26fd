"""Checks that the documents quote the sources as they are, and that their links lead somewhere.

Usage: documents.py ROOT

A fenced block that follows the line `<!-- code: path/to/file -->` must equal the file; after
`<!-- code: path/to/file#region -->` it must equal what is between the lines `// [region]` and `// [/region]`
(or `# [region]` in TOML, CMake and scripts), less the indentation that all its lines share.
"""

import os
import re
import sys
import textwrap

MARKER = re.compile(r"^\s*<!--\s*code:\s*([^\s#]+)(?:#([\w-]+))?\s*-->\s*$")
FENCE = re.compile(r"^\s*(```+|~~~+)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
REGION_LINE = re.compile(r"^\s*(?://|#)\s*\[/?[\w-]+\]\s*$")


def region_of(lines, region):
    """The lines of one region without the marker lines of others; None if it is not there."""
    begin, end = (re.compile(rf"^\s*(?://|#)\s*\[{slash}{re.escape(region)}\]\s*$") for slash in ("", "/"))
    starts = [number for number, line in enumerate(lines) if begin.match(line)]
    ends = [number for number, line in enumerate(lines) if end.match(line)]
    if len(starts) != 1 or len(ends) != 1 or ends[0] < starts[0]:
        return None
    return lines[starts[0] + 1 : ends[0]]


def expected_block(root, path, region):
    full = os.path.join(root, path)
    if not os.path.isfile(full):
        return None, f"there is no file {path}"
    with open(full, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if region:
        lines = region_of(lines, region)
        if lines is None:
            return None, f"{path} does not hold exactly one `// [{region}]` followed by one `// [/{region}]`"
    text = "\n".join(line.rstrip() for line in lines if not REGION_LINE.match(line))
    return textwrap.dedent(text).strip("\n").splitlines(), None


def block_after(lines, start):
    """The fenced block that follows line `start`; None if something else does."""
    at = start
    while at < len(lines) and not lines[at].strip():
        at += 1
    fence = FENCE.match(lines[at]) if at < len(lines) else None
    if not fence:
        return None
    block = []
    for line in lines[at + 1 :]:
        if line.strip().startswith(fence.group(1)):
            return textwrap.dedent("\n".join(block)).splitlines()
        block.append(line.rstrip())
    return None


def code_errors(root, document, lines):
    inside = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if fence and inside is None:
            inside = fence.group(1)
        elif fence and fence.group(1).startswith(inside):
            inside = None
        marker = MARKER.match(line) if inside is None else None
        if not marker:
            continue
        path, region = marker.groups()
        expected, problem = expected_block(root, path, region)
        if problem:
            yield f"{document}:{number}: {problem}"
            continue
        found = block_after(lines, number)
        if found is None:
            yield f"{document}:{number}: no fenced block follows"
        elif found != expected:
            for offset in range(max(len(found), len(expected))):
                quoted = found[offset] if offset < len(found) else None
                source = expected[offset] if offset < len(expected) else None
                if quoted != source:
                    yield f"{document}:{number}: differs from {path} in line {offset + 1} of the block:\n  quoted: {quoted}\n  source: {source}"
                    break


def link_errors(root, document, lines):
    inside = False
    for number, line in enumerate(lines, 1):
        if FENCE.match(line):
            inside = not inside
        if inside:
            continue
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            if not os.path.exists(os.path.join(root, os.path.dirname(document), target)):
                yield f"{document}:{number}: the link to {target} leads nowhere"


def documents_of(root):
    for name in sorted(os.listdir(root)):
        if name.endswith(".md"):
            yield name
    for place, folders, names in os.walk(os.path.join(root, "docs")):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(place, name), root)


def main():
    root = sys.argv[1]
    errors = []
    quotes = 0
    count = 0
    for document in documents_of(root):
        with open(os.path.join(root, document), encoding="utf-8") as file:
            lines = file.read().splitlines()
        quotes += sum(1 for line in lines if MARKER.match(line))
        count += 1
        errors += code_errors(root, document, lines)
        errors += link_errors(root, document, lines)
    print("\n".join(errors + [f"documents: {count} files, {quotes} quotes of code, {len(errors)} errors"]))
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
