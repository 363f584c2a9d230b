#!/usr/bin/env python3
"""Every `Class::method()` that a Markdown page or a comment names exists in the sources: a renaming takes its mentions along.

    tests/unit/document_names.py              checks this tree; one line per finding, exit status 1 when there are any
    tests/unit/document_names.py --self-test  breaks the rule in a made-up tree and wants that to be found
"""

import collections
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASS = re.compile(r"\b(?:class|struct)\s+(?:\w+::)*(\w+)[^;{}()]*\{")
MENTION = re.compile(r"\b([A-Z][a-z]\w+)::(~?\w+)\(\)")
COMMENT = re.compile(r"//[^\n]*")
HISTORY = ("CHANGELOG.md",)  # it names what was there at the time


def texts(root):
    names = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md", "*.h", "*.cpp"],
                           capture_output=True, text=True, check=True).stdout.split("\n")
    return {name: (root / name).read_text() for name in sorted(set(names)) if name and (root / name).is_file()}


def prose_lines(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        if name.endswith(".md"):
            yield number, line
        elif "//" in line:
            yield number, line[line.index("//"):]


def findings(root):
    sources = texts(root)
    code = {name: COMMENT.sub("", text) for name, text in sources.items() if not name.endswith(".md")}
    defined_in = collections.defaultdict(list)
    for name, text in code.items():
        for found in CLASS.findall(text):
            defined_in[found].append(name)
    outside = set(re.findall(r"\b(\w+::~?\w+)\(", "\n".join(code.values())))
    for name, text in sources.items():
        if name in HISTORY:
            continue
        for number, line in prose_lines(name, text):
            for owner, method in MENTION.findall(line):
                if owner not in defined_in:
                    yield f"{name}:{number}: names {owner}::{method}(), and there is no such class"
                elif f"{owner}::{method}" not in outside and not any(
                        re.search(rf"\b{re.escape(method)}\s*\(", code[where]) for where in defined_in[owner]):
                    yield f"{name}:{number}: names {owner}::{method}(), and {owner} has none"


def self_test():
    files = {
        "good.md": "`House::open()` and `House::close()`\n",
        "bad.md": "`House::burn()` of `Shed::open()`\n",
        "house.h": "class House final : public Building {\n  void open();\n};\n// as House::open(), but not House::lock()\n",
        "house.cpp": "void House::close() {}\n",
    }
    wanted = ["bad.md:1: names House::burn(), and House has none", "bad.md:1: names Shed::open(), and there is no such class",
              "house.h:4: names House::lock(), and House has none"]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        subprocess.run(["git", "init", "-q", root], check=True)
        for name, text in files.items():
            (root / name).write_text(text)
        found = list(findings(root))
    return [] if found == wanted else [f"found {found}, wanted {wanted}"]


def main():
    found = self_test() if sys.argv[1:] == ["--self-test"] else list(findings(ROOT))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
