"""Where tools/mutants.py makes mutants: a copy of the tree in a directory of its own, built once. Of each mutant one source
is compiled and each test program that covers it is linked anew, beside what was built. The directory goes when the run
ends, however it ends; what a run that was killed with -9 left goes when the next one begins."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

PREFIX = "larder-mutants-"
PRESET = "mutants"
COMPILE_LIMIT = 300  # seconds
QUICK_LINKER = ["-fuse-ld=lld"] if shutil.which("ld.lld") else []  # in half the time
POLL = 0.02
LONGEST_STEP = 0.5  # of one poll: a tool that was stopped, or a machine that slept, is no time-out
KILLED, TIMED_OUT, SURVIVED, NOT_COMPILED = "killed", "timed out", "survived", "not compiled"


class Trouble(Exception):
    """What the user has to know, in one sentence: cannot …, why, what to do next."""


def run(command, directory, limit, log=subprocess.DEVNULL, env=None):
    """The exit status; None after `limit` seconds in which this program ran. What the command started ends with it."""
    process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                               start_new_session=True)
    try:
        spent, last = 0.0, time.monotonic()
        while process.poll() is None and spent < limit:
            time.sleep(POLL)
            now = time.monotonic()
            spent += min(now - last, LONGEST_STEP)
            last = now
        return process.poll()
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def remove_leftovers(parent):
    """Directories of runs that are over."""
    for path in parent.glob(f"{PREFIX}*"):
        found = re.fullmatch(rf"{PREFIX}(\d+)-\w+", path.name)
        if found and path.stat().st_uid == os.getuid() and not pathlib.Path("/proc", found[1]).exists():
            shutil.rmtree(path, ignore_errors=True)


def files_of(root):
    """What the tree consists of, as git has it, also what is not committed yet; without git, all but what is built."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                                check=True, capture_output=True, text=True).stdout
        return [name for name in listed.split("\0") if name and (root / name).is_file()]
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return [name.as_posix() for name in names if name.parts[0] not in ("build", "dist")]


class Workshop:
    """with Workshop(root, parent, say) as workshop: the copy of the tree, in `parent`."""

    def __init__(self, root, parent, say):
        self.root, self.say = root, say
        remove_leftovers(parent)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        self.tree = self.directory / "tree"
        self.build_dir = self.tree / "build" / PRESET
        self.compile_commands, self.link_commands = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def copy(self):
        for name in files_of(self.root):
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / name, target, follow_symlinks=False)

    def build(self, programs):
        """What the programs need, as tools/build.sh builds it."""
        log = self.directory / "build.log"
        self.say(f"building {', '.join(programs)} in {self.build_dir}")
        with log.open("w") as out:
            status = run(["tools/build.sh", PRESET, *programs], self.tree, 24 * 3600, out)
        if status != 0:
            raise Trouble(f"cannot build the tests in a copy of the tree; the last lines are below, see whether `tools/build.sh "
                          f"{PRESET} {' '.join(programs)}` works here:\n" + "\n".join(log.read_text().splitlines()[-15:]))
        for entry in json.loads((self.build_dir / "compile_commands.json").read_text()):
            path = pathlib.Path(entry["file"])
            if path.is_relative_to(self.tree):
                self.compile_commands[path.relative_to(self.tree).as_posix()] = shlex.split(entry["command"])
        for program in programs:
            self.link_commands[program] = self._link_command(program)

    def _link_command(self, program):
        """Ninja's last command for a program is its link: `: && g++ … -o bin/PROGRAM … && :`."""
        listed = subprocess.run(["ninja", "-t", "commands", f"bin/{program}"], cwd=self.build_dir, check=True,
                                capture_output=True, text=True).stdout
        words = shlex.split(listed.strip().splitlines()[-1])
        parts, begin = [], 0
        for at, word in enumerate([*words, "&&"]):
            if word == "&&":
                parts.append(words[begin:at])
                begin = at + 1
        for part in parts:
            if "-o" in part and part[part.index("-o") + 1] == f"bin/{program}":
                return part
        raise Trouble(f"cannot find how {program} is linked; see what `ninja -t commands bin/{program}` says in a build directory")

    def link_command(self, test):
        command = list(self.link_commands[test.program])
        if not test.sources:
            return command
        own = [word for word in command if f"/{test.program}.dir/" in word and word.endswith(".o")]
        kept = [word for word in own if any(word.endswith(f"/{test.program}.dir/{source}.o") for source in test.sources)]
        if len(kept) != len(test.sources):
            raise Trouble(f"cannot link {test}: not each of these is a source of the program; name them as its CMakeLists.txt does")
        return [word for word in command if word not in own or word in kept]

    def compile_command(self, path):
        if path not in self.compile_commands:
            raise Trouble(f"cannot compile {path}: nothing that covers it is built of it; only a .cpp of a library that the named "
                          "programs link can have mutants")
        return self.compile_commands[path]


class Bench:
    """Tries the variants of one source, one after the other, in a directory of its own."""

    def __init__(self, workshop, name):
        self.workshop = workshop
        self.directory = workshop.directory / f"bench-{name}"
        self.directory.mkdir(exist_ok=True)
        self.env = {**os.environ, "CCACHE_DISABLE": "1"}  # no second run compiles the same mutant

    def compile(self, path, text):
        """The object, None where the text is no C++ that compiles."""
        source, made = self.directory / pathlib.Path(path).name, self.directory / "variant.o"
        source.write_text(text)
        command = list(self.workshop.compile_command(path))
        command[command.index("-o") + 1] = str(made)
        command[command.index("-c") + 1] = str(source)
        command += ["-iquote", str((self.workshop.tree / path).parent)]  # what it includes from beside itself
        for option in ("-MF", "-MT"):
            if option in command:
                command[command.index(option) + 1] = str(self.directory / "variant.d")
        made.unlink(missing_ok=True)
        status = run(command, self.workshop.build_dir, COMPILE_LIMIT, env=self.env)
        return made if status == 0 and made.exists() else None

    def link(self, path, made, test):
        """The test's program with this object in place of the one that was built: before the libraries, so that none of them
        gives it. Of the program's own objects only those of the named sources are linked: that is most of the time."""
        command = self.workshop.link_command(test)
        output = self.directory / test.program
        compile_command = self.workshop.compile_command(path)
        built = compile_command[compile_command.index("-o") + 1]
        at = command.index("-o")
        command[at + 1] = str(output)
        if built in command:
            command[command.index(built)] = str(made)
        else:
            command.insert(at + 2, str(made))
        command += QUICK_LINKER
        return output if run(command, self.workshop.build_dir, COMPILE_LIMIT) == 0 else None

    def passes(self, program, arguments, limit, log=subprocess.DEVNULL):
        """Whether the tests pass; None where they had to be ended."""
        scratch = self.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        status = run([str(program), *arguments], scratch, limit, log, {**os.environ, "TMPDIR": str(scratch)})
        shutil.rmtree(scratch, ignore_errors=True)
        return None if status is None else status == 0

    def judge(self, path, text, tests, limits):
        """What becomes of a variant: the tests are asked in turn until one notices it."""
        made = self.compile(path, text)
        if made is None:
            return NOT_COMPILED
        for test, limit in zip(tests, limits):
            program = self.link(path, made, test)
            if program is None:
                return NOT_COMPILED
            passed = self.passes(program, test.arguments, limit)
            if not passed:
                return TIMED_OUT if passed is None else KILLED
        return SURVIVED
