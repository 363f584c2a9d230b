"""The manual pages of the upload server, larder-inbox(8) and larder-inbox.toml(5). Each function gives the lines of a page."""

from pages import option_sections, see_also, split_help, synopsis, title
from roff import bold, cells, escape, inline, italic, line, markdown, verbatim

SERVICE = """
The package runs it as the service `larder-inbox` of the user `larder-inbox`. As it is installed it takes nothing from anybody: who may upload, and how the
application gets the files, is said in `/etc/larder/inbox.toml`. `systemctl restart larder-inbox` puts that in force and breaks no upload: clients go on
where they were. `systemctl reload larder-inbox` reads the certificate and its key again.

The service may write to its own state and nowhere else. A directory that files are handed over by, or a program that needs more, is given to it by
`systemctl edit larder-inbox`; the comments of `systemctl cat larder-inbox` say how.

A client is told of success when the file is on the disk and in the ledger, and each file is handed to its application until that says yes or no: again after
a crash, with the same id and the next attempt. `larder inbox` takes, acknowledges and shows uploads.
"""
SIGNALS = [
    ("SIGHUP", "Reads the certificate and its key again; where they are wrong those before stay, and the log says why."),
    ("SIGTERM, SIGINT", "Takes no more requests, lets those under way end for 20 s, and ends. Uploads go on at the next start."),
]
FILES = [
    ("/etc/larder/inbox.toml", "The configuration, larder-inbox.toml(5)."),
    ("/var/lib/larder-inbox", "The ledger, and the files that were not handed over yet."),
    ("/run/larder-inbox/inbox.sock", "The socket of larder inbox."),
]


def described(rows, head):
    lines = []
    for name, text in rows:
        lines += [".TP", head(name), inline(text)]
    return lines


def server_page(command, facts):
    first, examples, _ = split_help(command["help"])
    lines = title("larder-inbox", 8, facts) + [".SH NAME", r"larder\-inbox \- server that takes uploads and hands each to its application once"]
    lines += synopsis(["larder-inbox"], command) + [".SH DESCRIPTION", inline(first)] + markdown(SERVICE) + option_sections(command)
    lines += [".SH EXIT STATUS", "0 after SIGTERM, SIGINT, and where only something was printed or checked;",
              "2 where the command line is not understood; else that of the error, as in", ".BR larder (1)."]
    lines += [".SH SIGNALS", *described(SIGNALS, bold), ".SH FILES", *described(FILES, italic), ".SH EXAMPLES", *verbatim(examples)]
    return lines + see_also([("larder-inbox.toml", 5), ("larder-inbox", 1), ("larder", 1), ("systemctl", 1)])


def keys_of(markdown_table):
    """(key, what may stand there, meaning) of each row that `larder-inbox --keys` prints."""
    for row in markdown_table.splitlines():
        if row.startswith("| `"):
            name, kind, unit, default, bounds, meaning = cells(row)
            known = f"default {default}" if default.startswith("`") else default
            yield name.strip("`"), [kind, unit.strip("–"), bounds, known], meaning


def configuration_page(document, keys, facts):
    """docs/inbox-configuration.md in front of its table, and the table of the program."""
    lines = title("larder-inbox.toml", 5, facts) + [".SH NAME", r"larder\-inbox.toml \- configuration of the Larder upload server", ".SH DESCRIPTION"]
    lines += markdown(document.partition("\n| ")[0]) + [".SH KEYS"]
    for name, known, meaning in keys:
        lines += [".TP", bold(name), line(inline(meaning)), "(" + "; ".join(inline(fact) for fact in known if fact) + ")"]
    return lines + [".SH FILES", *described(FILES[:1], italic)] + see_also([("larder-inbox", 8), ("larder-inbox", 1)])
