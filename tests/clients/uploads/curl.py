"""curl -T: the whole file in one request, the URL is the transaction."""

import re
import subprocess

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from larder_lab import MIB, expect, expect_equal, seeded_bytes

CURL = "/usr/bin/curl"
TOKEN = "a-token-of-the-test-0123456789abcdef"
NAME = "report.bin"
# What curl says of a connection that ended: nothing came, sending failed, receiving failed.
BROKEN = (52, 55, 56)


class Answer:
    """What curl printed of the last answer."""

    def __init__(self, done):
        self.exit, text = done.returncode, done.stdout.decode(errors="replace")
        head, _, self.body = text.rpartition("\r\n\r\n")
        statuses = re.findall(r"^HTTP/1\.1 (\d+)", text, re.M)
        self.status = int(statuses[-1]) if statuses else None
        found = re.findall(r"^location: (\S+)", head, re.M | re.I)
        self.location = found[-1] if found else None


def curl(source, url, *options, stdin=None):
    done = subprocess.run([CURL, "-q", "-sS", "-i", "--max-time", "60", *options, "-T", str(source), url], input=stdin,
                          capture_output=True, timeout=90, check=False)
    return Answer(done)


def taken(answer):
    expect_equal((answer.exit, answer.status), (0, 201), f"curl's exit status and the answer ({answer.body})")
    expect(answer.location, "no Location")
    return answer


def path(transaction, name=NAME):
    return f"/in/{INBOX}/{transaction}/{name}"


def file_of(lab, size, seed=1):
    data = seeded_bytes(seed, size)
    file = lab.folder("sent") / f"{seed}-{size}"
    file.write_bytes(data)
    return file, data


def sizes(lab):
    inbox = lab_inbox(lab)
    sent = []
    for size in (0, 1, 3 * MIB, 40 * MIB + 1):
        file, data = file_of(lab, size)
        taken(curl(file, inbox.url(path(f"t{size}"))))
        sent.append(Sent(f"t{size}", NAME, data))
    inbox.check(sent)


def pipe(lab):
    """Chunked: the length is known when the last chunk has come."""
    inbox = lab_inbox(lab)
    data = seeded_bytes(1, 3 * MIB + 7)
    answer = taken(curl("-", inbox.url(path("t")), stdin=data))
    again = taken(curl("-", inbox.url(path("t")), stdin=data))
    expect_equal(again.location, answer.location, "the Location of the repetition")
    other = curl("-", inbox.url(path("t")), stdin=data[:-1])
    expect_equal((other.exit, other.status), (0, 409), "another body")
    taken(curl("-", inbox.url(path("none")), stdin=b""))
    inbox.check([Sent("t", NAME, data), Sent("none", NAME, b"")])


def many_at_once(lab):
    """Two dozen over a few connections that curl uses again."""
    inbox = lab_inbox(lab)
    sent, arguments = [], []
    for number in range(24):
        file, data = file_of(lab, 10_000 + number, seed=number)
        sent.append(Sent(f"t{number}", NAME, data))
        arguments += ["-T", str(file), inbox.url(path(f"t{number}"))]
    done = subprocess.run([CURL, "-q", "-sS", "-Z", "--parallel-max", "6", "--fail-early", "-f", *arguments], capture_output=True,
                          timeout=90, check=False)
    expect(done.returncode == 0, f"curl's exit status is {done.returncode}: {done.stderr[-600:]}")
    inbox.check(sent)


def who_may(lab):
    inbox = lab_inbox(lab, principals={"ci": TOKEN, "other": TOKEN + "2"})
    file, data = file_of(lab, 3 * MIB)
    taken(curl(file, inbox.url(path("bearer")), "-H", f"Authorization: Bearer {TOKEN}"))
    taken(curl(file, inbox.url(path("basic")), "-u", f"ci:{TOKEN}"))
    # curl asks without credentials first, and sends the file with them after the 401.
    taken(curl(file, inbox.url(path("asked")), "--anyauth", "-u", f"ci:{TOKEN}"))
    for wrong in (["-H", "Authorization: Bearer wrong"], ["-u", "ci:wrong"], ["-u", f"nobody:{TOKEN}"], ["-u", f"other:{TOKEN}"],
                  []):
        refused = curl(file, inbox.url(path("wrong")), *wrong)
        expect_equal((refused.exit, refused.status), (0, 401), f"the answer to {wrong}")
    inbox.check([Sent(tx, NAME, data) for tx in ("bearer", "basic", "asked")])


def again(lab):
    """The same is answered as before, another file under the URL is refused, also after a restart and by another name."""
    inbox = lab_inbox(lab)
    file, data = file_of(lab, 3 * MIB)
    other, _ = file_of(lab, 3 * MIB, seed=2)
    shorter, _ = file_of(lab, 10)
    first = taken(curl(file, inbox.url(path("t"))))

    def repeat():
        same = taken(curl(file, inbox.url(path("t"))))
        expect_equal((same.location, same.body), (first.location, first.body), "the answer to the repetition")
        for wrong in (other, shorter):
            refused = curl(wrong, inbox.url(path("t")))
            expect_equal((refused.exit, refused.status), (0, 409), "the answer to another file")
        only_new = curl(file, inbox.url(path("t")), "-H", "If-None-Match: *")
        expect_equal((only_new.exit, only_new.status), (0, 412), "the answer to If-None-Match: *")

    repeat()
    inbox.application.take(1)
    repeat()
    inbox.kill()
    inbox.start()
    repeat()
    inbox.check([Sent("t", NAME, data)])


def broken_off(lab):
    """Sent again by hand, once, each time from the beginning."""
    inbox = lab_inbox(lab)
    file, data = file_of(lab, 30 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        for at, reset in ((1000, False), (10 * MIB, False), (29 * MIB, True)):
            proxy.cut(at, reset)
            answer = curl(file, proxy.url(path("t")))
            expect(answer.exit in BROKEN, f"curl's exit status is {answer.exit}, the answer {answer.status}")
        first = taken(curl(file, proxy.url(path("t"))))
        same = taken(curl(file, proxy.url(path("t"))))
        expect_equal(same.location, first.location, "the Location of the repetition")
        proxy.expect_done()
    inbox.check([Sent("t", NAME, data)])


def broken_pipe(lab):
    """A chunked body without its end is no file; nor is one whose sender ended before its last chunk."""
    inbox = lab_inbox(lab)
    data = seeded_bytes(1, 8 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        proxy.cut(5 * MIB)
        answer = curl("-", proxy.url(path("t")), stdin=data)
        expect(answer.exit in BROKEN, f"curl's exit status is {answer.exit}, the answer {answer.status}")
        taken(curl("-", proxy.url(path("t")), stdin=data))
        proxy.expect_done()
    inbox.check([Sent("t", NAME, data)])


def retries(lab):
    """curl --retry over a line that breaks twice, loses the answer, and finds the server killed and started again."""
    inbox = lab_inbox(lab)
    file, data = file_of(lab, 12 * MIB)

    def killed():
        inbox.kill()
        inbox.start()

    with CuttingProxy(inbox.port) as proxy:
        proxy.cut(5 * MIB)
        proxy.cut(9 * MIB, reset=True)
        proxy.cut(7 * MIB, then=killed)
        options = ["--retry", "5", "--retry-delay", "1", "--retry-all-errors"]
        taken(curl(file, proxy.url(path("t")), *options))
        proxy.expect_done()
        proxy.lose_answer(b"PUT /in/")
        small, small_data = file_of(lab, 20_000)
        taken(curl(small, proxy.url(path("lost")), *options))
        proxy.expect_done()
    inbox.check([Sent("t", NAME, data), Sent("lost", NAME, small_data)])


CASES = {f.__name__: f for f in (sizes, pipe, many_at_once, who_may, again, broken_off, broken_pipe, retries)}


def run(_seed, lab, case):
    CASES[case](lab)
