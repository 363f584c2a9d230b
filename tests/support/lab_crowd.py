"""A crowd: hosts of an office that want the same at once. Each has a job that is submitted at the crowd's start (or its own
delay after it), watched by its agent's events, and acknowledged the moment it ends; what came of it is held against the
bytes, the hosts' figures and the origin's log.

    crowd = Crowd(office, [url], office.hosts).start()
    crowd.wait_done(0.5)                       # the crowd has half of it
    crowd.give_up(crowd.fetchers()[0])         # killed with -9: nobody waits for it any more
    crowd.finish()
    crowd.judge("copies from the origin", crowd.copies(), 1.03)
    crowd.verdict()

One thread for each member, which sleeps until an event comes: the watching must not cost what the agents need.
"""

import contextlib
import hashlib
import http.client
import os
import re
import threading
import time

from lab_api import FINAL
from larder_lab import check_figures, expect, expect_equal

FETCHED_LATELY = 1.5  # seconds since bytes of the origin came
BATCH = 64            # descriptors in one answer
# What the origin has given to a connection that is then given up, and nobody has read: the sockets' buffers on both sides.
UNREAD = 4 << 20


class Member:
    """One host's job. `delay`: seconds from the crowd's start to its submission."""

    def __init__(self, crowd, host, delay=0.0, **options):
        self.crowd, self.host, self.delay, self.options = crowd, host, delay, options
        self.job_id, self.job, self.state, self.error = None, None, None, None
        self.submitted, self.ended = None, None  # monotonic
        self.bytes, self.origin, self.origin_grew = 0, 0, None
        self.gave_up, self.disturbed = threading.Event(), False
        self.contents = []  # descriptors
        self.thread = threading.Thread(target=self._live, daemon=True)

    def __repr__(self):
        return self.host.name

    @property
    def seconds(self):
        """From the crowd's start to the end."""
        return self.ended - self.crowd.began

    @property
    def live(self):
        return not self.gave_up.is_set() and self.ended is None

    def _live(self):
        try:
            self.crowd.gate.wait()
            if self.gave_up.wait(max(0.0, self.crowd.began + self.delay - time.monotonic())):
                return
            self.submitted = time.monotonic()
            self.job_id = self._submit()
            self._watch()
            if self.state == "transferred":
                self._take()
        except Exception as error:  # pylint: disable=broad-except; told by finish()
            if not self.gave_up.is_set():
                self.error = error
        finally:
            self._tell()

    def _submit(self):
        """Once its agent is there: what happens to hosts may happen before they want anything."""
        while True:
            try:
                return self.host.api.create(list(self.crowd.files), **self.options)["id"]
            except (ConnectionRefusedError, FileNotFoundError):
                if time.monotonic() > self.crowd.deadline or self.gave_up.wait(0.1):  # paced: nothing tells of its return
                    raise

    def _watch(self):
        """Until the job ends; over restarts of its agent."""
        while self.live and time.monotonic() < self.crowd.deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                with self.host.api.events(self.job_id, timeout=5) as stream:
                    self._see(self.host.api.job(self.job_id, files=False))
                    while self.live and (event := stream.next(self.crowd.deadline - time.monotonic())):
                        if event["event"] == "reset":
                            self._see(self.host.api.job(self.job_id, files=False))
                        elif event["event"].startswith("job."):
                            self._see(event["data"])
            if self.live:
                self.gave_up.wait(0.1)  # paced: the agent is away, and tells nothing

    def _see(self, job):
        now = time.monotonic()
        with self.crowd.changed:
            self.bytes = max(self.bytes, job["bytes"])
            if job["figures"]["origin"] > self.origin:
                self.origin, self.origin_grew = job["figures"]["origin"], now
            if job["state"] in FINAL and self.ended is None:
                self.state, self.ended = job["state"], now
            self.crowd.changed.notify_all()

    def _take(self):
        """As `larder get` does: the contents, then the acknowledgement, which lets others have the whole."""
        for attempt in range(50):
            try:
                self.job = self.host.api.job(self.job_id)
                for first in range(0, len(self.job["files"]), BATCH):
                    which = list(range(first, min(first + BATCH, len(self.job["files"]))))
                    self.contents += self.host.api.descriptors(f"/v1/jobs/{self.job_id}/descriptors", {"files": which})[1]
                self.host.api.act(self.job_id, "complete")
                return
            except (OSError, http.client.HTTPException):
                if attempt == 49 or self.gave_up.wait(0.1):  # paced: as above
                    raise

    def _tell(self):
        with self.crowd.changed:
            self.crowd.changed.notify_all()

    def digests(self):
        """SHA-256 of each file, of the bytes that the caller is given."""
        found = []
        while self.contents:
            with os.fdopen(self.contents.pop(0), "rb") as content:
                found.append(hashlib.file_digest(content, "sha256").hexdigest())
        return found


class Crowd:
    def __init__(self, office, urls, hosts, delays=None, timeout=120.0, **options):
        self.office, self.files = office, urls
        self.sizes = {path_of(url): (office.root / path_of(url).lstrip("/")).stat().st_size for url in urls}
        self.size = sum(self.sizes.values())
        self.gate, self.changed = threading.Event(), threading.Condition()
        self.timeout, self.began, self.deadline = timeout, None, None
        delays = delays or [0.0] * len(hosts)
        self.members = [Member(self, host, delay, **options) for host, delay in zip(hosts, delays)]
        self.options, self.missed, self.told = options, [], []

    # -- the run -------------------------------------------------------------------------------------------------------
    def start(self):
        for member in self.members:
            member.thread.start()
        self.began = time.monotonic()
        self.deadline = self.began + self.timeout
        self.gate.set()
        return self

    def join(self, host):
        """One more wants it, now."""
        member = Member(self, host, time.monotonic() - self.began, **self.options)
        self.members.append(member)
        member.thread.start()
        return member

    def give_up(self, member):
        """Its agent is killed with -9 and stays away."""
        member.gave_up.set()
        member.host.agent.kill()

    def live(self):
        return [m for m in self.members if m.live]

    def staying(self):
        return [m for m in self.members if not m.gave_up.is_set()]

    def fetchers(self):
        """Live members that fetch from the origin, the busiest first: bytes of it came to them lately."""
        since = time.monotonic() - FETCHED_LATELY
        with self.changed:
            found = [m for m in self.live() if m.origin_grew and m.origin_grew > since]
        return sorted(found, key=lambda m: -m.origin_grew)

    def wait_done(self, share, timeout=None):
        """Until half of the live members (the better half) have `share` of it; False where it was over before."""
        def there():
            live = self.live()
            return not live or sorted(m.bytes for m in live)[len(live) // 2] >= share * self.size

        with self.changed:
            self.changed.wait_for(there, timeout or self.timeout)
            return bool(self.live())

    def wait_seconds(self, seconds):
        """Until so long after the start; False where it was over before."""
        with self.changed:
            self.changed.wait_for(lambda: not self.live(), max(0.0, self.began + seconds - time.monotonic()))
            return bool(self.live())

    def finish(self):
        """Until all that stay have ended; then bytes and figures of each, and the origin's log."""
        try:
            return self._finish()
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.timeline())) from error

    def _finish(self):
        for member in self.members:
            member.thread.join(max(0.1, self.deadline + 5 - time.monotonic()))
        for member in self.staying():
            if member.error:
                raise AssertionError(f"{member}: {type(member.error).__name__}: {member.error}") from member.error
            if member.ended is None:
                raise AssertionError(f"{member} has not ended after {self.timeout:.0f} s: {self._where()}")
            job = member.job or member.host.api.job(member.job_id)
            expect_equal(job["state"], "transferred", f"state on {member} ({job['error']})")
            check_figures(job)
            figures = job["figures"]
            expect_equal(figures["origin"] + figures["peers"] + figures["cache"], self.size,
                         f"bytes from origin, peers and cache on {member}")
        wanted = [self.office.digests[url] for url in self.files]
        for member in self.staying():
            found = member.digests()
            wrong = [url for url, a, b in zip(self.files, wanted, found) if a != b]
            expect(len(found) == len(wanted) and not wrong, f"wrong bytes on {member}: {len(found)} files, {wrong[:3]}")
        self._check_log()
        return self

    def _where(self):
        return ", ".join(f"{m} {m.bytes / self.size:.2f}{'' if m.live else ' ended'}" for m in self.staying())

    # -- the origin's account ------------------------------------------------------------------------------------------
    def answers(self):
        """GETs of the crowd's files in the origin's log, with `asked`: bytes that a whole answer would have had."""
        found = [r for r in self.office.origin.requests() if r["method"] == "GET" and r["uri"] in self.sizes]
        for request in found:
            request["asked"] = asked_bytes(request, self.sizes[request["uri"]])
        return found

    def settle(self):
        """Until the origin's log is whole: nginx writes a line when an answer has ended."""
        seen, since = None, time.monotonic()
        while time.monotonic() - since < 0.3:
            count = len(self.office.origin.requests())
            if count != seen:
                seen, since = count, time.monotonic()
            time.sleep(0.05)

    def sent(self):
        return sum(r["sent"] for r in self.answers())

    def copies(self):
        return self.sent() / self.size

    def _check_log(self):
        """For each host (where they can be told apart): the origin sent what the host says it took, and no more than that
        with what was wasted, or lay in the buffers of an answer that was given up."""
        self.settle()
        answers = self.answers()
        apart = not self.office.loopback
        for members in [[m] for m in self.members] if apart else [self.members]:
            of = [r for r in answers if not apart or r["client"] == members[0].host.address]
            sent = sum(r["sent"] for r in of)
            taken = sum((m.job["figures"] if m.job else {"origin": m.origin})["origin"] for m in members)
            expect(taken <= sent, f"{members} say {taken:,} bytes came from the origin, which sent {sent:,}")
            if any(m.job is None or m.disturbed for m in members):
                continue  # what a killed agent had taken is known to nobody
            wasted = sum(m.job["figures"]["wasted"] for m in members)
            unread = self._unread(members, of)
            expect(sent <= taken + wasted + unread,
                   f"the origin sent {sent:,} bytes to {members}, which say they took {taken:,} and wasted {wasted:,}; with what "
                   f"{len(of)} answers may have left in buffers that is {sent - taken - wasted - unread:,} too much")

    def _unread(self, members, answers):
        """The most that may lie unread, by file: only where not all that was sent was taken."""
        most = 0
        for index, (path, _) in enumerate(self.sizes.items()):
            of = [r for r in answers if r["uri"] == path]
            taken = sum(m.job["files"][index]["figures"]["origin"] for m in members)
            if sum(r["sent"] for r in of) > taken:
                # The end of an answer that was given up may have been in the buffers, so that it counts as whole; where
                # hosts are told apart, what was asked for once more shows that.
                most += UNREAD * max(1, sum(r["sent"] < r["asked"] for r in of))
                if len(members) == 1:
                    most += asked_again(of, self.sizes[path])
        return most

    # -- bounds --------------------------------------------------------------------------------------------------------
    def ideal(self):
        """Seconds that one copy takes on the origin's line, which carries 66 bytes of Ethernet, IP and TCP for 1448 of it."""
        return self.size * (1448 + 66) / 1448 * 8 / (self.office.wan_mbit * 1e6)

    def times(self):
        return sorted(m.seconds for m in self.staying())

    def last(self):
        return self.times()[-1]

    def spread(self):
        return self.times()[-1] / self.times()[0]

    def judge(self, what, value, limit):
        self.told.append(f"{what} {value:.2f}")
        if value > limit:
            self.missed.append(f"{what}: {value:.3f}, at most {limit:.3f}")

    def judge_copies(self, limit):
        self.judge("copies", self.copies(), limit)

    def judge_last(self, limit, what="last"):
        """Seconds; the line is shaped between namespaces only."""
        if not self.office.loopback:
            self.judge(what, self.last(), limit)

    def timeline(self):
        """Lines for people: what each member took from where and when it was done; what the origin sent to whom."""
        lines = [f"{m}: from {m.delay:.1f} s to {f'{m.seconds:.2f} s' if m.ended else '-'}"
                 f"{' (given up)' if m.gave_up.is_set() else ''}, {(m.job or {}).get('figures', {'origin': m.origin})}"
                 for m in self.members]
        start = time.time() - (time.monotonic() - self.began)
        names = {m.host.address: m.host.name for m in self.members}
        lines += [f"origin: {names.get(r['client'], r['client'])} {r['range'] or 'all'} {r['status']} sent {r['sent']:,} of "
                  f"{r['asked']:,}, {r['at'] - start - r['seconds']:.2f} to {r['at'] - start:.2f} s" for r in self.answers()[:200]]
        return lines

    def verdict(self):
        if self.missed:
            raise AssertionError("; ".join(self.missed) + "\n" + "\n".join(self.timeline()))


def path_of(url):
    return "/" + url.split("/", 3)[3]


def asked_range(request, size):
    """First byte, and the one after the last, of the whole answer to a request of nginx's log."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request["range"])
    if not found or request["status"] == 200:
        return 0, size
    return int(found[1]), min(int(found[2]) + 1, size) if found[2] else size


def asked_bytes(request, size):
    if request["status"] not in (200, 206):
        return request["sent"]
    first, end = asked_range(request, size)
    return end - first


def asked_again(answers, size):
    """Bytes of whole answers to one host that it has asked for once more."""
    ranges = [asked_range(r, size) for r in sorted(answers, key=lambda r: r["at"] - r["seconds"])
              if r["status"] in (200, 206) and r["sent"] == r["asked"]]
    return sum(max([0] + [min(end, to) - max(first, start) for start, to in ranges[i + 1:]])
               for i, (first, end) in enumerate(ranges))


def summary(crowd):
    """For the note of a run."""
    text = f"{crowd.copies():.2f} copies"
    if not crowd.office.loopback:
        times = crowd.times()
        text += f", first to last {times[0] / crowd.ideal():.2f} to {times[-1] / crowd.ideal():.2f} of the line's time"
    return text
