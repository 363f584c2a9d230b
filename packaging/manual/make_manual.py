#!/usr/bin/env python3
"""Makes the manual pages: make_manual.py LARDER LARDERD LARDER_INBOX OUT_DIRECTORY

What they say of options, keys and exit statuses is printed by the programs (each program's --describe, larder config keys --json,
larder-inbox --keys, larder --exit-statuses); texts are those of docs/. The date is that of debian/changelog, so that the same tree makes the
same pages.
"""

import email.utils
import json
import pathlib
import re
import subprocess
import sys

import inbox_pages
import pages
from roff import tidy

ROOT = pathlib.Path(__file__).resolve().parents[2]


def said(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=60).stdout


def release_date():
    stamp = re.search(r"^ -- .*>  (.+)$", (ROOT / "debian/changelog").read_text(encoding="utf-8"), re.MULTILINE)[1]
    return email.utils.parsedate_to_datetime(stamp).strftime("%Y-%m-%d")


def exit_statuses(page):
    return re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)


def commands_below(words, command):
    """The command and all below it, with the words that call them."""
    yield words, command
    for below in command["commands"]:
        yield from commands_below([*words, below["name"]], below)


def all_pages(larder, larderd, inbox):
    facts = {"version": said(larder, "--version").split()[1], "date": release_date(),
             "statuses": exit_statuses(said(larder, "--exit-statuses"))}
    tree = json.loads(said(larder, "--describe"))
    for words, command in commands_below(["larder"], tree):
        yield f"{'-'.join(words)}.1", pages.command_page(words, command, facts)
        for alias in command["aliases"]:
            yield f"{'-'.join([*words[:-1], alias])}.1", f"{'-'.join(words)}.1"
    yield "larderd.8", pages.agent_page(json.loads(said(larderd, "--describe")), facts)
    keys = json.loads(said(larder, "config", "keys", "--json"))
    keys = keys["keys"] if isinstance(keys, dict) else keys
    yield "larder.toml.5", pages.configuration_page((ROOT / "docs/configuration.md").read_text(encoding="utf-8"), keys, facts)
    yield "larder-group.7", pages.group_page((ROOT / "docs/groups.md").read_text(encoding="utf-8"), facts)
    yield "larder-inbox.8", inbox_pages.server_page(json.loads(said(inbox, "--describe")), facts)
    document = (ROOT / "docs/inbox-configuration.md").read_text(encoding="utf-8")
    yield "larder-inbox.toml.5", inbox_pages.configuration_page(document, inbox_pages.keys_of(said(inbox, "--keys")), facts)


def main():
    larder, larderd, inbox, out = (pathlib.Path(word) for word in sys.argv[1:5])
    for name, lines in all_pages(larder, larderd, inbox):
        folder = out / f"man{name[-1]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        if isinstance(lines, str):  # another name of the same page
            (folder / name).symlink_to(lines)
        else:
            (folder / name).write_text(tidy(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
