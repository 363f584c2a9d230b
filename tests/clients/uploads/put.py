"""`larder put` to larder-inbox, by each of the three dialects, over a line that breaks; interrupted, killed, repeated, refused."""

import json
import os
import signal
import subprocess

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from lab_put import (BUSY, DIGEST_MISMATCH, HTTP_FATAL, INTERRUPTED, REJECTED, SOURCE_CHANGED, UNAUTHORIZED,
                     USAGE, Putter, interrupt)
from larder_lab import KIB, MIB, expect, expect_equal, wait_until

PROGRAMS = ("larderd", "larder", "larder-inbox")
BIG = 100 * MIB
TOKEN = "a-token-of-the-test-0123456789abcdef"
DIALECTS = ("tus", "bits", "put")


def place(server, dialect, transaction, name):
    """The URL, and the options that go with it: of PUT and BITS the URL is the transaction."""
    if dialect == "tus":
        return server.url(f"/in/{INBOX}/"), ("--transaction", transaction)
    return server.url(f"/in/{INBOX}/{transaction}/{name}"), ("--protocol", dialect)


def to(server, dialect, transaction, path):
    """The words of a command that puts the file."""
    url, options = place(server, dialect, transaction, path.name)
    return (path, url, *options)


def only_file(report):
    expect_equal(len(report["files"]), 1, "files of the report")
    return report["files"][0]


def sizes(lab, dialect):
    inbox, put, sent = lab_inbox(lab, inbox={"empty_bits": "on"}), Putter(lab), []
    for size in (0, 1, 3 * MIB, 9 * MIB + 1):
        if dialect == "bits" and size == 0:
            continue
        path, data = put.file(f"f{size}", size)
        report = put.report(*to(inbox, dialect, f"t{size}", path))
        file = only_file(report)
        expect_equal((report["state"], report["error"], file["protocol"]), ("acknowledged", None, dialect), "the report")
        expect_equal((file["size"], file["bytes"], file["sent"], file["resent"]), (size, size, size, 0), "its figures")
        if dialect != "bits":
            expect(file["confirmed"], f"the server's digest was not compared: {file}")
        sent.append(Sent(f"t{size}", path.name, data))
    put.no_jobs()
    inbox.check(sent)


def empty_by_bits(lab):
    """BITS cannot say that a file is empty: refused in words, before a byte goes."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, _ = put.file("empty", 0)
    said = put.run(*to(inbox, "bits", "t", path), status=USAGE)
    expect("empty" in said or "0 bytes" in said or "no bytes" in said, f"the reason is not told: {said}")
    put.no_jobs()
    inbox.check([])


def big(lab, dialect):
    """100 MiB with cuts in between. What came before a cut is not sent again but by PUT, which begins from nothing."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("big", BIG)
    with CuttingProxy(inbox.port) as proxy:
        cuts = (20 * MIB, 5 * MIB) if dialect == "put" else (13 * MIB, 13 * MIB, 1000, 22 * MIB, 17 * MIB, 9 * MIB)
        for number, after in enumerate(cuts):
            proxy.cut(after, reset=number % 2 == 1)
        file = only_file(put.report(*to(proxy, dialect, "t", path)))
        proxy.expect_done()
        if dialect != "put":
            expect(proxy.passed < BIG + len(cuts) * 10 * MIB, f"{proxy.passed} bytes were sent for {BIG}")
        expect_equal(file["sent"] - file["resent"], BIG, "sent without what was sent again")
        expect(proxy.passed >= file["sent"] - len(cuts) * 8 * MIB and file["resent"] > 0, f"figures {file}, {proxy.passed} passed")
    put.no_jobs()
    inbox.check([Sent("t", path.name, data)])


LOST = {"tus": (b"OPTIONS /in/", b"POST /in/", b"PATCH /up/", b"HEAD /up/"),
        "bits": (b"BITS-Packet-Type: Create-Session", b"Content-Range: bytes 0-", b"BITS-Packet-Type: Close-Session",
                 b"BITS-Packet-Type: Close-Session"),
        "put": (b"PUT /in/", b"PUT /in/")}


def lost_answers(lab, dialect):
    """The server did what it was asked, and the answer is lost, again and again: one upload, one delivery."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", 5 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        for pattern in LOST[dialect]:
            proxy.lose_answer(pattern)
        report = put.report(*to(proxy, dialect, "t", path))
        expect_equal(report["state"], "acknowledged", "the job")
        proxy.expect_done()
    expect_equal(sum(row["state"] != "cancelled" for row in inbox.rows()), 1, "uploads in the ledger")
    inbox.check([Sent("t", path.name, data)])


def _stopped(lab, dialect, stop, status):
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", BIG)
    with CuttingProxy(inbox.port) as proxy:
        words = (*to(proxy, dialect, "t", path), "--rate", "100 MiB/s")
        running = {}
        # Of tus one part is whole by then, and one is not: a part that was not digested to its end counts for nothing.
        proxy.look(80 * MIB, then=lambda: stop(running["process"]))
        running["process"] = process = put.start(*words)
        output = process.communicate(timeout=60)[1]
        expect_equal(process.returncode, status, f"exit status of the command, which said {output}")
        proxy.expect_done()
        before = len(put.jobs())
        expect_equal(before, 1, "jobs that are kept")
        report = put.report(*to(proxy, dialect, "t", path))
        expect_equal(report["state"], "acknowledged", "the job")
        if dialect != "put":
            expect(proxy.passed < BIG + 30 * MIB, f"{proxy.passed} bytes were sent: it did not go on where it was")
    put.no_jobs()
    inbox.check([Sent("t", path.name, data)])
    return output


def interrupted(lab, dialect):
    """Ctrl-C in the middle: the job is suspended, and the same command goes on with it."""
    said = _stopped(lab, dialect, interrupt, INTERRUPTED)
    expect("the same command goes on" in said, f"it does not say how to go on: {said}")


def command_killed(lab, dialect):
    """-9 in the middle: the agent goes on, and the same command finds its job."""
    _stopped(lab, dialect, lambda process: process.kill(), -9)


def agent_killed(lab, dialect):
    """The agent dies by -9 and is started again: the command gives it the file once more, and it goes on where it was."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", 40 * MIB)
    with CuttingProxy(inbox.port) as proxy:

        def dies():
            put.agent.kill()
            put.agent.start()

        for _ in range(2):
            proxy.cut(12 * MIB, then=dies)
        report = put.report(*to(proxy, dialect, "t", path), "--rate", "60 MiB/s")
        expect_equal(report["state"], "acknowledged", "the job")
        proxy.expect_done()
        if dialect != "put":
            expect(proxy.passed < 40 * MIB + 30 * MIB, f"{proxy.passed} bytes were sent: it did not go on where it was")
    put.no_jobs()
    inbox.check([Sent("t", path.name, data)])


def agent_away(lab):
    """The agent is started anew while nobody waits: the job of an in-place source waits for the command, that of a copy goes on."""
    inbox, put = lab_inbox(lab), Putter(lab)
    files = {kind: put.file(kind, 30 * MIB) for kind in ("in_place", "copied")}
    with CuttingProxy(inbox.port) as proxy:
        for kind, (path, _) in files.items():
            more = ("--spool",) if kind == "copied" else ()
            running = {}
            proxy.look(8 * MIB, then=lambda running=running: running["process"].kill())
            running["process"] = put.start(*to(proxy, "tus", kind, path), "--rate", "10 MiB/s", *more)
            running["process"].wait(60)
            proxy.expect_done()
        put.agent.kill()
        files["copied"][0].unlink()
        put.agent.start()
        states = {}

        def copied_is_done():
            states.update({job["name"]: job["state"] for job in put.jobs()})
            return states.get("put copied") == "transferred"

        wait_until(copied_is_done, 60, "the end of the upload of a copy")
        expect_equal(states["put in_place"], "suspended", "the job whose source is gone")
        waiting = next(job for job in put.jobs() if job["name"] == "put in_place")
        expect("repeat the command" in json.dumps(put.agent.api.job(waiting["id"])), f"it does not say what to do: {waiting}")
        put.run(*to(proxy, "tus", "in_place", files["in_place"][0]))
    for job in put.jobs():
        put.agent.api.act(job["id"], "complete")
    put.no_jobs()
    inbox.check([Sent(kind, path.name, data) for kind, (path, data) in files.items()])


def standard_input(lab):
    """A pipe, of any size; nothing of it lies anywhere when the command is gone."""
    inbox, put, sent = lab_inbox(lab), Putter(lab), []
    spool = lab.folder("spool")
    environment = {**os.environ, "TMPDIR": str(spool)}
    for number, size in enumerate((0, 1, 20 * MIB + 3)):
        path, data = put.file(f"pipe{number}", size)
        with open(path, "rb") as source:
            url, options = place(inbox, "tus", f"t{number}", "")
            put.run("-", url, *options, "--name", f"n{number}", stdin=source, env=environment)
        sent.append(Sent(f"t{number}", f"n{number}", data))
    url = place(inbox, "put", "named", "by-url.bin")[0]
    put.end(put.start("-", url, stdin=subprocess.PIPE, env=environment, text=False), 0)
    sent.append(Sent("named", "by-url.bin", b""))
    expect_equal(os.listdir(spool), [], "what lies in TMPDIR")
    put.no_jobs()
    inbox.check(sent)


def standard_input_interrupted(lab):
    """Ctrl-C and -9 while the pipe is read: nothing was sent, and nothing is left."""
    inbox, put = lab_inbox(lab), Putter(lab)
    spool = lab.folder("spool")
    url, options = place(inbox, "tus", "t", "")
    for stop, status in ((signal.SIGINT, INTERRUPTED), (signal.SIGKILL, -9), (signal.SIGTERM, 143)):
        process = put.start("-", url, *options, "--name", "n", stdin=subprocess.PIPE, env={**os.environ, "TMPDIR": str(spool)})
        process.stdin.write("x" * 200_000)  # more than a pipe holds: what was written beyond that has been read
        process.stdin.flush()
        wait_until(lambda process=process: any(os.path.realpath(f"/proc/{process.pid}/fd/{fd}").startswith(str(spool))
                                               for fd in os.listdir(f"/proc/{process.pid}/fd")), 20, "the spooled file")
        process.send_signal(stop)
        expect_equal(process.wait(20), status, "exit status")
        for stream in (process.stdin, process.stdout, process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        expect_equal(os.listdir(spool), [], "what lies in TMPDIR")
    put.no_jobs()
    inbox.check([])


def several(lab):
    """Several files are one job, each with a transaction of its own."""
    inbox, put = lab_inbox(lab), Putter(lab)
    files = [put.file(name, size) for name, size in (("a.bin", 1), ("b c.bin", 3 * MIB), ("d%.bin", 0))]
    paths = [path for path, _ in files]
    report = put.report(*paths, inbox.url(f"/in/{INBOX}/"), "--transaction", "t")
    expect_equal([file["transaction"] for file in report["files"]], ["t.0", "t.1", "t.2"], "transactions of the files")
    put.no_jobs()
    inbox.check([Sent(f"t.{n}", path.name, data) for n, (path, data) in enumerate(files)])


def repeated(lab):
    """With a transaction a repeat has the stored answer and sends nothing; without one it is another upload."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", 4 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        words = to(proxy, "tus", "t", path)
        put.run(*words)
        before = proxy.passed
        for _ in range(2):
            put.run(*words)
        inbox.kill()
        inbox.start()
        put.run(*words)
        expect(proxy.passed < before + 10 * KIB, f"a repeat sent {proxy.passed - before} bytes")
    for _ in range(2):
        put.run(path, inbox.url(f"/in/{INBOX}/"))
    expect_equal(len(inbox.rows()), 3, "uploads in the ledger")
    inbox.settle(3)
    keys = [row["request_key"] for row in inbox.rows()]
    expect_equal((keys.count("t"), len(set(keys))), (1, 3), f"transactions {keys}")
    inbox.check([Sent(key, path.name, data) for key in keys])


def another_file(lab):
    """Another file under a transaction, or under the URL of a PUT, that has one already."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", MIB)
    other, _ = put.file("other", MIB, seed=2)
    put.run(*to(inbox, "tus", "t", path))
    url, options = place(inbox, "tus", "t", "")
    said = put.run(other, url, *options, "--name", "f", "--sha256", _sha256(other), status=HTTP_FATAL)
    expect("422" in said or "409" in said, f"the server's word is not told: {said}")
    url, options = place(inbox, "put", "u", "f")
    put.run(path, url, *options)
    said = put.run(other, url, *options, status=HTTP_FATAL)
    expect("another digest" in said, f"the server's word is not told: {said}")
    put.run(path, url, *options)  # the same file again has the stored answer
    put.no_jobs()
    inbox.check([Sent("t", "f", data), Sent("u", "f", data)])


def _sha256(path):
    done = subprocess.run(["/usr/bin/sha256sum", path], capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def two_at_once(lab):
    """The same file to the same URL by two commands: the second is told."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", 20 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        words = to(proxy, "tus", "t", path)
        proxy.look(MIB, then=lambda: put.run(*words, status=BUSY))
        put.run(*words)
        proxy.expect_done()
    inbox.check([Sent("t", path.name, data)])


def who_may(lab):
    """A wrong token, none, and one of somebody who has no part in the inbox; the secret is not shown."""
    principals = {"anna": TOKEN, "ben": TOKEN + "2"}
    inbox, put, sent = lab_inbox(lab, principals=principals), Putter(lab), []
    header = lab.folder("secrets") / "header"
    for dialect in DIALECTS:
        path, data = put.file(f"f-{dialect}", 3 * MIB)
        words = to(inbox, dialect, f"t-{dialect}", path)
        for wrong in ("", "Authorization: Bearer wrong-token-of-nobody\n"):
            header.write_text(wrong)
            said = put.run(*words, "--header-file", header, status=UNAUTHORIZED)
            expect("wrong-token" not in said, f"the secret is shown: {said}")
            put.no_jobs()
        header.write_text(f"Authorization: Bearer {TOKEN}\n")
        put.run(*words, "--header-file", header)
        sent.append(Sent(f"t-{dialect}", path.name, data))
    user = lab.folder("secrets") / "user"
    user.write_text(f"anna:{TOKEN}\n")
    path, data = put.file("basic", MIB)
    put.run(*to(inbox, "tus", "t-basic", path), "--user-file", user)
    sent.append(Sent("t-basic", path.name, data))
    # Ben's transaction of the same name is another upload.
    header.write_text(f"Authorization: Bearer {TOKEN}2\n")
    put.run(*to(inbox, "tus", "t-basic", path), "--header-file", header)
    sent.append(Sent("t-basic", path.name, data))
    expect_equal(sorted(row["principal"] for row in inbox.rows()), ["anna"] * 4 + ["ben"], "whose uploads")
    inbox.check(sent)


def no_room(lab, dialect):
    """507: what is missing is told, and once there is room the same command goes on."""
    inbox, put = lab_inbox(lab, server={"keep_free": "1000 TiB"}), Putter(lab)
    path, data = put.file("f", MIB)
    words = to(inbox, dialect, "t", path)
    done = put.start(*words, quick=("--retry-delay", "100ms", "--retry-for", "1s"))
    said = done.communicate(timeout=60)[1]
    expect(done.returncode not in (0, 1, None), f"exit status {done.returncode}: {said}")
    expect("507" in said or "room" in said or "space" in said or "full" in said, f"the reason is not told: {said}")
    inbox.stop()
    config = inbox.directory / "inbox.toml"
    config.write_text(config.read_text().replace("1000 TiB", "1 MiB"))
    inbox.start()
    put.run(*words)
    put.no_jobs()
    inbox.check([Sent("t", path.name, data)])


def rejected(lab, dialect):
    """The scanner's word ends it: nobody tries again, and its first line is told."""
    inbox = lab_inbox(lab, inbox={"scanner": ["/bin/sh", "-c", "echo it looks evil; exit 1"]})
    put = Putter(lab)
    path, _ = put.file("f", 3 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        report = put.report(*to(proxy, dialect, "t", path), status=REJECTED)
        expect_equal(report["error"]["code"], "rejected_by_application", "the error")
        if dialect != "bits":  # whose answers have no body
            expect("it looks evil" in report["error"]["message"], f"the scanner's word is not told: {report}")
        expect(proxy.passed < 4 * MIB, f"it was sent again: {proxy.passed} bytes")
    put.no_jobs()
    inbox.check([])


def digest_mismatch(lab):
    """The file is not what the caller says that it is: the server never tells anybody of it."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, _ = put.file("f", 3 * MIB)
    for dialect in ("tus", "put"):
        report = put.report(*to(inbox, dialect, f"t-{dialect}", path), "--sha256", "0" * 64, status=DIGEST_MISMATCH)
        expect_equal(report["error"]["code"], "digest_mismatch", "the error")
    put.no_jobs()
    inbox.check([])


def source_changed(lab, dialect):
    """The file is written to in the middle: an error, and what the server has is dropped. The next command sends the new file."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", 90 * MIB)

    def write():
        with open(path, "r+b") as file:
            file.seek(89 * MIB)
            file.write(b"another version")

    with CuttingProxy(inbox.port) as proxy:
        proxy.look(40 * MIB, then=write)
        words = to(proxy, dialect, "t", path)
        report = put.report(*words, status=SOURCE_CHANGED)
        expect_equal(report["error"]["code"], "source_changed", "the error")
        proxy.expect_done()
        put.no_jobs()
        wait_until(lambda: all(row["state"] == "cancelled" for row in inbox.rows()), 30, "the server forgets it")
        put.run(*words)
    new = data[:89 * MIB] + b"another version"
    new += data[len(new):]
    inbox.check([Sent("t", path.name, new)])


def shown(lab):
    """larder job list, show, and what is refused for uploads in words."""
    inbox, put = lab_inbox(lab), Putter(lab)
    path, data = put.file("f", 30 * MIB)
    seen = {}
    with CuttingProxy(inbox.port) as proxy:

        def look():
            job = put.jobs()[0]["id"]
            seen["list"] = put.agent.larder("job", "list", check=True).stdout
            seen["show"] = put.agent.larder("job", "show", job, check=True).stdout
            for words in (("retarget", job, "0", "http://127.0.0.1/x"), ("verdict", job, "0", "--valid"), ("content", job, "0"),
                          ("complete", job), ("add", job, "http://127.0.0.1/x")):
                seen[words[0]] = put.agent.larder("job", *words)

        proxy.look(5 * MIB, then=look)
        put.run(*to(proxy, "tus", "t", path), "--rate", "20 MiB/s")
        proxy.expect_done()
    expect("upload" in seen["list"] and "put f" in seen["list"], f"the list: {seen['list']}")
    expect(all(word in seen["show"] for word in ("upload", "tus", "transaction", "30.00 MiB")), f"the page: {seen['show']}")
    for name in ("retarget", "verdict", "content", "complete", "add"):
        done = seen[name]
        expect(done.returncode not in (0, 1) and "cannot " in done.stderr, f"larder job {name}: {done.returncode}, {done.stderr}")
    inbox.check([Sent("t", path.name, data)])


def nobody_there(lab):
    """A port where nobody listens: told at once. With --retry-for it is tried for so long."""
    put = Putter(lab)
    path, _ = put.file("f", 10)
    inbox = lab_inbox(lab)
    inbox.stop()
    for dialect in DIALECTS:
        words = to(inbox, dialect, "t", path)
        said = put.run(*words, status=22, quick=())
        expect("--retry-for" in said, f"it does not say how it would be tried: {said}")
        put.no_jobs()
    process = put.start(*to(inbox, "tus", "t", path))
    wait_until(lambda: any(job["state"] == "transient_error" for job in put.jobs()), 30, "a job that waits")
    inbox.start()
    put.end(process)
    inbox.check([Sent("t", path.name, path)])


CASES = {f.__name__: f for f in (empty_by_bits, agent_away, standard_input, standard_input_interrupted, several, repeated,
                                 another_file, two_at_once, who_may, digest_mismatch, shown, nobody_there)}
for _case in (sizes, big, lost_answers, interrupted, command_killed, agent_killed, no_room, rejected):
    CASES |= {f"{_case.__name__}_{dialect}": lambda lab, case=_case, dialect=dialect: case(lab, dialect) for dialect in DIALECTS}
CASES |= {f"source_changed_{dialect}": lambda lab, dialect=dialect: source_changed(lab, dialect) for dialect in ("tus", "bits")}


def run(_seed, lab, case):
    CASES[case](lab)
