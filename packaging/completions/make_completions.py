#!/usr/bin/env python3
"""Makes the completions of bash, zsh and fish: make_completions.py OUT_DIRECTORY PROGRAM...

Commands and options are those that PROGRAM --describe prints. What only the agent knows (job ids, record ids, agents, names of hooks
and notify commands) the shell asks by `larder --complete KIND` at the moment of completing; no agent is started for it.
"""

import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ASKED = {"--hook": "hooks", "--notify": "notify"}
FILES = {"FILE", "KEY", "PATH", "INVITATION"}


def kind(words, option):
    """What may stand for the value: "words a b", "ask KIND", "files", "directories", or "nothing" that can be offered."""
    found = re.search(r":\{(.*)\}$", option["value"])
    if found:
        return "words " + found[1].replace(",", " ")
    for name in option["names"]:
        if name in ASKED:
            return "ask " + ASKED[name]
    name = option["positional"] or option["value"].split(":")[0]
    if option["value"].startswith(("UINT", "INT")) or name == "URL":
        return "nothing"
    if name == "ID":
        return {"job": "ask jobs", "cache": "ask records", "inbox": "nothing", "put": "nothing"}[words[1]]
    if name == "AGENT":
        return "ask agents"
    return "directories" if name == "DIR" else "files" if name in FILES else "nothing"


def first_line(text):
    return " ".join(text.strip().split("\n")[0].split())


def commands_of(tree, words=()):
    words = (*words, tree["name"])
    yield list(words), tree
    for below in tree["commands"]:
        for name in [below["name"], *below["aliases"]]:
            yield from commands_of({**below, "name": name}, words)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def facts(tree):
    """Rows for the scripts: of each command its commands and options with what they are, what an option's value is, what a positional is."""
    rows = {"commands": [], "options": [], "values": [], "positions": []}
    for words, command in commands_of(tree):
        at = " ".join(words)
        rows["commands"] += [(at, name, first_line(below["help"])) for below in command["commands"] for name in [below["name"], *below["aliases"]]]
        place = 0
        for option in command["options"]:
            for name in option["names"]:
                rows["options"].append((at, name, first_line(option["help"])))
                if option["value"]:
                    rows["values"].append((f"{at} {name}", kind(words, option)))
            if option["positional"]:
                rows["positions"].append((f"{at} {'*' if option['repeats'] else place}", kind(words, option)))
                place += 1
    # --socket of the program is understood behind every command too.
    for words, command in commands_of(tree):
        if len(words) > 1:
            own = {name for option in command["options"] for name in option["names"]}
            for option in tree["options"]:
                if option["value"] and option["names"] and own.isdisjoint(option["names"]):
                    rows["options"] += [(" ".join(words), name, first_line(option["help"])) for name in option["names"]]
                    rows["values"] += [(f"{' '.join(words)} {name}", kind(words, option)) for name in option["names"]]
    return rows


def shell_case(name, pairs, glob_last=False):
    """A function that prints what belongs to $1; a * at the end of a key stands for any place."""
    lines = [f"{name}() {{", '  case "$1" in']
    for key, text in pairs:
        pattern = quoted(key[:-1]) + "*" if glob_last and key.endswith("*") else quoted(key)
        lines.append(f"    {pattern}) printf '%s\\n' {text} ;;")
    return "\n".join([*lines, "    *) return 1 ;;", "  esac", "}"])


def grouped(rows, entry):
    """Of each command one row with all of its entries."""
    of = {}
    for at, *rest in rows:
        of.setdefault(at, []).append(entry(*rest))
    return [(at, " ".join(entries)) for at, entries in of.items()]


def posix_tables(program, rows, with_help):
    def entry(name, text):
        return quoted(name.replace(":", "\\:") + ":" + text) if with_help else quoted(name)

    prefix = f"_{program}"
    return "\n".join([shell_case(f"{prefix}_commands", grouped(rows["commands"], entry)),
                      shell_case(f"{prefix}_options", grouped(rows["options"], entry)),
                      shell_case(f"{prefix}_value", [(key, quoted(what)) for key, what in rows["values"]]),
                      shell_case(f"{prefix}_position", [(key, quoted(what)) for key, what in rows["positions"]], True)])


def fish_script(program, rows):
    lines = [(HERE / "template.fish").read_text(encoding="utf-8").replace("PROGRAM", program)]
    at_all = [shell_row for shell_row in rows["commands"]]
    lines.append(f"function __{program}_is_command\n    switch \"$argv\"")
    lines += [f"        case {quoted(at + ' ' + name)}\n            return 0" for at, name, _ in at_all]
    lines.append("    end\n    return 1\nend")
    lines.append(f"function __{program}_takes_value\n    switch \"$argv\"")
    lines += [f"        case {quoted(key)}\n            return 0" for key, _ in rows["values"]]
    lines.append("    end\n    return 1\nend")
    offered = {"files": "-F", "directories": "-x -a '(__fish_complete_directories)'", "nothing": "-x"}
    values = dict(rows["values"])

    def how(what):
        if what.startswith("words "):
            return f"-x -a {quoted(what[6:])}"
        return f"-x -a '(__{program}_ask {what[4:]})'" if what.startswith("ask ") else offered[what]

    for at, name, text in rows["commands"]:
        lines.append(f"complete -c {program} -n {quoted(f'__{program}_at {at}')} -f -a {name} -d {quoted(text)}")
    for at, name, text in rows["options"]:
        flag = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
        value = values.get(f"{at} {name}")
        lines.append(f"complete -c {program} -n {quoted(f'__{program}_at {at}')} {flag} {how(value) if value else ''} -d {quoted(text)}")
    for key, what in rows["positions"]:
        at, _, place = key.rpartition(" ")
        condition = f"__{program}_at {at}" + ("" if place == "*" else f"; and __{program}_place {place}")
        if what != "nothing":
            lines.append(f"complete -c {program} -n {quoted(condition)} {how(what).replace('-x', '-f')}")
    return "\n".join(lines) + "\n"


def scripts(program, rows):
    for shell, name, with_help in (("bash", program, False), ("zsh", f"_{program}", True)):
        template = (HERE / f"template.{shell}").read_text(encoding="utf-8")
        yield shell, name, template.replace("PROGRAM", program).replace("# TABLES\n", posix_tables(program, rows, with_help) + "\n")
    yield "fish", f"{program}.fish", fish_script(program, rows)


def main():
    out = pathlib.Path(sys.argv[1])
    for path in sys.argv[2:]:
        described = subprocess.run([path, "--describe"], check=True, capture_output=True, text=True, timeout=60).stdout
        tree = json.loads(described)
        for shell, name, text in scripts(tree["name"], facts(tree)):
            (out / shell).mkdir(parents=True, exist_ok=True)
            (out / shell / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
