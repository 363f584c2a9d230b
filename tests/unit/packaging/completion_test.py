#!/usr/bin/env python3
"""The completions in the shells that they are for: completion_test.py BIN_DIRECTORY COMPLETIONS_DIRECTORY

A line is completed as a person would have it, in bash, zsh and fish as they are installed here; ids and names come from a real agent. A
shell that is not here is left out, and said so (exit status 77 where nothing else failed).
"""

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/support"))

from larder_lab import Edition, EditionResource, Lab  # noqa: E402

BIN, COMPLETIONS = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
BASH = """
. %s
. %s/bash/larder
COMP_LINE=$1; read -ra COMP_WORDS <<<"$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_POINT=${#1}
_larder larder "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%%s\\n' "${COMPREPLY[@]}"
""" % (BASH_COMPLETION, COMPLETIONS)


def in_bash(line, _=()):
    done = subprocess.run(["/bin/bash", "-c", BASH, "bash", line], capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.split())


def in_fish(line, _=()):
    script = f"source {COMPLETIONS}/fish/larder.fish; complete -C '{line}'"
    done = subprocess.run(["/usr/bin/fish", "--no-config", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    return {row.split("\t")[0] for row in done.stdout.splitlines()}


class Zsh:
    """An interactive one on a terminal: its completion works on no other."""

    def __init__(self, folder):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.environ.update(TERM="dumb", PS1="", HOME=folder, COLUMNS="200", LINES="50")
            os.execv("/usr/bin/zsh", ["zsh", "-f", "-i"])
        setup = (f"unsetopt zle_bracketed_paste; PS1=; fpath=({COMPLETIONS}/zsh $fpath); autoload -Uz compinit; compinit -u -D; "
                 "zstyle ':completion:*' insert-tab false; LISTMAX=1000; setopt auto_list no_auto_menu no_list_beep; echo set up-$((40+2))\n")
        os.write(self.terminal, setup.encode())
        self.until("set up-42")

    def until(self, wanted, timeout=20.0):
        text, deadline = "", time.monotonic() + timeout
        while wanted not in text:
            left = deadline - time.monotonic()
            if left < 0 or not select.select([self.terminal], [], [], max(left, 0))[0]:
                raise TimeoutError(f"zsh did not show {wanted!r}: {text!r}")
            text += os.read(self.terminal, 65536).decode(errors="replace")
        return text

    def complete(self, line, wanted):
        """All that it lists, or puts into the line, until that is what is wanted; then the line is given up."""
        os.write(self.terminal, b"\x15" + line.encode() + b"\t")
        text, deadline = "", time.monotonic() + 20
        while not set(wanted) <= set(text.split()) and time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 2)[0]:
                text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\x07|\x08", " ", os.read(self.terminal, 65536).decode(errors="replace"))
            else:
                os.write(self.terminal, b"\t")  # the first one only put in what all have in common
        return set(text.split())

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.child, 0)


def expect(shell, line, seen, wanted, unwanted=()):
    missing = [word for word in wanted if word not in seen]
    odd = [word for word in unwanted if word in seen]
    if missing or odd:
        raise AssertionError(f"{shell}: {line!r}: without {missing}, with {odd}: {sorted(seen)}")


def cases(job, record):
    """A line, what is offered, and what is not."""
    return [
        ("larder job s", ["start", "suspend", "show", "set"], ["cancel"]),
        ("larder cache ", ["list", "pin", "remove"], ["create"]),
        ("larder inbox ", ["take", "ack", "reject", "renew", "list", "show"], ["create"]),
        ("larder inbox renew --", ["--lease", "--attempt", "--socket"], ["--output"]),
        ("larder get --mini", ["--minisign-key", "--minisign-sig"], ["--sha256"]),
        ("larder get --priority ", ["foreground", "high", "normal", "low"], []),
        ("larder get --hook ", ["scan", "virus-check"], ["mail"]),
        ("larder job set --notify ", ["mail", "page"], ["scan"]),
        ("larder job cancel ", job, []),
        ("larder cache pin ", record, []),
    ]


def shells(folder):
    """Each with what it is asked by, or why it is left out."""
    yield "bash", in_bash if os.path.exists(BASH_COMPLETION) else None
    yield "fish", in_fish if os.access("/usr/bin/fish", os.X_OK) else None
    yield "zsh", Zsh(folder).complete if os.access("/usr/bin/zsh", os.X_OK) else None


def main():
    left_out = []
    with Lab(BIN) as lab:
        hook = [{"name": "scan", "command": ["/bin/true"]}, {"name": "virus-check", "command": ["/bin/true"]}]
        notify = [{"name": "mail", "command": ["/bin/true"]}, {"name": "page", "command": ["/bin/true"]}]
        agent = lab.agent(hook=hook, notify=notify)
        os.environ.update(LARDER_SOCKET=str(agent.api.socket_path), PATH=f"{BIN}:{os.environ['PATH']}")
        jobs = []
        for number in range(2):
            url = lab.origin.serve(f"/{number}", EditionResource([Edition(bytes([number]) * 100, etag=f'"{number}"')]))
            jobs.append(agent.api.create([url])["id"])
            agent.api.wait(jobs[-1])
        records = [of["id"] for of in agent.api.call("GET", "/v1/cache")["records"]]
        for shell, complete in shells(str(lab.folder("home"))):
            if complete is None:
                left_out.append(shell)
                continue
            for line, wanted, unwanted in cases(jobs, records):
                expect(shell, line, complete(line, wanted), wanted, unwanted)
            print(f"{shell}: well")
        agent.stop()
        expect("bash", "without an agent", in_bash("larder job cancel "), [], jobs)
    if left_out:
        print(f"skip: not here: {', '.join(left_out)}")
    return 77 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
