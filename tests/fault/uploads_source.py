"""A file that changes while `larder put` sends it: the receiver gets the whole of one version, or nothing, and never a mixture.

What happens to the file, at which byte, by which dialect, beside which other file, and whether the line breaks there as well is
drawn by the seed. After it the application has the other file of the job, and of the changed one the whole old version or
nothing; the command reported success only with both.
"""

import hashlib
import mmap
import os
import random

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, lab_inbox
from lab_put import SOURCE_CHANGED, Putter
from larder_lab import KIB, MIB, expect, expect_equal, named, seeded_bytes, wait_until

PROGRAMS = ("larderd", "larder", "larder-inbox")


class Change:
    """One way to change a file of `size` bytes, of which about `at` bytes have been sent."""

    def __init__(self, rng, path, size, at):
        self.rng, self.path, self.size, self.at = rng, path, size, at
        self.new = seeded_bytes((rng.random(), "new"), rng.randrange(1, 200 * KIB))

    def place(self):
        """Before what was sent, behind it, or around it."""
        length = len(self.new)
        return min(max(0, self.rng.choice([self.rng.randrange(self.size), self.at - length // 2, self.at])), self.size - 1)

    def truncated(self):
        os.truncate(self.path, self.rng.choice([0, self.rng.randrange(self.size), self.size - 1]))

    def appended(self):
        with open(self.path, "ab") as file:
            file.write(self.new)

    def overwritten(self):
        with open(self.path, "r+b") as file:
            file.seek(self.place())
            file.write(self.new)

    def rewritten(self):
        """As an editor does that truncates: other bytes, perhaps of the same size, perhaps with the old time."""
        before = os.stat(self.path)
        size = self.rng.choice([self.size, self.rng.randrange(1, 2 * self.size)])
        with open(self.path, "wb") as file:
            file.write(seeded_bytes((self.rng.random(), "rewritten"), size))
        if self.rng.random() < 0.5:
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def replaced(self):
        """By rename: the file that is open stays what it was."""
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_bytes(self.new)
        os.rename(beside, self.path)

    def removed(self):
        os.unlink(self.path)

    def touched(self):
        now = os.stat(self.path).st_mtime_ns
        os.utime(self.path, ns=(now, now + self.rng.choice([-1, 1, 10**9])))

    def mapped(self):
        """Through a mapping, as databases write: the times follow when the kernel writes the page, or at msync."""
        place = self.place() // mmap.PAGESIZE * mmap.PAGESIZE
        with open(self.path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            new = self.new[:self.size - place]
            memory[place:place + len(new)] = new
            if self.rng.random() < 0.5:
                memory.flush()


# What leaves the open file as it was: the whole old version may arrive.
KEEPS_THE_OLD = ("replaced", "removed", "touched")
CHANGES = ("truncated", "appended", "overwritten", "rewritten", "replaced", "removed", "touched", "mapped")
BUFFERS = 8 * MIB
DIALECTS = ("tus", "tus", "bits", "put")


class Case:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"uploads_source {seed}")
        self.how = CHANGES[seed % len(CHANGES)]
        self.dialect = self.rng.choice(DIALECTS)
        self.spool = self.rng.random() < 0.15
        self.breaks = self.rng.random() < 0.3
        self.inbox, self.put = lab_inbox(lab), Putter(lab)
        size = self.rng.choice([self.rng.randrange(2 * MIB, 24 * MIB), self.rng.randrange(100 * KIB, 2 * MIB)])
        self.path, self.data = self.put.file("changing.bin", size, seed)
        self.at = self.rng.randrange(1, size)
        self.other, self.other_data = self.put.file("other.bin", self.rng.choice([0, self.rng.randrange(1, 6 * MIB)]), seed)
        # By PUT and BITS the URL is the transaction, so a job to larder-inbox is one file.
        self.alone = self.dialect != "tus"
        self.first = self.rng.random() < 0.5

    @property
    def name(self):
        return f"{self.how} at {self.at} of {len(self.data)}, {self.dialect}{', spooled' if self.spool else ''}" \
               f"{', and the line broke' if self.breaks else ''}"

    def words(self, proxy):
        if self.alone:
            return (self.path, proxy.url(f"/in/{INBOX}/t/"), "--protocol", self.dialect)
        paths = [self.path, self.other] if self.first else [self.other, self.path]
        return (*paths, proxy.url(f"/in/{INBOX}/"))

    def change(self):
        getattr(Change(self.rng, self.path, len(self.data), self.at), self.how)()

    def run(self):
        with CuttingProxy(self.inbox.port) as proxy:
            (proxy.cut if self.breaks else proxy.look)(self.at, then=self.change)
            # Slower than the disk, so that the agent has not read all of it before the change.
            rate = max(len(self.data) + (0 if self.alone else len(self.other_data)), 2 * MIB)
            process = self.put.start(*self.words(proxy), "--rate", f"{rate} B/s", *(["--spool"] if self.spool else []), "--json")
            said = process.communicate(timeout=120)
            proxy.expect_done()
            expect(process.returncode in (0, SOURCE_CHANGED), f"exit status {process.returncode}: {said}")
            self.judge(process.returncode == 0)  # the agent has the server forget it, by the way of the upload
        return f"{self.how}: {'the old version' if process.returncode == 0 else 'source_changed'}"

    def judge(self, success):
        inbox = self.inbox
        # A failed job is ended as a whole: what the server does not have then, it never gets. By PUT there is no word for that.
        over = ("delivered", "cancelled", "failed", *(["receiving"] if self.dialect == "put" else []))
        inbox.settle(0)
        wait_until(lambda: all(row["state"] in over and not (row["state"] == "cancelled" and row["has_content"])
                               for row in inbox.rows()), 40, "the server delivers or forgets")
        inbox.end_well()
        took = {}
        for delivered in inbox.application.took:
            expect(delivered.name not in took, f"{delivered.name} was handed over twice")
            took[delivered.name] = delivered.sha256
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in
                   ((self.path.name, self.data), (self.other.name, self.other_data))[:1 if self.alone else 2]}
        expect(set(took) <= set(digests), f"what the application got: {set(took)}")
        for name, digest in took.items():
            expect_equal(digest, digests[name], f"the bytes of {name}: a mixture, or a version that nobody put")
        if success:
            expect_equal(set(took), set(digests), "the files of a command that reported success")
            expect(self.spool or self.how in (*KEEPS_THE_OLD, "mapped") or self.may_have_been_read(), "a change was not seen")
        else:
            # That it has the old version is no fault where the change came when all had been read.
            expect(self.path.name not in took or self.may_have_been_read(), "source_changed, and the application has the file")
            expect(self.alone or self.other.name in took, "the other file of the job did not arrive")
        rows = {row["id"]: row for row in inbox.rows()}
        inbox.check_files(rows, sum(row["state"] == "receiving" for row in rows.values()))

    def may_have_been_read(self):
        """What the relay has not passed yet may lie in the buffers of two connections."""
        return self.at > len(self.data) - BUFFERS


def run(seed, lab):
    case = Case(seed, lab)
    try:
        return case.run()
    except Exception as error:
        raise named(case.name, error) from error
