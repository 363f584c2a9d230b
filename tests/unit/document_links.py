#!/usr/bin/env python3
"""Every relative link of the Markdown pages leads to a file and a heading that exist, and so does every path named in code marks.
Each page of docs/decisions has a number of its own and a status with its date, and the list there tells the same.

    tests/unit/document_links.py              checks this tree; one line per finding, exit status 1 when there are any
    tests/unit/document_links.py --self-test  breaks every rule once in a made-up tree and wants each to be found
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
STATUS = re.compile(r"^Status: (\S.*\d{4}-\d\d-\d\d\.)$", re.MULTILINE)
# Made by a build or by a command, so that a clean clone does not have them.
MADE = ("build/", "dist/")


def pages(root):
    names = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                           capture_output=True, text=True, check=True).stdout.split("\n")
    return [root / name for name in names if name and (root / name).is_file()]


def anchor_of(heading):
    """As the pages' viewers make it of a heading: lower case, no punctuation, a hyphen for each blank."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors(text):
    seen, found = {}, set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        anchor = anchor_of(heading)
        count = seen.get(anchor, 0)
        found.add(anchor if not count else f"{anchor}-{count}")
        seen[anchor] = count + 1
    return found


def check_links(root, page, prose):
    for target in LINK.findall(CODE.sub("", prose)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"links to {target}, which does not exist"
        elif root not in (file, *file.parents):
            yield f"links to {target}, which is outside the tree"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            yield f"links to {target}, but {file.relative_to(root)} has no such heading"


def check_paths(root, page, prose):
    """A word in code marks that begins with a folder of the tree's top names a file or a folder of it."""
    tops = {entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".") or entry.name == ".ci"}
    for code in CODE.findall(prose):
        for word in code.split():
            word = word.rstrip(".,;:").removeprefix("./")
            top, slash, rest = word.partition("/")
            if not slash or top not in tops or word.startswith(MADE) or re.search(r"[^\w./-]", word):
                continue
            if rest and re.fullmatch(r"[\w./-]+", rest) and not any((base / word).exists() for base in (root, page.parent)):
                yield f"names {word}, which does not exist"


def check_decision(root, page, prose):
    if page.parent != root / "docs/decisions" or page.name == "README.md":
        return
    status = STATUS.search(prose)
    if not re.match(r"\d{4}-", page.name):
        yield "has no number: the next one of docs/decisions, with four digits"
    elif len(list(page.parent.glob(page.name[:5] + "*"))) > 1:
        yield f"shares the number {page.name[:4]} with another page"
    elif not status:
        yield 'has no line "Status: in force. Since YYYY-MM-DD." below its title'
    elif f"]({page.name}) |" not in (page.parent / "README.md").read_text() or f"| {status[1]} |" not in (page.parent / "README.md").read_text():
        yield "is not in the list of docs/decisions/README.md, or with another status"


def findings(root):
    for page in pages(root):
        prose = FENCE.sub("", page.read_text())
        for check in (check_links, check_paths, check_decision):
            for finding in check(root, page, prose):
                yield f"{page.relative_to(root)}: {finding}"


GOOD = {
    "README.md": "# The *house*, [a](docs/a.md)\n[b](docs/a.md#two-words-and-code) `docs/a.md` `build/x/y` `docs/a.md:12`\n",
    "docs/a.md": "## Two words, and `code`\n## Same\n## Same\n[up](../README.md) [here](#same-1) [web](https://example.org/x)\n"
                 "```\n[not](a-link.md)\n```\n`[nor](this.md)`\n",
    "docs/decisions/README.md": "| [0001](0001-a.md) | A | In force. Since 2026-01-02. |\n| [0003](0003-a.md) | A | In force. Since 2026-01-02. |\n",
    "docs/decisions/0001-a.md": "# A\n\nStatus: In force. Since 2026-01-02.\n",
}
BAD = [
    ("one.md", "[x](docs/gone.md)\n", "links to docs/gone.md"),
    ("two.md", "[x](docs/a.md#three-words)\n", "no such heading"),
    ("three.md", "[x](#nowhere)\n", "no such heading"),
    ("four.md", "`docs/gone.py --all`\n", "names docs/gone.py"),
    ("five.md", "[x](..)\n", "outside the tree"),
    ("docs/decisions/why.md", "# Why\n", "has no number"),
    ("docs/decisions/0002-b.md", "# B\n\nStatus: in force. Since 2026-01-02.\n", "is not in the list"),
    ("docs/decisions/0003-a.md", "# A\n", "has no line"),
    ("docs/decisions/0004-a.md", "# A\n", "shares the number"),
    ("docs/decisions/0004-b.md", "# B\n", "shares the number"),
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        subprocess.run(["git", "init", "-q", root], check=True)
        for name, text in [*GOOD.items(), *((name, text) for name, text, _ in BAD)]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = list(findings(root))
    failures = [f'{name}: nothing says "{wanted}"' for name, _, wanted in BAD
                if not any(finding.startswith(name + ":") and wanted in finding for finding in found)]
    return failures + [f"in a good page: {finding}" for finding in found if finding.split(":")[0] in GOOD]


def main():
    found = self_test() if sys.argv[1:] == ["--self-test"] else list(findings(ROOT))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
