#!/usr/bin/env python3
"""debian/ against the rest of the tree: control_test.py

Build-Depends names what tools/packages.txt lists to build and to package, and debian/changelog, VERSION and the Python module's need
of a version say the same. A test that compares texts proves nothing where it reads none: each list has to have entries.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]

# In packages.txt and not in Build-Depends, and why.
IMPLIED = {
    "build-essential": "Debian's policy implies it (4.2)",
    "ccache": "only makes repeated builds of a developer faster",
}


def build_depends(text):
    field = re.search(r"^Build-Depends:(.*?)^\S", text, re.MULTILINE | re.DOTALL)[1]
    names = {entry.split()[0] for entry in field.split(",") if entry.strip()}
    # debhelper-compat and the dh-sequence-… are of debhelper and dh-python, which the list names.
    provided = {name for name in names if name.startswith("dh-sequence-")} | {"debhelper-compat"}
    return (names - provided) | {"debhelper"} if "debhelper-compat" in names else names


def groups(text, *wanted):
    found, group = set(), None
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif line and not line.startswith("#") and group in wanted:
            found.add(line.split()[0])
    return found


def problems():
    control = build_depends((ROOT / "debian/control").read_text(encoding="utf-8"))
    listed = groups((ROOT / "tools/packages.txt").read_text(encoding="utf-8"), "build", "package")
    if not {"cmake", "debhelper", "libcurl4-openssl-dev"} <= control & listed:
        yield "Build-Depends or tools/packages.txt was not read: this test proves nothing"
    for name in sorted(listed - control - set(IMPLIED)):
        yield f"{name} is in tools/packages.txt and not in Build-Depends"
    for name in sorted(control - listed):
        yield f"{name} is in Build-Depends and not in tools/packages.txt"
    for name, why in IMPLIED.items():
        if name in control or name not in listed:
            yield f"{name} need not be left out any more ({why})"
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    packaged = re.match(r"larder \(([^)]+)\)", (ROOT / "debian/changelog").read_text(encoding="utf-8"))
    if not packaged or packaged[1] != version:
        yield f"debian/changelog is of {packaged and packaged[1]}, VERSION says {version}"


def main():
    found = list(problems())
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
