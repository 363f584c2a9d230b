#!/usr/bin/env python3
"""Holds docs/security.md against the tree: security_page_test.py [ROOT]

Every row of a table whose last column is "test" names at least one test, and every test named exists:
    `Suite.Name`                    a gtest under tests/unit
    `office/routes.py`, with a word behind it: a scenario, and one of its cases
    `fuzz_url`, `tree.rules`        a test that a CMakeLists.txt adds
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parents[2]


class Tree:
    """The tests that there are."""

    def __init__(self, root):
        self.tests = root / "tests"
        sources = "\n".join(path.read_text() for path in sorted((self.tests / "unit").rglob("*.cpp")))
        self.units = {f"{suite}.{name}" for suite, name in
                      re.findall(r"\b(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", sources)}
        lists = "\n".join(path.read_text() for path in sorted(self.tests.rglob("CMakeLists.txt")))
        self.listed = set(re.findall(r"add_test\(\s*NAME\s+([\w.]+)", lists))
        self.listed |= {f"fuzz_{name}" for name in re.findall(r"^larder_fuzz\((\w+)", lists, re.M)}

    def has(self, name):
        file, _, case = name.partition(" ")
        if not file.endswith(".py"):
            return name in self.units or name in self.listed
        path = self.tests / file
        if not re.fullmatch(r"(fault|office)/\w+\.py", file) or not path.exists():
            return False
        text = path.read_text()
        named = rf'^def {re.escape(case)}\(|^CASES\["{re.escape(case)}"\]|^\s*"{re.escape(case)}":'
        return not case or re.search(named, text, re.M) is not None


def rows(page):
    """(line number, cells) of each row of a table whose last column is "test"."""
    inside = False
    for number, line in enumerate(page.splitlines(), 1):
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not inside:
            inside = cells[-1] == "test" and [cells]  # what follows is this table's
            continue
        if inside and not set("".join(cells)) <= set("-: "):
            yield number, cells


def problems(page, tree):
    found, seen = [], 0
    for number, cells in rows(page):
        seen += 1
        names = re.findall(r"`([^`]+)`", cells[-1])
        if not names:
            found.append(f"line {number}: names no test")
        found += [f"line {number}: there is no test {name}" for name in names if not tree.has(name)]
    if not seen:
        found.append("there is no table of attackers and tests")
    return found


def check_itself(tree):
    """That a row without a test, and a test that does not exist, are told."""
    table = "| what | test |\n|---|---|\n| x | {} |\n"
    for wrong in ("none", "`NoSuite.NoName`", "`fault/bad_input.py no_such_case`", "`office/none.py`", "`fuzz_nothing`",
                  "`fault/../unit/security_page_test.py`", "`Suite`"):
        if not problems(table.format(wrong), tree):
            sys.exit(f"this test does not notice {wrong}")
    if problems(table.format("`fault/bad_input.py other_users`, `fuzz_url`, `tree.rules`, `Hex.KnownAndStrict`"), tree):
        sys.exit("this test does not find tests that exist")


def main():
    tree = Tree(ROOT)
    check_itself(tree)
    found = problems((ROOT / "docs" / "security.md").read_text(encoding="utf-8"), tree)
    print("\n".join(f"docs/security.md: {problem}" for problem in found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
