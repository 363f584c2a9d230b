"""What one user may do to, and learn of, what others have: bytes of two URLs, verdicts, the list of the cache, the way
round an origin that refuses. Two users of one machine and the real programs."""

import hashlib
import os
import random

from larder_lab import (MIB, Answer, Api, ApiError, Edition, EditionResource, Skip, expect, expect_equal, expect_error,
                        http_date, named, nobody, run_as, seeded_bytes, wait_until)

CASES = {}
_T = 1_700_000_000
FAST = {"retry_delay_s": 0.1, "no_progress_timeout_s": 5}
HOOK = """#!/bin/sh
if [ "$(head -c 1)" = N ]; then echo "the hook does not like it"; exit 1; fi
"""


def case(function):
    CASES[function.__name__] = function
    return function


class Dying:
    """Serves an edition until so many bytes were sent, and is gone then."""

    def __init__(self, edition, after, rate=0.0):
        self.resource = EditionResource([edition, edition], advance_after=[after], rate=rate)
        self.after = after

    def __call__(self, request):
        return Answer(410) if self.resource.sent >= self.after or self.resource.current else self.resource(request)

    @property
    def sent(self):
        return self.resource.sent

    @sent.setter
    def sent(self, value):
        self.resource.sent = value

    def __getattr__(self, name):
        return getattr(self.resource, name)


class Scene:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"permission {seed}")
        self.lab, self.origin = lab, lab.origin
        hook = lab.directory / "hook.sh"
        hook.write_text(HOOK)
        hook.chmod(0o755)
        self.agent = lab.agent(hook=[{"name": "check", "command": [str(hook)], "timeout": "5s"}])
        self.api = self.agent.api
        self.socket = str(self.agent.socket)
        size = self.rng.randrange(7 * MIB, 10 * MIB)
        # Two files that no validator tells apart.
        self.truth = Edition(seeded_bytes(f"{seed} true", size), '"x"', http_date(_T))
        self.lie = Edition(seeded_bytes(f"{seed} false", size), '"x"', http_date(_T))

    def alice(self, url, complete=True, **options):
        job = self.api.wait(self.api.create([url], **{**FAST, **options})["id"])
        data = self.api.content(job["id"]) if job["state"] == "transferred" else b""
        if complete and job["state"] == "transferred":
            self.api.act(job["id"], "complete")
        return job, data

    def as_mallory(self, work):
        """Another user without any right: `work` gets an API of its own."""
        path = self.socket
        return run_as(nobody(), lambda: work(Api(path)))

    def expect_truth(self, url, edition=None):
        job, data = self.alice(url)
        expect_equal(job["state"], "transferred", f"state of the other user's job ({job['error']})")
        expect(data == (edition or self.truth).data, f"the other user was given other bytes than {url} has")
        return job

    def records(self, path=""):
        return [r for r in self.api.cache() if any(path in v["url"] for v in r["versions"])]


def wander(api, *urls):
    """Begins at the first URL, goes on at each next one when the one before is gone, and ends the job."""
    job = api.wait(api.create([urls[0]], **FAST)["id"], ("error", "transferred"))
    for url in urls[1:]:
        if job["state"] != "error":
            raise AssertionError(f"the URL before {url} did not go away: {job['state']}")
        api.retarget(job["id"], 0, url)
        api.act(job["id"], "resume")
        job = api.wait(job["id"], ("error", "transferred"))
    digest = hashlib.sha256(api.content(job["id"])).hexdigest() if job["state"] == "transferred" else ""
    if job["state"] == "transferred":
        api.act(job["id"], "complete")
    return job, digest


def expect_two_urls(job):
    expect_equal(job["state"], "transferred", f"state of the job that wandered ({job['error']})")
    expect("more than one URL" in job["files"][0]["note"], f"note {job['files'][0]['note']!r}")


@case
def begun_at_a_liar_and_ended_at_the_truth(s):
    liar = s.origin.serve("/liar", Dying(s.lie, 6 * MIB))
    true = s.origin.serve("/true", EditionResource([s.truth]))
    job, _ = s.as_mallory(lambda api: wander(api, liar, true))
    s.expect_truth(true)
    expect_two_urls(job)
    expect(s.origin.sent("/true") >= len(s.truth.data), "the other user was given what somebody put together")


@case
def begun_at_the_truth_and_ended_at_a_liar(s):
    true = s.origin.serve("/true", Dying(s.truth, 6 * MIB))
    liar = s.origin.serve("/liar", EditionResource([s.lie]))
    job, _ = s.as_mallory(lambda api: wander(api, true, liar))
    left = s.records()
    true = s.origin.serve("/true", EditionResource([s.truth]))
    s.expect_truth(true)
    s.expect_truth(liar, s.lie)
    expect_two_urls(job)
    expect_equal(left, [], "records of what was put together, after the job")


@case
def there_and_back_again(s):
    true = s.origin.serve("/true", Dying(s.truth, 3 * MIB))
    liar = s.origin.serve("/liar", Dying(s.lie, 5 * MIB))

    # The origin is served by this process, not by the other user's: what changes there is changed here.
    path = s.socket
    first = run_as(nobody(), lambda: Api(path).wait(Api(path).create([true], **FAST)["id"], "error"))

    def go_on(url, states):
        def step():
            api = Api(path)
            api.retarget(first["id"], 0, url)
            api.act(first["id"], "resume")
            return api.wait(first["id"], states)
        return run_as(nobody(), step)

    go_on(liar, "error")
    s.origin.serve("/true", EditionResource([s.truth]))
    job = go_on(true, ("error", "transferred"))
    run_as(nobody(), lambda: Api(path).act(job["id"], "complete"))
    s.expect_truth(true)
    expect_two_urls(job)


@case
def what_others_hold_does_not_wander(s):
    """Alice's job waits with the same partial content: the one that goes on elsewhere gets a content of its own."""
    true = s.origin.serve("/true", Dying(s.truth, 6 * MIB, rate=6 * MIB))
    liar = s.origin.serve("/liar", EditionResource([s.lie]))
    path = s.socket
    mine = s.api.create([true], **FAST)
    theirs = run_as(nobody(), lambda: Api(path).wait(Api(path).create([true], **FAST)["id"], "error"))
    s.api.wait(mine["id"], "error")

    def go_on():
        api = Api(path)
        api.retarget(theirs["id"], 0, liar)
        api.act(theirs["id"], "resume")
        job = api.wait(theirs["id"])
        return job, hashlib.sha256(api.content(job["id"])).hexdigest()

    job, digest = run_as(nobody(), go_on)
    expect_equal(job["state"], "transferred", f"state ({job['error']})")
    expect_equal(digest, s.lie.sha256, "what the other URL has")
    s.origin.serve("/true", EditionResource([s.truth]))
    s.api.act(mine["id"], "resume")
    job = s.api.wait(mine["id"], "transferred")
    expect(s.api.content(job["id"]) == s.truth.data, "bytes of another URL in a job that never asked for it")


@case
def a_verdict_binds_its_own_job(s):
    url = s.origin.serve("/true", EditionResource([s.truth]))
    s.alice(url)
    waiting, _ = s.alice(url, complete=False)
    record, = s.records("/true")
    s.api.call("POST", f"/v1/cache/{record['id']}/pin", {"pinned": True})

    def destroy(api):
        job = api.create([url], verdict={"app": True}, **FAST)
        for reason in ("bad", "still bad"):
            api.wait(job["id"], lambda j: j["state"] == "validating" and j["files"][0]["state"] == "validating")
            api.verdict(job["id"], 0, False, reason)
        return api.wait(job["id"])

    job = s.as_mallory(destroy)
    expect_error(job, "validation_failed")
    expect(s.api.content(waiting["id"]) == s.truth.data, "a finished download of another user is gone")
    left = [r for r in s.records("/true") if r["id"] == record["id"]]
    expect(left and left[0]["pinned"] and left[0]["validated"], f"the record is not as it was: {left}")
    sent = s.origin.sent("/true")
    s.expect_truth(url)
    expect_equal(s.origin.sent("/true"), sent, "bytes sent for what is in the cache")
    s.agent.restart()
    expect(s.api.content(waiting["id"]) == s.truth.data, "a finished download of another user is gone after a restart")


@case
def a_verdict_that_the_origin_proves_sets_the_record_aside(s):
    """The origin has other bytes under the same version: the record goes, but not for who holds it."""
    resource = EditionResource([s.lie, s.truth])
    url = s.origin.serve("/f", resource)
    s.alice(url)
    waiting, _ = s.alice(url, complete=False)
    record, = s.records("/f")
    resource.current = 1
    wanted = s.truth.sha256

    def ask(api):
        job = api.wait(api.create([{"url": url, "sha256": wanted}], **FAST)["id"])
        digest = hashlib.sha256(api.content(job["id"])).hexdigest()
        api.act(job["id"], "complete")
        return job, digest

    job, digest = s.as_mallory(ask)
    expect_equal((job["state"], digest), ("transferred", wanted), "what was asked for by its digest")
    wait_until(lambda: s.api.call("GET", f"/v1/cache/{record['id']}")["state"] == "set_aside", 10, "the record aside")
    expect(s.api.content(waiting["id"]) == s.lie.data, "what another job holds is gone")
    s.expect_truth(url)
    s.agent.restart()
    s.expect_truth(url)
    s.api.act(waiting["id"], "cancel")
    wait_until(lambda: all(r["id"] != record["id"] for r in s.api.cache()), 10, "the record to go with its last job")


@case
def the_list_tells_of_own_downloads_alone(s):
    url = s.origin.serve("/secret-of-alice", EditionResource([s.truth]))
    other = s.origin.serve("/of-mallory", EditionResource([s.truth]))
    s.alice(url)
    record, = s.records("/secret-of-alice")

    def look(api):
        before = api.call("GET", "/v1/cache")
        try:
            api.call("GET", f"/v1/cache/{record['id']}")
            shown = True
        except ApiError as error:
            shown = error.status != 404
        job = api.wait(api.create([other], **FAST)["id"])
        api.act(job["id"], "complete")
        return before, shown, api.call("GET", "/v1/cache")

    before, shown, after = s.as_mallory(look)
    expect_equal(before["records"], [], "records shown to who has fetched nothing")
    expect(not shown, "a record of another user is shown by its id")
    expect_equal(len(after["records"]), 1, "records shown to who has fetched one")
    own = after["records"][0]
    expect_equal([v["url"] for v in own["versions"]], [other], "URLs shown")
    expect_equal([own[name] for name in ("root", "sha256", "created", "last_used", "uses")], [None] * 5, "facts shown")
    full = s.records("/of-mallory")[0]
    expect(full["root"] and full["created"] and full["uses"] is not None, "an administrator sees all")


@case
def a_dead_proxy_of_the_callers_unlocks_nothing(s):
    """The origin can be asked, and refuses: that one user's own way to it is dead is no reason to give its content."""
    url = s.origin.serve("/f", EditionResource([s.truth]))
    s.alice(url)
    s.origin.serve("/f", lambda request: Answer(raw=b"") if request.headers.get("user-agent") == "hang up" else Answer(403))
    ways = {"proxy": {"proxy": "http://127.0.0.1:1"}, "http": {"http": "2"}, "header": {"headers": [["X-Jwt", "1"]]},
            "User-Agent that is hung up on": {"headers": [["User-Agent", "hang up"]]}}

    def ask(api):
        ends = {}
        for name, connect in ways.items():
            job = api.create([url], offline_ok=True, connect=connect, retry_delay_s=0.1, no_progress_timeout_s=0)
            ends[name] = api.wait(job["id"])["state"]
        return ends

    for name, state in s.as_mallory(ask).items():
        expect(state != "transferred", f"what the origin refuses was given for a caller's own {name}")


@case
def the_newest_edition_is_of_who_asks_plainly(s):
    """A server that gives another edition to another User-Agent, without Vary: nobody else's newest edition."""
    evil = Edition(seeded_bytes("evil", 9000), '"evil"', http_date(_T + 5))
    truth = EditionResource([s.truth])
    bad = EditionResource([evil])
    url = s.origin.serve("/f", lambda request: bad(request) if request.headers.get("user-agent") == "evil" else truth(request))
    s.alice(url)

    def poison(api):
        job = api.wait(api.create([url], connect={"headers": [["User-Agent", "evil"]]}, **FAST)["id"])
        api.act(job["id"], "complete")
        return job["state"]

    expect_equal(s.as_mallory(poison), "transferred", "the other edition's state")
    s.origin.serve("/f", lambda request: Answer(raw=b""))
    job, data = s.alice(url, offline_ok=True)
    expect_equal(job["state"], "transferred", f"the newest edition while the origin is away ({job['error']})")
    expect(data == s.truth.data, "the newest edition is one that somebody chose by a header")


@case
def a_digest_is_no_permission(s):
    """What was fetched as one's own is not found by its digest either."""
    secret = Edition(seeded_bytes("secret", 5000), '"s"', http_date(_T))
    url = s.origin.serve("/private", EditionResource([secret]))
    s.alice({"url": url, "sha256": secret.sha256}, complete=False, connect={"headers": [["X-Jwt-Assertion", "a"]]})
    gone = s.origin.serve("/elsewhere", lambda request: Answer(404))
    state = s.as_mallory(lambda api: api.wait(api.create([{"url": gone, "sha256": secret.sha256}], **FAST)["id"])["state"])
    expect_equal(state, "error", "a job that knows the digest of another user's private content")


@case
def a_proven_digest_is_a_name(s):
    """What has no validator is found by a digest that was proven over all of it, and by nothing else."""
    plain = Edition(seeded_bytes("nameless", 3 * MIB))
    resource = EditionResource([plain])
    url = s.origin.serve("/nameless", resource)
    s.alice({"url": url, "sha256": plain.sha256})
    sent = resource.sent
    job = s.as_mallory(lambda api: api.wait(api.create([{"url": url, "sha256": plain.sha256}], **FAST)["id"]))
    expect_equal(job["state"], "transferred", f"state of the job that knows the digest ({job['error']})")
    expect_equal((job["figures"]["cache"], resource.sent), (len(plain.data), sent), "bytes from the cache, sent by the origin")
    s.expect_truth(url, plain)
    expect(resource.sent >= sent + len(plain.data), "who does not name the digest is not given what somebody else fetched")


def run(seed, lab, name=None):
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    names = list(CASES)
    name = name or names[seed % len(names)]
    s = Scene(seed, lab)
    try:
        CASES[name](s)
    except Exception as error:
        raise named(name, error) from error
    expect(s.agent.running, f"{name}: larderd ended: {s.agent.log_tail()}")
    return name
