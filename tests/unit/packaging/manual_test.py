#!/usr/bin/env python3
"""The manual pages, as they were made of the programs: manual_test.py LARDER LARDERD LARDER_INBOX MANUAL_DIRECTORY

Each command has a page, each option that --help shows has its line there, each key and each exit status too. man and mandoc find
nothing to warn of; where one of them is missing that part is left out, and said so (exit status 77 where nothing else failed).
"""

import json
import os
import pathlib
import re
import subprocess
import sys

LARDER, LARDERD, INBOX, MANUAL = (pathlib.Path(word) for word in sys.argv[1:5])


def said(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=60).stdout


def heads(page):
    """What the paragraphs of a page are about, as it is typed."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [re.sub(r"\\f.|\\&", "", after).replace("\\-", "-") for line, after in zip(lines, lines[1:]) if line == ".TP"]


def options_of_help(text):
    """The names in the left column of --help."""
    found = set()
    for row in text[text.index("Usage:"):].splitlines()[1:]:
        if re.match(r"\s+--?[a-zA-Z]", row):  # further in where options form a group
            found |= {word.split()[0] for word in row.strip().split("  ")[0].split(",") if word.startswith("-")}
    return found


def commands(words, tree):
    yield words, tree
    for below in tree["commands"]:
        yield from commands([*words, below["name"]], below)


def problems():
    checked = 0
    for program, section in ((LARDER, 1), (LARDERD, 8), (INBOX, 8)):
        for words, command in commands([program.name], json.loads(said(program, "--describe"))):
            page = MANUAL / f"man{section}" / f"{'-'.join(words)}.{section}"
            if not page.is_file():
                yield f"{' '.join(words)}: no page {page.name}"
                continue
            named = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", "\n".join(heads(page))))
            shown = options_of_help(said(program, *words[1:], "--help"))
            described = {name for option in command["options"] for name in option["names"]}
            checked += len(shown)
            for option in sorted(shown ^ described):
                yield f"{' '.join(words)}: {option} is in only one of --help and --describe"
            for option in sorted(shown - named):
                yield f"{page.name}: no line for {option}"
            for alias in command["aliases"]:
                if not (page.parent / f"{'-'.join([*words[:-1], alias])}.{section}").is_file():
                    yield f"{' '.join(words)}: no page of its other name {alias}"
    keys = json.loads(said(LARDER, "config", "keys", "--json"))["keys"]
    lines = heads(MANUAL / "man5/larder.toml.5")
    for key in keys:
        if lines.count(key["name"]) != sum(other["name"] == key["name"] for other in keys):
            yield f"larder.toml.5: no line for {key['section']}.{key['name']}"
    inbox_keys = re.findall(r"^\| `([^`]+)`", said(INBOX, "--keys"), re.MULTILINE)
    lines = heads(MANUAL / "man5/larder-inbox.toml.5")
    for key in inbox_keys:
        if lines.count(key) != 1:
            yield f"larder-inbox.toml.5: no line for {key}"
    statuses = re.findall(r"^\| (\d+) \|", said(LARDER, "--exit-statuses"), re.MULTILINE)
    for status in statuses:
        if status not in heads(MANUAL / "man1/larder.1"):
            yield f"larder.1: no line for exit status {status}"
    if checked < 100 or len(keys) < 40 or len(inbox_keys) < 30 or len(statuses) < 40:
        yield f"{checked} options, {len(keys)} and {len(inbox_keys)} keys, {len(statuses)} statuses: not read, this test proves nothing"


def read_by(program, *options):
    """What a reader of manuals has to say of any page."""
    for page in sorted(MANUAL.rglob("*.[1578]")):
        done = subprocess.run([program, *options, page], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MANPAGER": "cat"})
        words = (done.stdout if "lint" in options else done.stderr).strip()
        if words or (done.returncode != 0 and "lint" not in options):
            yield f"{page.name}: {program}: {words or done.returncode}"


def main():
    found, missing = list(problems()), []
    for program, *options in (("/usr/bin/mandoc", "-T", "lint", "-W", "warning"), ("/usr/bin/man", "--warnings", "-l")):
        if os.access(program, os.X_OK):
            found += read_by(program, *options)
        else:
            missing.append(program)
    for problem in found:
        print(problem)
    if found:
        return 1
    if missing:
        print(f"skip: there is no {' nor '.join(missing)}; the rest is well")
        return 77
    print(f"{len(list(MANUAL.rglob('*.[1578]')))} pages: well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
