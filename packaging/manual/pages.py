"""The manual pages, out of the tables of the programs and of docs/. Each function gives the lines of a page."""

import re

from roff import bold, escape, inline, italic, line, markdown, verbatim

SOCKET_FILES = [("/run/larder/api.sock", "The system's agent."), ("$XDG_STATE_HOME/larder/api.sock",
                "The agent of a user, which larder starts where the system has none."), ("/run/larder-inbox/inbox.sock",
                "The upload server, for larder inbox.")]


def split_help(text):
    """A help text: its first paragraph, the examples, and what else it says."""
    first, _, rest = text.strip().partition("\n\n")
    examples, others = [], []
    for part in re.split(r"\n\n", rest) if rest else []:
        if part.startswith("Examples:\n"):
            examples += [row[2:] for row in part.splitlines()[1:]]
        else:
            others.append(" ".join(part.split()))
    if first.startswith("Examples:"):
        first, examples = "", [row[2:] for row in first.splitlines()[1:]]
    return " ".join(first.split()), examples, others


def summary(command):
    """The line of NAME, and of the list of commands."""
    first = split_help(command["help"])[0]
    before, _, rest = re.split(r"(?<=[^.])\. |; --", first, maxsplit=1)[0].rstrip(".").partition(": ")
    return rest if rest and len(before.split()) < 3 else before  # "Jobs: downloads that …", "The cache: what …"


def lower(text):
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def value_name(option):
    """FILE of "FILE", and TEXT of "TEXT:{any,1.0}"; of a positional the name that it has."""
    shown = option["positional"] or option["value"]
    return shown.strip("'") if shown.startswith("'") else re.split(r":\{|:\w+ in | ", shown.removeprefix("UINT:INT"))[0] or "N"


def choices(option):
    found = re.search(r":\{(.*)\}$", option["value"])
    return found[1].split(",") if found else []


def limits(option):
    """What the parser adds: "one of …", "1 to 16"."""
    between = re.search(r"in \[(\S+) - (\S+)\]", option["value"])
    if choices(option):
        return "one of " + ", ".join(choices(option))
    return f"{between[1]} to {between[2]}" if between else ""


def option_head(option):
    names = ", ".join(bold(name) for name in option["names"])
    value = italic(value_name(option)) if option["value"] else ""
    return (f"{names} {value}" if names else value).strip() + (" ..." if option["repeats"] else "")


def option_lines(option):
    text = inline(option["help"] or value_name(option))
    more = limits(option)
    if more and more not in option["help"] and not all(word in option["help"] for word in choices(option) or [more]):
        text += escape(f" ({more})")
    return [".TP", option_head(option), text + ("" if text.endswith(".") else ".")]


def synopsis(words, command):
    parts = [bold(" ".join(words))]
    if any(option["names"] for option in command["options"]):
        parts.append(r"[\fIOPTIONS\fR]")
    if command["commands"]:
        parts.append(r"\fICOMMAND\fR")
    for option in command["options"]:
        if option["positional"]:
            word = italic(option["positional"]) + (" ..." if option["repeats"] else "")
            parts.append(word if option["required"] else f"[{word}]")
    return [".SH SYNOPSIS", " ".join(parts)]


def option_sections(command):
    lines = []
    groups = {}
    for option in command["options"]:
        groups.setdefault("Arguments" if option["positional"] else option["group"], []).append(option)
    for group in sorted(groups, key=lambda name: (name != "Arguments", name != "Options")):
        lines.append(".SH " + escape(group.upper().rstrip(":")))
        for option in groups[group]:
            lines += option_lines(option)
    return lines


def see_also(names):
    return [".SH SEE ALSO", ",\n".join(f".BR {escape(name, True)} ({section})" for name, section in names).replace(",\n", " ,\n")]


def title(name, section, facts):
    return [f'.TH {escape(name.upper(), True)} {section} "{facts["date"]}" "larder {facts["version"]}" "Larder"']


def command_page(words, command, facts):
    """One command, whether it has commands below it or not."""
    name = "-".join(words)
    first, examples, others = split_help(command["help"])
    lines = title(name, 1, facts) + [".SH NAME", f"{escape(name, True)} \\- {escape(lower(summary(command)))}"]
    lines += synopsis(words, command)
    lines += [".SH DESCRIPTION", inline(first if first.endswith(".") else first + ".")]
    for text in others:
        lines += [".PP", inline(text)]
    if command["commands"]:
        lines.append(".SH COMMANDS")
        for below in command["commands"]:
            page = "-".join([*words, below["name"]])
            aliases = f" (also {', '.join(below['aliases'])})" if below["aliases"] else ""
            lines += [".TP", rf"\fB{escape(page, True)}\fR(1)", inline(summary(below) + aliases + ".")]
    lines += option_sections(command)
    if len(words) == 1:
        lines += exit_section(facts) + environment() + files()
    else:
        lines += [".SH EXIT STATUS", "0 on success; all others are listed in", ".BR larder (1)."]
    if examples:
        lines += [".SH EXAMPLES", *verbatim(examples)]
    above = [("-".join(words[:-1]), 1)] if len(words) > 2 else []
    others = [("larder", 1)] if len(words) > 1 else [("larderd", 8), ("larder.toml", 5)]
    return lines + see_also(above + others + [("larder-group", 7)])


def exit_section(facts):
    lines = [".SH EXIT STATUS", "The words are the code of the error, which", r"\fB\-\-json\fR", "and the API give too."]
    for status, meaning in facts["statuses"]:
        lines += [".TP", bold(status), inline(meaning)]
    return lines


def environment():
    return [".SH ENVIRONMENT", ".TP", bold("LARDER_SOCKET"), "The agent's socket, where", r"\fB\-\-socket\fR", "does not name it.",
            ".TP", bold("XDG_STATE_HOME") + ", " + bold("XDG_CONFIG_HOME") + ", " + bold("HOME"),
            "Where the state and the configuration of a user's own agent are."]


def files():
    lines = [".SH FILES"]
    for path, text in SOCKET_FILES:
        lines += [".TP", italic(path), escape(text)]
    return lines


def agent_page(command, facts):
    first, examples, _ = split_help(command["help"])
    lines = title("larderd", 8, facts) + [".SH NAME", r"larderd \- agent that downloads, keeps and shares files"]
    lines += synopsis(["larderd"], command) + [".SH DESCRIPTION", inline(first)]
    lines += markdown(SERVICE) + option_sections(command)
    lines += [".SH EXIT STATUS", "0 after SIGTERM, SIGINT and", r"\fB\-\-check\fR;", "2 where the command line is not understood; else that of the error, as in",
              ".BR larder (1).", ".SH SIGNALS", ".TP", bold("SIGHUP"), "Reads the configuration again: all of it or nothing.",
              ".TP", bold("SIGTERM") + ", " + bold("SIGINT"), "Ends the agent, within 10 s. Jobs go on at the next start.", ".SH FILES"]
    for path, text in AGENT_FILES:
        lines += [".TP", italic(path), inline(text)]
    lines += [".SH EXAMPLES", *verbatim(examples)]
    return lines + see_also([("larder", 1), ("larder.toml", 5), ("larder-group", 7), ("systemctl", 1)])


SERVICE = """
The package runs it as the service `larderd` of the user `larder`. `systemctl reload larderd` reads the configuration again, and fails where the
agent refuses it; the one before stays in force. The socket is that of `larderd.socket`: while the agent is restarted, whoever connects waits for
the new one. So it is started again by the next request after `systemctl stop larderd`; `systemctl stop larderd.socket larderd` stops both.

Without a group the machine shares with nobody. An invitation that is put at `/etc/larder/join` admits it at the next start, and is removed then.
"""
AGENT_FILES = [
    ("/etc/larder/larder.toml", "The configuration, larder.toml(5)."),
    ("/etc/larder/join", "An invitation to a group, taken at the next start and removed."),
    ("/var/lib/larder", "Database, contents, and this machine's key in its group."),
    ("/run/larder/api.sock", "The socket of the API."),
    ("/usr/share/apparmor/extra-profiles/usr.bin.larderd", "An AppArmor profile, which is not in force; it says how to put it there."),
]


def configuration_page(document, keys, facts):
    """docs/configuration.md in front of its table, and the table of the program."""
    text = document.split("<!-- table -->")[0]
    lines = title("larder.toml", 5, facts) + [".SH NAME", r"larder.toml \- configuration of the Larder agent", ".SH DESCRIPTION"]
    before, _, after = text.partition("## Keys")
    lines += markdown(before) + [".SH KEYS"] + markdown(after)
    section = None
    for key in keys:
        if key["section"] != section:
            section = key["section"]
            lines.append(f".SS {escape('[' + section + ']')}")
        facts_of_key = [key["kind"], key["unit"].strip("–"), key["range"], "default " + key["default"] if key["default"] else ""]
        lines += [".TP", bold(key["name"]), line(inline(key["meaning"])), escape("(" + "; ".join(f for f in facts_of_key if f) + ")")]
    return lines + see_also([("larderd", 8), ("larder-config", 1)])


def group_page(document, facts):
    lines = title("larder-group", 7, facts) + [".SH NAME", r"larder-group \- how machines come to share downloads", ".SH DESCRIPTION"]
    lines += markdown(document)
    lines += [".SH UNATTENDED", "An invitation that is put at", italic("/etc/larder/join"),
              r"before or after the package is installed admits the machine when the agent starts next, and is removed then."]
    return lines + see_also([("larder-group", 1), ("larder-peers", 1), ("larderd", 8)])
