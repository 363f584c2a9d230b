"""The command line on the machine it runs on: what a destination leads to, messages that nobody reads, signals, readers
that go away, an agent found without the environment it was started with, root in another user's home.

CASES is the table: name -> function(case). What needs root has a mount namespace of its own and is skipped elsewhere.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import random
import select
import signal
import stat
import subprocess

from larder_lab import (MIB, Edition, EditionResource, Skip, expect, expect_equal, http_date, named, nobody,
                        seeded_bytes, wait_until)

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Case:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"command {seed}")
        self.lab, self.origin = lab, lab.origin
        self._agent = None
        self.out = lab.folder("out")
        self.bin_dir = lab.bin_dir

    @property
    def agent(self):
        if self._agent is None:
            self._agent = self.lab.agent(api={"socket_mode": "0666"})
        return self._agent

    def serve(self, name="f", size=None, **options):
        edition = Edition(seeded_bytes((self.rng.random(), name), size or self.rng.randrange(1000, 9000)), f'"{name}"',
                          http_date(1_700_000_000))
        return edition.data, self.origin.serve("/" + name, EditionResource([edition], **options))

    def shell(self, script, **options):
        """A shell script in which $larder is the command with its socket, $out a folder."""
        script = f'larder() {{ "{self.bin_dir}/larder" --socket "{self.agent.socket}" "$@"; }}\nout="{self.out}"\n' + script
        options.setdefault("capture_output", True)
        return subprocess.run(["bash", "-c", script], timeout=100, check=False, **options)

    def no_jobs(self):
        left = [j for j in self.agent.api.jobs("?all=1") if j["state"] not in ("acknowledged", "cancelled")]
        expect_equal(left, [], "jobs that are left")

    def no_hidden(self):
        expect_equal([n for n in os.listdir(self.out) if n.startswith(".")], [], "hidden files that are left")


# -- destinations ----------------------------------------------------------------------------------------------------
@case
def device_nodes_stay(c):
    """As root, with a /dev of its own: what leads to standard output is written to it, and no node is ever replaced."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    data, url = c.serve()
    setup = ("mount -t tmpfs larder-dev /dev && mknod /dev/null c 1 3 && mknod /dev/full c 1 7 && chmod 666 /dev/* && "
             "ln -s /proc/self/fd /dev/fd && ln -s fd/1 /dev/stdout && ln -s fd/2 /dev/stderr && ln -s null /dev/sink && ")
    for destination in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", "/dev/fd/../stdout"):
        got = c.out / "got"
        done = c.shell("unshare -m bash -c '" + setup + f"\"{c.bin_dir}/larder\" --socket \"{c.agent.socket}\" "
                       f"get {url} -q -o {destination} > {got}; echo $?; stat -c %F /dev/stdout /dev/null'")
        expect_equal(done.stdout.split(b"\n")[:3], [b"0", b"symbolic link", b"character special file"],
                     f"{destination}: status and nodes ({done.stderr[-300:]})")
        expect(got.read_bytes() == data, f"{destination}: standard output got {got.stat().st_size} of {len(data)} bytes")
    for destination, wanted in (("/dev/null", 0), ("/dev/sink", 0), ("/dev/full", 45)):
        done = c.shell("unshare -m bash -c '" + setup + f"\"{c.bin_dir}/larder\" --socket \"{c.agent.socket}\" "
                       f"get {url} -q -o {destination}; echo $?; stat -c %F /dev/null /dev/full /dev/sink'")
        expect_equal(done.stdout.decode().split("\n")[:4], [str(wanted)] + ["character special file"] * 2 + ["symbolic link"],
                     f"{destination} ({done.stderr[-300:]})")


@case
def pipes_and_descriptors(c):
    """A named pipe, a process substitution and a descriptor get the bytes."""
    data, url = c.serve(size=3 * MIB)
    digest = hashlib.sha256(data).hexdigest()
    for name, script in (("a named pipe", 'mkfifo "$out/p"; timeout 60 sha256sum < "$out/p" & larder get URL -q -o "$out/p"; s=$?; wait; exit $s'),
                         ("a substitution", 'larder get URL -q -o >(sha256sum > "$out/sum"); s=$?; wait $!; cat "$out/sum"; exit $s'),
                         ("a descriptor", 'larder get URL -q -o /dev/fd/7 7> "$out/seven"; s=$?; sha256sum < "$out/seven"; exit $s'),
                         ("standard output", 'larder get URL -q -o - | sha256sum; exit ${PIPESTATUS[0]}'),
                         ("behind what is there", 'echo head > "$out/h"; larder get URL -q -o /dev/stdout >> "$out/h"; s=$?; '
                                                  'tail -c +6 "$out/h" | sha256sum; exit $s')):
        done = c.shell(script.replace("URL", url))
        expect_equal(done.returncode, 0, f"{name}: exit status ({done.stderr[-300:]})")
        expect(digest.encode() in done.stdout, f"{name}: other bytes ({done.stdout[:200]})")
    c.no_jobs()


@case
def links_lead_to_their_place(c):
    """Through links to another file system, to nothing and along a chain: the links stay, hidden files never do."""
    data, url = c.serve()
    other = c.lab.tmpfs("other", 8 * MIB)
    (other / "real").write_bytes(b"old")
    (other / "real").chmod(0o640)
    (c.out / "real").symlink_to(other / "real")
    (c.out / "dangling").symlink_to("new")
    (c.out / "chain").symlink_to("dangling2")
    (c.out / "dangling2").symlink_to(other / "made")
    for name, place in (("real", other / "real"), ("dangling", c.out / "new"), ("chain", other / "made")):
        done = c.agent.larder("get", url, "-o", c.out / name)
        expect_equal(done.returncode, 0, f"{name}: exit status ({done.stderr[-300:]})")
        expect((c.out / name).is_symlink(), f"{name} is no link any more")
        expect(place.read_bytes() == data and not place.is_symlink(), f"{name}: the bytes are not at {place}")
    expect_equal(stat.S_IMODE((other / "real").stat().st_mode), 0o640, "mode of what was replaced")
    expect_equal([n for n in os.listdir(other) if n.startswith(".")], [], "hidden files")
    c.no_hidden()


@case
def judged_before_anything_is_fetched(c):
    """What cannot be written is refused without a request to the origin and without a job."""
    data, url = c.serve()
    (c.out / "d").mkdir()
    (c.out / "circle").symlink_to("circle")
    (c.out / "to-d").symlink_to("d")
    places = ["/proc/larder-x", "/sys/larder-x", c.out / "none/x", c.out / "d", c.out / "to-d", c.out / "circle"]
    if os.geteuid() == 0:
        closed = c.lab.tmpfs("closed", MIB)
        subprocess.run(["mount", "-o", "remount,ro", str(closed)], check=True)
        shared = c.lab.folder("shared")
        shared.chmod(0o1777)
        (shared / "bait").symlink_to(c.out / "d/x")
        os.lchown(shared / "bait", nobody(), nobody())
        places += [closed / "x", shared / "bait"]
    for place in places:
        done = c.agent.larder("get", url, "-o", place)
        expect(done.returncode in (2, 5, 6, 8), f"{place}: exit status {done.returncode}: {done.stderr}")
        expect(str(place) in done.stderr, f"the error does not name {place}: {done.stderr}")
    closed_output = c.shell(f"larder get {url} -o - >&-")
    expect_equal(closed_output.returncode, 46, f"a closed standard output ({closed_output.stderr})")
    expect_equal(c.origin.exchanges("/f"), [], "requests to the origin")
    c.no_jobs()


@case
def rights_of_what_is_replaced(c):
    """As root: mode and owner stay, setuid does not, other names keep the old content, and that is told."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    data, url = c.serve()
    old = c.out / "old"
    old.write_bytes(b"old")
    os.chown(old, nobody(), nobody())
    old.chmod(0o4750)
    os.link(old, c.out / "other")
    done = c.agent.larder("get", url, "-o", old)
    expect_equal(done.returncode, 0, f"exit status ({done.stderr})")
    facts = old.stat()
    expect_equal((stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid), (0o750, nobody(), nobody()), "mode and owner")
    expect(old.read_bytes() == data and (c.out / "other").read_bytes() == b"old", "contents")
    expect("setuid" in done.stderr and "names" in done.stderr, f"it is not told: {done.stderr}")


# -- messages and descriptors ----------------------------------------------------------------------------------------
@case
def messages_that_nobody_reads(c):
    """Standard error closed, full, a closed pipe, a pipe that nobody reads: the same file and the same exit status."""
    data, url = c.serve(size=12 * MIB, rate=40 * MIB)
    reader, stuck = os.pipe()
    fcntl.fcntl(stuck, fcntl.F_SETPIPE_SZ, 4096)
    os.write(stuck, b"x" * 4096)
    _, gone = os.pipe()
    for number, redirect in enumerate(("2>&-", "2>/dev/full", "2> >(true)", f"2>&{stuck}", f"2>&{gone}")):
        if number == 4:
            os.close(_)
        script = (f'larder get {url} --no-cache -o "$out/f{number}" {redirect}; echo "status $?"\n'
                  f'larder get {url}-missing -o "$out/m{number}" {redirect}; echo "status $?"')
        done = c.shell(script, capture_output=False, stdout=subprocess.PIPE, pass_fds=(stuck, gone))
        expect_equal(done.stdout, b"status 0\nstatus 30\n", f"{redirect}: exit statuses")
        expect((c.out / f"f{number}").read_bytes() == data, f"{redirect}: other bytes")
        expect(not (c.out / f"m{number}").exists(), f"{redirect}: a file where there was none")
    os.close(stuck)
    os.close(gone)
    os.close(reader)
    c.no_hidden()
    c.no_jobs()


@case
def results_that_nobody_reads(c):
    """What a command was asked for is an error where it cannot be written."""
    for words in ("status", "--help", "--version", "get --help", "config keys", "job list --json"):
        for redirect in (">/dev/full", ">&-"):
            done = c.shell(f"larder {words} {redirect}")
            expect(done.returncode == 46, f"larder {words} {redirect}: {done.returncode} {done.stderr[-200:]}")
            expect(b"standard output" in done.stderr, f"larder {words} {redirect}: {done.stderr[-200:]}")
    done = c.shell(f'"{c.bin_dir}/larderd" --version > /dev/full')
    expect_equal(done.returncode, 46, f"larderd --version > /dev/full ({done.stderr})")


@case
def standard_descriptors_closed(c):
    """All of 0 to 2 closed at start, for the command and for the agent: no file and no socket gets their numbers."""
    data, url = c.serve(size=9 * MIB)
    done = c.shell(f'larder get {url} -o "$out/f" <&- >&- 2>&-; echo "status $?" > "$out/status"', capture_output=False)
    expect_equal((c.out / "status").read_text(), "status 0\n", "exit status")
    expect(done.returncode == 0 and (c.out / "f").read_bytes() == data, "other bytes")
    other = c.lab.new_agent("closed")
    process = subprocess.Popen(["bash", "-c", f'exec "{c.bin_dir}/larderd" --config "{other.config_file}" <&- >&- 2>&-'])
    try:
        wait_until(other.socket.exists, 20, "the socket of the other agent")
        links = {n: os.readlink(f"/proc/{process.pid}/fd/{n}") for n in (0, 1, 2)}
        expect_equal(set(links.values()), {"/dev/null"}, "descriptors 0 to 2 of larderd")
        done = other.larder("get", url, "-o", c.out / "g")
        expect_equal(done.returncode, 0, f"exit status with such an agent ({done.stderr})")
        expect((c.out / "g").read_bytes() == data, "other bytes from such an agent")
    finally:
        process.terminate()
        expect_equal(process.wait(20), 0, "exit status of larderd")


# -- limits and signals ----------------------------------------------------------------------------------------------
@case
def a_limit_of_file_sizes(c):
    """ulimit -f below the file: status 45 with its words, no hidden file; an agent raises what it may."""
    data, url = c.serve(size=9 * MIB)
    done = c.shell(f'ulimit -f 4000; larder get {url} -o "$out/f"')
    expect_equal(done.returncode, 45, f"exit status ({done.stderr})")
    expect(b"ulimit -f" in done.stderr, f"the limit is not named: {done.stderr}")
    c.no_hidden()
    expect(not (c.out / "f").exists(), "a part of the file is there")
    other = c.lab.new_agent("limited", prefix=["bash", "-c", 'ulimit -S -f 4000; exec "$@"', "-"]).start()
    done = other.larder("get", url, "-o", c.out / "g")
    expect_equal(done.returncode, 0, f"exit status with an agent under a soft limit ({done.stderr})")
    expect((c.out / "g").read_bytes() == data, "other bytes")


@case
def signals_that_end_a_command(c):
    """INT, TERM, HUP and QUIT: no hidden file, the job is suspended, the same command goes on; nohup is obeyed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        data, url = c.serve(f"s{int(number)}", 24 * MIB, rate=16 * MIB)
        with subprocess.Popen(c.agent.larder_command("get", url, "-o", c.out / f"s{int(number)}"), stderr=subprocess.PIPE,
                              text=True) as process:
            c.origin.wait_sent(9 * MIB, f"/s{int(number)}")
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        expect_equal(process.returncode, 128 + number, f"{number.name}: exit status ({err[-300:]})")
        c.no_hidden()
        states = [j["state"] for j in c.agent.api.jobs("?all=1")]
        expect_equal(states, ["suspended"], f"{number.name}: states of jobs")
        done = c.agent.larder("get", url, "-o", c.out / f"s{int(number)}")
        expect_equal(done.returncode, 0, f"{number.name}: the same command again ({done.stderr[-300:]})")
        expect((c.out / f"s{int(number)}").read_bytes() == data, f"{number.name}: other bytes")
    data, url = c.serve("nohup", 24 * MIB, rate=16 * MIB)
    command = ["nohup", *c.agent.larder_command("get", url, "-o", c.out / "nohup")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        c.origin.wait_sent(9 * MIB, "/nohup")
        process.send_signal(signal.SIGHUP)
        expect_equal(process.wait(60), 0, "exit status under nohup")
    expect((c.out / "nohup").read_bytes() == data, "nohup: other bytes")


@case
def readers_that_had_enough(c):
    """More files than a user may have jobs, each into a pipe that closes early: no job is left, no word is said."""
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    urls = [c.serve(f"p{i}", 300_000)[1] for i in range(70)]
    script = "".join(f'larder get -q {url} -o - | head -c 10 | wc -c; echo "status ${{PIPESTATUS[0]}}"\n' for url in urls)
    c.out.chmod(0o777)
    done = c.shell(script, user=nobody(), group=nobody(), extra_groups=[])
    expect_equal(done.stderr, b"", "messages")
    expect_equal(set(done.stdout.split(b"\n")), {b"10", b"status 141", b""}, "bytes and statuses")
    c.no_jobs()
    data, url = c.serve("long", 40 * MIB, rate=4 * MIB)
    done = c.shell(f'larder get -q {url} -o - | true; echo "status ${{PIPESTATUS[0]}}"')
    expect_equal(done.stdout, b"status 141\n", f"a reader that went while it was fetched ({done.stderr})")
    expect(c.origin.sent("/long") < len(data), "all of it was fetched for nobody")
    c.no_jobs()
    done = c.shell(f"larder get -q {urls[0]} -o - > /dev/full")
    expect_equal(done.returncode, 45, f"a full standard output ({done.stderr})")
    c.no_jobs()


# -- which agent -----------------------------------------------------------------------------------------------------
class Home:
    """A home with an agent of its own in it, for one user."""

    def __init__(self, c, name, user):
        self.c, self.user = c, user
        self.path = c.lab.folder(name)
        self.runtime = c.lab.folder(name + "/runtime")
        for made in (self.path, self.runtime):
            os.chown(made, user, user)
            made.chmod(0o700)
        self.base = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "LARDER"))}

    def larder(self, *words, user=None, **environment):
        environment = {**self.base, "HOME": str(self.path), **environment}
        user = self.user if user is None else user
        return subprocess.run([self.c.bin_dir / "larder", *map(str, words)], env=environment, user=user, group=user,
                              extra_groups=[], cwd="/", capture_output=True, text=True, timeout=60, check=False)

    def process(self, **environment):
        done = self.larder("status", "--json", **environment)
        expect_equal(done.returncode, 0, f"larder status ({done.stderr})")
        return json.loads(done.stdout)["pid"]

    def end(self):
        with contextlib.suppress(OSError, ValueError):
            process = int((self.path / ".local/state/larder/lock").read_text())
            ending = os.pidfd_open(process)
            signal.pidfd_send_signal(ending, signal.SIGTERM)
            select.select([ending], [], [], 10)
            os.close(ending)


def need_other_users(c):
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    if os.path.exists("/run/larder/api.sock"):
        raise Skip("a system agent runs on this machine")
    for folder in (c.lab.directory, c.out):
        folder.chmod(0o777)


@case
def found_by_its_state_directory(c):
    """The agent of a session is found by cron, ssh and su, which have no runtime directory, and after a logout."""
    need_other_users(c)
    home = Home(c, "home", nobody())
    data, url = c.serve()
    try:
        runtime = {"XDG_RUNTIME_DIR": str(home.runtime)}
        done = home.larder("get", url, "-o", c.out / "a", **runtime)
        expect_equal(done.returncode, 0, f"with a runtime directory ({done.stderr})")
        first = home.process(**runtime)
        expect_equal(home.process(), first, "agent found without one")
        done = home.larder("get", url, "-o", c.out / "b")
        expect_equal(done.returncode, 0, f"without one ({done.stderr})")
        expect_equal(home.process(XDG_RUNTIME_DIR="/nonexistent"), first, "agent found with a wrong one")
        for left in home.runtime.glob("**/*"):  # as logind does
            if not left.is_dir():
                left.unlink()
        expect_equal(home.process(), first, "agent found after a logout")
        expect((c.out / "b").read_bytes() == data, "other bytes")
    finally:
        home.end()


@case
def found_with_a_long_state_directory(c):
    """The socket does not fit into the state directory: the record in there tells where it is."""
    need_other_users(c)
    home = Home(c, "h" * 100, nobody())
    try:
        runtime = {"XDG_RUNTIME_DIR": str(home.runtime)}
        first = home.process(**runtime)
        record = (home.path / ".local/state/larder/socket").read_text()
        expect(str(home.runtime) in record, f"the socket is elsewhere: {record}")
        expect_equal(home.process(), first, "agent found without a runtime directory")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not pathlib.Path(f"/proc/{first}").exists(), 20, "the end of the agent")
        second = home.process()
        expect(second != first, "the record of a dead agent was in the way")
        expect_equal(home.process(**runtime), second, "agent found again")
    finally:
        home.end()


@case
def root_in_the_home_of_another(c):
    """Root with a user's HOME makes nothing there, and the user's next command works."""
    need_other_users(c)
    home, roots = Home(c, "home", nobody()), Home(c, "root", 0)
    data, url = c.serve()
    # Root's own state directory is that of this machine's root: the run is made harmless by a failing download.
    for variables in ({}, {"XDG_STATE_HOME": str(home.path / "state"), "XDG_CONFIG_HOME": str(home.path / "config")}):
        script = (f'mount --bind "{roots.path}" "$(getent passwd 0 | cut -d: -f6)" && exec "{c.bin_dir}/larder" get {url} '
                  f'-o "{c.out}/r"')
        environment = {**home.base, "HOME": str(home.path), "XDG_RUNTIME_DIR": str(home.runtime), **variables}
        done = subprocess.run(["unshare", "-m", "bash", "-c", script], env=environment, capture_output=True, text=True,
                              timeout=60, check=False)
        try:
            expect_equal(done.returncode, 0, f"as root ({done.stderr})")
            expect_equal(sorted(os.listdir(home.path)), ["runtime"], "what root made in the user's home")
            expect_equal(os.listdir(home.runtime), [], "what root made in the user's runtime directory")
        finally:
            roots.end()
    try:
        done = home.larder("get", url, "-o", c.out / "u")
        expect_equal(done.returncode, 0, f"the user's own command ({done.stderr})")
        expect((c.out / "u").read_bytes() == data, "other bytes")
    finally:
        home.end()


# -- text ------------------------------------------------------------------------------------------------------------
@case
def text_of_other_editors(c):
    """A list with a byte order mark and CR LF, names of wide characters, a minisign key with a slash."""
    data, url = c.serve()
    listed = c.lab.directory / "list.txt"
    listed.write_bytes(b"\xef\xbb\xbf" + f"{url}\u00a0{hashlib.sha256(data).hexdigest()} \u65e5\u672c.bin\r\n\r\n".encode())
    done = c.agent.larder("get", "--from", listed, "-d", c.out)
    expect_equal(done.returncode, 0, f"exit status ({done.stderr})")
    expect((c.out / "\u65e5\u672c.bin").read_bytes() == data, "other bytes")
    signature = c.lab.directory / "sig"
    signature.write_text("untrusted comment: x\n")
    done = c.agent.larder("get", url, "-o", c.out / "x", "--minisign-key",
                          "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U", "--minisign-sig", signature)
    expect("No such file" not in done.stderr, f"the key was taken for a file: {done.stderr}")
    expect("signature" in done.stderr, f"what is wrong is the signature: {done.stderr}")


@case
def lines_fit_the_terminal(c):
    """On a terminal of 60 columns no refresh of the progress line leaves a line behind, whatever the name."""
    name = "\u65e5\u672c\u8a9e\u306e\u9577\u3044\u540d\u524d" * 4 + "\U0001f600" * 9
    data, url = c.serve("wide", 12 * MIB, rate=8 * MIB)
    leader, follower = os.openpty()
    fcntl.ioctl(follower, 0x5414, (60).to_bytes(2, "little") * 4)  # TIOCSWINSZ
    with subprocess.Popen(c.agent.larder_command("get", url, "-o", c.out / name), stderr=follower,
                          stdout=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"}) as process:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other side is gone
            while piece := os.read(leader, 65536):
                shown += piece
        expect_equal(process.wait(60), 0, "exit status")
    os.close(leader)
    import unicodedata
    lines = [piece for piece in shown.decode().split("\r\x1b[K") if "%" in piece and "\n" not in piece]
    expect(len(lines) > 2, f"no progress was shown: {shown!r}")
    for line in lines:
        width = sum(2 if unicodedata.east_asian_width(x) in "WF" else 1 for x in line)
        expect(width < 60, f"{width} columns in a terminal of 60: {line}")


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    c = Case(seed, lab)
    try:
        CASES[name](c)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    if c._agent is not None:  # pylint: disable=protected-access
        expect(c.agent.running, f"{name}: larderd ended: {c.agent.log_tail()}")
    return name
