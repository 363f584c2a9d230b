"""The life of jobs with the real binaries: verdicts, restarts in every state, retarget, ranges, priorities, many small
files, coalescing, notification, events, graceful stop, one agent to a state directory."""

import hashlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading

from larder_lab import (MIB, Answer, Api, ApiError, Edition, EditionResource, Skip, check_figures, expect, expect_equal,
                        expect_error, file_sha256, http_date, named, nobody, run_as, seeded_bytes, wait_until)

CASES = {}
_T = 1_700_000_000
FAST = {"retry_delay_s": 0.1, "no_progress_timeout_s": 30}

# Judges the content it gets on standard input: the first byte decides. Notes each call beside itself.
HOOK = """#!{python}
import os, sys
data = sys.stdin.buffer.read()
with open({note!r}, "a") as note:
    note.write(f"{{len(data)}} {{os.environ.get('LARDER_URL')}} {{os.environ.get('LARDER_SIZE')}} "
               f"{{os.environ.get('LARDER_SOURCE')}} {{os.environ.get('LARDER_JOB')}}\\n")
verdict = data[:1]
if verdict == b"V":
    sys.exit(0)
if verdict == b"N":
    print("the hook does not like it")
    sys.exit(1)
if verdict == b"C" and not os.path.exists({mended!r}):
    os.abort()
if verdict == b"S" and not os.path.exists({mended!r}):
    os.execvp("sleep", ["sleep", "600"])
sys.exit(0)
"""


def case(function):
    CASES[function.__name__] = function
    return function


class Shop:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"jobs {seed}")
        self.lab = lab
        self.origin = lab.origin
        self.note, self.mended = lab.directory / "hook.note", lab.directory / "mended"
        hook = lab.directory / "hook.py"
        hook.write_text(HOOK.format(python=sys.executable, note=str(self.note), mended=str(self.mended)))
        hook.chmod(0o755)
        self.told = lab.directory / "told"
        notify = lab.directory / "notify.sh"
        notify.write_text(f"#!/bin/sh\nenv | grep ^LARDER_ | sort | tr '\\n' ' ' >> {self.told}\necho >> {self.told}\n")
        notify.chmod(0o755)
        self.sections = {"hook": [{"name": "check", "command": [str(hook)], "timeout": "2s"}],
                         "notify": [{"name": "tell", "command": [str(notify)], "timeout": "10s"}]}
        self.agent = lab.agent(**self.sections)
        self.api = self.agent.api

    def edition(self, size=None, first=None, tag="x"):
        data = seeded_bytes(self.rng.random(), size or self.rng.randrange(5 * MIB, 9 * MIB))
        if first:
            data = first + data[1:]
        return Edition(data, f'"{tag}"', http_date(_T))

    def serve(self, path, *editions, **options):
        return self.origin.serve(path, EditionResource(list(editions), **options))

    def finish(self, files, timeout=40, **options):
        files = files if isinstance(files, list) else [files]
        return self.api.wait(self.api.create(files, **{**FAST, **options})["id"], timeout=timeout)

    def transferred(self, files, **options):
        job = self.finish(files, **options)
        expect_equal(job["state"], "transferred", f"state ({job['error']})")
        check_figures(job)
        return job

    def cached(self):
        return [r for r in self.api.cache() if r["state"] == "complete"]


# -- verdicts --------------------------------------------------------------------------------------------------------
@case
def hook_says_valid(s):
    edition = s.edition(first=b"V")
    url = s.serve("/f", edition)
    job = s.transferred(url, verdict={"hook": "check"})
    expect_equal(job["files"][0]["verdict"], "valid", "verdict")
    length, seen_url, size, source, job_id = s.note.read_text().split()
    expect_equal((int(length), seen_url, int(size), source, job_id),
                 (len(edition.data), url, len(edition.data), "origin", job["id"]), "what the hook was given")
    expect(s.cached()[0]["validated"], "the record is not marked validated")


@case
def hook_says_not_valid(s):
    """All bytes from the origin: error, set aside, readable, nothing cached; resume fetches afresh."""
    bad, good = s.edition(first=b"N"), s.edition(first=b"V", tag="y")
    resource = EditionResource([bad, good])
    url = s.origin.serve("/f", resource)
    job = s.finish(url, verdict={"hook": "check"})
    expect_error(job, "validation_failed", text=[url, "does not like it"])
    expect_equal(job["files"][0]["verdict"], "not_valid", "verdict")
    expect(s.api.content(job["id"]) == bad.data, "the content set aside is not what came")
    expect_equal(s.cached(), [], "complete records in the cache")
    expect_equal(s.origin.sent("/f"), len(bad.data), "bytes sent so far")
    # Still bad: a fresh fetch, not the bytes set aside.
    s.api.act(job["id"], "resume")
    expect_error(s.api.wait(job["id"], lambda j: j["state"] == "error" and s.origin.sent("/f") >= 2 * len(bad.data)),
                 "validation_failed")
    expect_equal(s.origin.sent("/f"), 2 * len(bad.data), "bytes sent after resume")
    resource.current = 1
    s.api.act(job["id"], "resume")
    job = s.api.wait(job["id"], "transferred")
    expect(s.api.content(job["id"]) == good.data, "other bytes than the new edition's")
    check_figures(job)


@case
def hook_crashes(s):
    """A hook that breaks or hangs is no verdict: the job stays validating, says why, and is judged later."""
    first = s.rng.choice([b"C", b"S"])
    edition = s.edition(first=first)
    job_id = s.api.create([s.serve("/f", edition)], verdict={"hook": "check"}, **FAST)["id"]
    job = s.api.wait(job_id, lambda j: j["state"] == "validating" and (j["error"] or j["files"][0]["error"]), timeout=30)
    error = job["error"] or job["files"][0]["error"]
    expect_equal(error["code"], "hook_failed", "code")
    expect("check" in error["message"], f"the hook is not named: {error['message']}")
    s.mended.touch()
    job = s.api.wait(job_id, ("transferred", "error"), timeout=60)
    expect_equal(job["state"], "transferred", f"state ({job['error']})")
    expect_equal(s.origin.sent("/f"), len(edition.data), "bytes sent")


@case
def app_judges(s):
    edition = s.edition()
    url = s.serve("/f", edition)
    job_id = s.api.create([url], verdict={"app": True}, **FAST)["id"]
    job = s.api.wait(job_id, "validating")
    expect(s.api.content(job_id) == edition.data, "other bytes than the origin's")
    s.agent.restart()
    expect_equal(s.api.wait(job_id, "validating")["state"], "validating", "state after a restart")
    s.api.verdict(job_id, 0, True)
    job = s.api.wait(job_id, "transferred")
    expect_equal(job["files"][0]["verdict"], "valid", "verdict")
    check_figures(job)


@case
def app_says_not_valid(s):
    edition = s.edition()
    url = s.serve("/f", edition)
    job_id = s.api.create([url], verdict={"app": True}, **FAST)["id"]
    s.api.wait(job_id, "validating")
    s.api.verdict(job_id, 0, False, "no good at all")
    job = s.api.wait(job_id, "error")
    expect_error(job, "validation_failed", text=["no good at all", url])
    expect_equal(s.cached(), [], "complete records in the cache")
    s.agent.restart()
    expect(s.api.content(job_id) == edition.data, "the content set aside is gone after a restart")
    s.api.act(job_id, "cancel")
    s.agent.check_cache_soon()
    wait_until(lambda: s.api.status()["cache"]["bytes"] == 0, 10, "the content set aside to go with its job")


@case
def cached_content_judged_bad(s):
    """From the cache and not valid: dropped, fetched once from the origin; only if that is bad too it is an error."""
    bad, good = s.edition(first=b"N", size=5 * MIB), s.edition(first=b"V", size=5 * MIB)
    still_bad = s.rng.random() < 0.5
    resource = EditionResource([bad, bad if still_bad else good])
    url = s.origin.serve("/f", resource)
    first = s.transferred(url)  # without a verdict: kept
    s.api.act(first["id"], "complete")
    expect_equal(len(s.cached()), 1, "records after the first")
    resource.current = 1  # same validators, other bytes: only the verdict tells
    job = s.finish(url, verdict={"hook": "check"})
    expect_equal(s.origin.sent("/f"), len(bad.data) * 2, "bytes sent: one fresh fetch")
    if still_bad:
        expect_error(job, "validation_failed")
        expect_equal(s.cached(), [], "records after both were bad")
    else:
        expect_equal(job["state"], "transferred", f"state ({job['error']})")
        expect(s.api.content(job["id"]) == good.data, "other bytes than the origin's")
        expect_equal(job["figures"]["origin"], len(good.data), "bytes from the origin")
        check_figures(job)
        expect_equal(len(s.cached()), 1, "records at the end")


@case
def digest_of_the_caller(s):
    edition = s.edition()
    url = s.serve("/f", edition)
    bad = s.finish({"url": url, "sha256": hashlib.sha256(b"other").hexdigest()})
    expect_error(bad, "digest_mismatch", text=[url, edition.sha256])
    expect_equal(s.cached(), [], "records after a mismatch")
    job = s.transferred({"url": url, "sha256": edition.sha256})
    expect_equal(job["files"][0]["actual_sha256"], edition.sha256, "actual_sha256")
    s.api.act(job["id"], "complete")
    # With the digest the origin need not be asked at all.
    asked = len(s.origin.log)
    hit = s.transferred({"url": url + "?other=address", "sha256": edition.sha256})
    expect_equal(len(s.origin.log), asked, "requests for content known by its digest")
    expect_equal(hit["figures"]["cache"], len(edition.data), "bytes from the cache")


@case
def minisign(s):
    """Signatures made by the real minisign; a changed byte is found."""
    keys = s.lab.folder("keys")
    made = subprocess.run(["minisign", "-G", "-W", "-p", keys / "k.pub", "-s", keys / "k.key", "-f"], capture_output=True,
                          text=True, check=False)
    if made.returncode != 0:
        raise Skip(f"minisign cannot make a key without a password here: {made.stderr[:200]}")
    edition = s.edition()
    (keys / "f").write_bytes(edition.data)
    subprocess.run(["minisign", "-S", "-s", keys / "k.key", "-m", keys / "f"], check=True, capture_output=True, input=b"\n")
    key, signature = (keys / "k.pub").read_text().splitlines()[1], (keys / "f.minisig").read_text()
    verdict = {"minisign": {"public_key": key, "signature": signature}}
    job = s.transferred(s.serve("/f", edition), verdict=verdict)
    expect_equal(job["files"][0]["verdict"], "valid", "verdict")
    damaged = bytearray(edition.data)
    damaged[s.rng.randrange(len(damaged))] ^= 1
    url = s.serve("/g", Edition(bytes(damaged), '"g"', http_date(_T)))
    expect_error(s.finish(url, verdict=verdict), "signature_invalid", text=url)
    # A signature of the trusted comment that does not hold is no signature either.
    lines = signature.splitlines()
    lines[2] = "trusted comment: another"
    url = s.serve("/h", edition)
    forged = {"minisign": {"public_key": key, "signature": "\n".join(lines) + "\n"}}
    expect_error(s.finish(url, verdict=forged, use_cache=False), "signature_invalid", text=url)


# -- life ------------------------------------------------------------------------------------------------------------
@case
def restart_in_each_state(s):
    """Jobs are what and where they were, after a stop and after a kill."""
    slow = s.edition(8 * MIB)
    urls = {"suspended": s.serve("/a", s.edition(1000)), "transferred": s.serve("/b", s.edition(1000)),
            "error": s.origin.serve("/c", lambda r: Answer(404)), "validating": s.serve("/d", s.edition(1000)),
            "transient_error": s.origin.serve("/e", lambda r: Answer(503)), "transferring": s.serve("/g", slow, rate=8 * MIB)}
    ids = {}
    for state, url in urls.items():
        ids[state] = s.api.create([url], start=state != "suspended", retry_delay_s=600, priority="foreground",
                                  verdict={"app": True} if state == "validating" else {})["id"]
    for state in ("transferred", "error", "validating", "transient_error"):
        s.api.wait(ids[state], state)
    s.origin.wait_sent(2 * MIB, "/g")
    for how in s.rng.sample(["stop", "kill", "stop"], 2):
        getattr(s.agent, how)()
        s.agent.start()
        for state in ("suspended", "transferred", "error", "validating", "transient_error"):
            expect_equal(s.api.job(ids[state])["state"], state, f"state after a {how}")
    job = s.api.wait(ids["transferring"], "transferred", timeout=30)
    expect(s.api.content(job["id"]) == slow.data, "other bytes than the origin's")
    expect(s.origin.sent("/g") < 2 * len(slow.data) + 8 * MIB, f"{s.origin.sent('/g')} bytes sent for {len(slow.data)}")
    check_figures(job)
    s.api.verdict(ids["validating"], 0, True)
    s.api.wait(ids["validating"], "transferred")
    s.api.act(ids["suspended"], "resume")
    s.api.wait(ids["suspended"], "transferred")


@case
def states_and_refusals(s):
    """What is not possible in a state is refused by name."""
    url = s.serve("/f", s.edition(1000))
    job_id = s.api.create([], start=False)["id"]
    _refused(lambda: s.api.act(job_id, "resume"), ("invalid_state", "invalid_argument"))
    s.api.call("POST", f"/v1/jobs/{job_id}/files", {"files": [{"url": url}]})
    s.api.act(job_id, "resume")
    s.api.wait(job_id, "transferred")
    s.api.act(job_id, "complete")
    for action in ("resume", "suspend", "cancel"):
        _refused(lambda: s.api.act(job_id, action), ("invalid_state", "not_found"))
    other = s.api.create([url], start=False)["id"]
    s.api.act(other, "suspend")
    s.api.act(other, "cancel")
    _refused(lambda: s.api.act(other, "resume"), ("invalid_state", "not_found"))


def _refused(action, codes):
    try:
        action()
    except ApiError as error:
        expect(error.code in codes, f"refused with {error}, wanted {codes}")
        return
    raise AssertionError("was not refused")


@case
def retarget_after_an_error(s):
    """A dead URL is replaced, and what was there is kept."""
    edition = s.edition(12 * MIB)
    resource = EditionResource([edition], advance_after=[7 * MIB])
    gone = [False]

    def dies(request):
        if gone[0] or resource.sent >= 7 * MIB:
            gone[0] = True
            return Answer(410)
        return resource(request)

    dies_with_count = _Counted(dies, resource)
    url = s.origin.serve("/old", dies_with_count)
    job = s.finish(url)
    expect_error(job, "http_fatal", text="410")
    # What is whole may still be on its way to the index when the error is told.
    wait_until(lambda: s.api.status()["cache"]["bytes"] >= 4 * MIB, 10, "the first segment in the cache", 0.01)
    new = s.serve("/new", edition)
    s.api.retarget(job["id"], 0, new)
    s.api.act(job["id"], "resume")
    job = s.api.wait(job["id"], "transferred")
    expect(s.api.content(job["id"]) == edition.data, "other bytes than the origin's")
    expect(s.origin.sent("/new") <= 12 * MIB - 4 * MIB + 16384, f"position lost: {s.origin.sent('/new')} bytes sent anew")
    check_figures(job)


class _Counted:
    def __init__(self, answer, resource):
        self.answer, self.resource = answer, resource

    def __call__(self, request):
        return self.answer(request)

    def on_sent(self, count):
        self.resource.on_sent(count)


@case
def ranges(s):
    """Ranges lie one after another in the result, in the order asked for."""
    edition = s.edition(6 * MIB)
    url = s.serve("/f", edition)
    size = len(edition.data)
    wanted = [[100, 1000], [5 * MIB, 300_000], [7, 1], [2 * MIB + 13, 70_001], [size - 5, None]]
    job = s.transferred({"url": url, "ranges": wanted})
    data = b"".join(edition.data[o:size if n is None else o + n] for o, n in wanted)
    expect(s.api.content(job["id"]) == data, "other bytes than the ranges'")
    expect(s.origin.sent("/f") < len(data) + 5 * 16384 + 16384, f"{s.origin.sent('/f')} bytes sent for {len(data)}")
    beyond = s.finish({"url": url, "ranges": [[size + 10, 5]]})
    expect_equal(beyond["state"], "error", "a range beyond the end")


@case
def coalescing(s):
    """Two jobs for one version, one body from the origin."""
    edition = s.edition(8 * MIB)
    url = s.serve("/f", edition, rate=16 * MIB)
    ids = [s.api.create([url], **FAST)["id"]]
    s.origin.wait_sent(MIB)
    ids += [s.api.create([url], **FAST)["id"] for _ in range(4)]
    total = {"origin": 0, "cache": 0}
    for job_id in ids:
        job = s.api.wait(job_id)
        expect_equal(job["state"], "transferred", f"state ({job['error']})")
        expect(s.api.content(job_id) == edition.data, "other bytes than the origin's")
        check_figures(job)
        total = {k: total[k] + job["figures"][k] for k in total}
    expect_equal(s.origin.sent("/f"), len(edition.data), "bytes sent for five jobs")
    expect_equal(total["origin"], len(edition.data), "bytes from the origin in the figures of all five")
    # One of two cancels midway: the other is not disturbed.
    second = s.edition(8 * MIB, tag="z")
    url = s.serve("/g", second, rate=16 * MIB)
    first_id = s.api.create([url], **FAST)["id"]
    s.origin.wait_sent(2 * MIB, "/g")
    other_id = s.api.create([url], **FAST)["id"]
    s.origin.wait_sent(4 * MIB, "/g")
    s.api.act(first_id, "cancel")
    job = s.api.wait(other_id)
    expect_equal(job["state"], "transferred", f"state ({job['error']})")
    expect(s.api.content(other_id) == second.data, "other bytes than the origin's")
    check_figures(job)
    s.agent.check_cache_soon()


@case
def many_small_files(s):
    """1000 files in one job; each right, each fetched once."""
    editions = [s.edition(10 * 1024, tag=f"s{i}") for i in range(1000)]
    urls = [s.serve(f"/s{i}", e) for i, e in enumerate(editions)]
    job = s.transferred(urls, timeout=120)
    expect_equal((job["files_done"], job["files_total"]), (1000, 1000), "files")
    for i in s.rng.sample(range(1000), 60):
        expect(s.api.content(job["id"], i) == editions[i].data, f"other bytes in file {i}")
    expect_equal(s.origin.sent(), sum(len(e.data) for e in editions), "bytes sent")
    meta, found = s.api.descriptors(f"/v1/jobs/{job['id']}/descriptors", {"files": list(range(64))})
    try:
        expect_equal(len(found), 64, "descriptors")
        for entry, descriptor in zip(meta["files"], found):
            expect(os.pread(descriptor, 20_000, 0) == editions[entry["index"]].data, "other bytes by descriptor")
            try:
                os.write(descriptor, b"x")
                raise AssertionError("a descriptor is writable")
            except OSError:
                pass
    finally:
        for descriptor in found:
            os.close(descriptor)


@case
def priorities(s):
    """A higher job goes first; a foreground one does not wait at all."""
    s.agent.configure({**s.sections, "jobs": {"max_active_jobs": 1}})
    s.agent.restart()
    hold = threading.Event()

    def held(request):
        answer = EditionResource([blocker])(request)
        answer.hold_at, answer.released = 10, hold
        return answer

    blocker = s.edition(100_000)
    first = s.api.create([s.origin.serve("/first", held)], **FAST)["id"]
    s.origin.wait_for(lambda: any(e.request.path == "/first" for e in s.origin.log), what="the first job's request")
    ids = {p: s.api.create([s.serve(f"/{p}", s.edition(1000, tag=p))], priority=p, **FAST)["id"]
           for p in ("low", "normal", "high")}
    foreground = s.api.create([s.serve("/foreground", s.edition(1000, tag="f"))], priority="foreground", **FAST)["id"]
    s.api.wait(foreground, "transferred", timeout=20)
    order_before = [e.request.path for e in s.origin.log]
    expect("/low" not in order_before and "/normal" not in order_before, f"lower jobs went beside the first: {order_before}")
    hold.set()
    for job_id in [first, *ids.values()]:
        s.api.wait(job_id, "transferred", timeout=30)
    order = [e.request.path for e in s.origin.log if e.request.path in ("/low", "/normal", "/high")]
    order = list(dict.fromkeys(order))
    expect_equal(order, ["/high", "/normal", "/low"], "order of requests")


@case
def rate_limits(s):
    """A job's limit and the agent's are kept."""
    import time
    edition = s.edition(4 * MIB)
    url = s.serve("/f", edition)
    started = time.monotonic()
    s.transferred(url, max_rate=2 * MIB, use_cache=False)
    took = time.monotonic() - started
    expect(1.2 < took < 4, f"4 MiB at 2 MiB/s took {took:.2f} s")
    s.agent.configure({**s.sections, "origin": {"max_rate": "4 MiB/s"}})
    s.agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "4 MiB/s" in s.api.call("GET", "/v1/config")["toml"], 10, "the new configuration")
    urls = [s.serve(f"/g{i}", s.edition(3 * MIB, tag=f"g{i}")) for i in range(3)]
    started = time.monotonic()
    s.transferred(urls)
    took = time.monotonic() - started
    expect(1.4 < took < 6, f"9 MiB at 4 MiB/s took {took:.2f} s")


@case
def notification(s):
    """The configured command on transferred and on error."""
    good = s.transferred(s.serve("/f", s.edition(1000)), notify="tell")
    bad = s.finish(s.origin.serve("/g", lambda r: Answer(404)), notify="tell")
    wait_until(lambda: s.told.exists() and len(s.told.read_text().splitlines()) >= 2, 15, "two notifications")
    text = s.told.read_text()
    for job, state in ((good, "transferred"), (bad, "error")):
        expect(any(job["id"] in line and state in line for line in text.splitlines()), f"{state} was not told: {text}")


@case
def events_replay(s):
    """A reader that lost its connection goes on from its last id, without gaps."""
    url = s.serve("/f", s.edition(1000))
    with s.api.events() as stream:
        first = s.transferred(url)["id"]
        seen = []
        while not seen or (seen[-1]["event"], seen[-1]["data"].get("state")) != ("job.state", "transferred"):
            event = stream.next(10)
            expect(event is not None, f"no event in time after {seen}")
            seen.append(event)
    second = s.transferred(url)["id"]
    with s.api.events(after=seen[-1]["id"]) as stream:
        later = []
        while not later or (later[-1]["event"], later[-1]["data"].get("state")) != ("job.state", "transferred") or \
                later[-1]["data"].get("id") != second:
            event = stream.next(10)
            expect(event is not None, f"no event in time after {later}")
            later.append(event)
    ids = [int(e["id"]) for e in seen + later]
    expect_equal(ids, list(range(ids[0], ids[0] + len(ids))), "ids of events")
    expect(any(e["event"] == "job.created" and e["data"]["id"] == first for e in seen), "job.created is missing")


@case
def graceful_stop(s):
    """SIGTERM midway: an orderly end in little time, nothing lost but what was on its way."""
    edition = s.edition(16 * MIB)
    url = s.serve("/f", edition, rate=20 * MIB)
    job_id = s.api.create([url], **FAST)["id"]
    s.origin.wait_sent(9 * MIB)
    import time
    started = time.monotonic()
    expect_equal(s.agent.stop(), 0, "exit status")
    expect(time.monotonic() - started < 5, f"the stop took {time.monotonic() - started:.1f} s")
    good, report = s.agent.check_cache()
    expect(good, f"larder_cache_check after a stop: {report}")
    expect(not s.agent.socket.exists(), "the socket is left behind")
    s.agent.start()
    job = s.api.wait(job_id)
    expect_equal(job["state"], "transferred", f"state ({job['error']})")
    expect(s.api.content(job_id) == edition.data, "other bytes than the origin's")


@case
def one_agent_to_a_directory(s):
    """A second agent on the same state directory ends, saying why; the first is not disturbed."""
    second = subprocess.run([s.agent.bin_dir / "larderd", "--config", s.agent.config_file], capture_output=True, text=True,
                            timeout=20, check=False)
    expect(second.returncode not in (0,) and second.returncode > 0, f"exit status {second.returncode}")
    expect(str(s.agent.state) in second.stderr + second.stdout or str(s.agent.runtime) in second.stderr + second.stdout,
           f"the directory is not named: {second.stderr[-400:]}")
    s.transferred(s.serve("/f", s.edition(1000)))


@case
def reload(s):
    """SIGHUP takes a good configuration and refuses a bad one whole."""
    s.agent.configure({**s.sections, "cache": {"max_size": "7 GiB"}})
    s.agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: s.api.status()["cache"]["max_size"] == 7 << 30, 10, "the new limit")
    s.agent.config_file.write_text("[cache]\nmax_sise = \"1 GiB\"\n")
    _refused(lambda: s.api.call("POST", "/v1/reload"), ("config_invalid",))
    expect_equal(s.api.status()["cache"]["max_size"], 7 << 30, "limit after a refused reload")
    checked = subprocess.run([s.agent.bin_dir / "larder", "config", "check", s.agent.config_file], capture_output=True,
                             text=True, check=False)
    expect(checked.returncode == 55, f"larder config check: {checked.returncode} {checked.stderr}")
    expect("max_sise" in checked.stderr and ":2" in checked.stderr, f"key and line are not named: {checked.stderr}")


@case
def store_and_privacy(s):
    """no-store, no validator, credentials and store=false: downloaded, not kept for others."""
    for path, extra, options in (("/a", [("Cache-Control", "no-store")], {}), ("/b", [("Cache-Control", "private")], {}),
                                 ("/c", [], {"store": False}), ("/d", [], {"connect": {"headers": [["Cookie", "a=b"]]}})):
        edition = s.edition(6 * MIB, tag=path)
        job = s.transferred(s.serve(path, edition, extra=extra), **options)
        expect(s.api.content(job["id"]) == edition.data, f"other bytes of {path}")
        s.api.act(job["id"], "complete")
        before = s.origin.sent(path)
        again = s.transferred(s.origin.url(path), **options)
        expect_equal(s.origin.sent(path) - before, len(edition.data), f"bytes sent for {path} the second time")
        s.api.act(again["id"], "complete")
    wait_until(lambda: s.api.status()["cache"]["bytes"] == 0, 10, "nothing held")
    s.agent.check_cache_soon()


@case
def time_limits(s):
    """maximum_time ends a job that takes too long."""
    url = s.serve("/f", s.edition(8 * MIB), rate=2 * MIB)
    expect_error(s.finish(url, maximum_time_s=1), "maximum_time", text="1")


@case
def get_by_command(s):
    """`larder get`: file, directory, digest, check, JSON, exit statuses."""
    edition = s.edition(5 * MIB)
    url = s.serve("/some%20file.bin", edition)
    out = s.lab.folder("out")
    done = s.agent.larder("get", url, "-d", out)
    expect_equal(done.returncode, 0, f"exit status ({done.stderr[-400:]})")
    expect_equal(os.listdir(out), ["some file.bin"], "files")
    expect_equal(file_sha256(out / "some file.bin"), edition.sha256, "bytes")
    expect_equal(int((out / "some file.bin").stat().st_mtime), _T, "modification time")
    done = s.agent.larder("get", url, "-o", out / "j", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    expect("cache" in done.stdout, f"no figures in --json: {result}")
    expect_equal(s.agent.larder("get", url, "-o", out / "h", "--sha256", edition.sha256).returncode, 0, "right digest")
    wrong = s.agent.larder("get", url, "-o", out / "w", "--sha256", hashlib.sha256(b"").hexdigest())
    expect_equal(wrong.returncode, 40, f"wrong digest ({wrong.stderr[-300:]})")
    expect(not (out / "w").exists(), "a file with the wrong digest was put in place")
    missing = s.agent.larder("get", s.origin.url("/missing"), "-o", out / "m")
    expect_equal(missing.returncode, 30, f"404 ({missing.stderr[-300:]})")
    expect("404" in missing.stderr and "cannot" in missing.stderr, f"words: {missing.stderr[-300:]}")
    expect_equal(s.agent.larder("get").returncode, 2, "no URL")
    expect_equal(s.agent.larder("get", "file:///etc/passwd", "-o", out / "p").returncode, 4, "file://")
    checked = s.agent.larder("get", s.serve("/v", s.edition(1000)), "-o", out / "v", "--check", "false")
    expect_equal(checked.returncode, 41, f"--check false ({checked.stderr[-300:]})")
    expect(not (out / "v").exists(), "a file that its check refused was put in place")
    checked = s.agent.larder("get", s.serve("/v2", s.edition(1000)), "-o", out / "v2", "--check", "true")
    expect_equal(checked.returncode, 0, f"--check true ({checked.stderr[-300:]})")
    for name in ("status", "job list", "cache list", "config show", "doctor"):
        done = s.agent.larder(*name.split(), "--json")
        expect(done.returncode == 0 or name == "doctor", f"larder {name} --json: {done.returncode} {done.stderr[-300:]}")
        json.loads(done.stdout)
    leftovers = [n for n in os.listdir(out) if n not in ("some file.bin", "j", "h", "v2")]
    expect_equal(leftovers, [], "files left beside the destinations")
    expect_equal([j for j in s.api.jobs("?all=1") if j["state"] not in ("acknowledged", "cancelled", "error")], [],
                 "jobs left by larder get")


@case
def get_without_an_agent(s):
    """Without a running agent `larder get` starts one for the user, which ends itself."""
    home = s.lab.folder("home")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "LARDER"))}
    environment.update(HOME=str(home), XDG_STATE_HOME=str(home / "state"), XDG_RUNTIME_DIR=str(s.lab.folder("home/run")),
                       XDG_CONFIG_HOME=str(home / "config"))
    if os.path.exists("/run/larder/api.sock"):
        raise Skip("a system agent runs on this machine")
    edition = s.edition(5 * MIB)
    url = s.serve("/f", edition)
    done = subprocess.run([s.agent.bin_dir / "larder", "get", url, "-o", home / "f"], env=environment, capture_output=True,
                          text=True, timeout=60, check=False)
    try:
        expect_equal(done.returncode, 0, f"exit status ({done.stderr[-500:]})")
        expect_equal(file_sha256(home / "f"), edition.sha256, "bytes")
        before = s.origin.sent("/f")
        again = subprocess.run([s.agent.bin_dir / "larder", "get", url, "-o", home / "g"], env=environment,
                               capture_output=True, text=True, timeout=60, check=False)
        expect_equal(again.returncode, 0, f"exit status of the second ({again.stderr[-500:]})")
        expect_equal(s.origin.sent("/f"), before, "bytes sent for the second")
    finally:
        status = subprocess.run([s.agent.bin_dir / "larder", "status", "--json"], env=environment, capture_output=True,
                                text=True, timeout=30, check=False)
        expect_equal(status.returncode, 0, f"exit status of larder status ({status.stderr[-300:]})")
        process = json.loads(status.stdout)["pid"]
        ending = os.pidfd_open(process)
        try:
            signal.pidfd_send_signal(ending, signal.SIGTERM)
            ended = bool(select.select([ending], [], [], 10)[0])
            if not ended:
                signal.pidfd_send_signal(ending, signal.SIGKILL)
        finally:
            os.close(ending)
        expect(ended, "the agent that was started on demand does not end on SIGTERM")


@case
def two_users(s):
    """The cache serves another user; figures tell whose bytes came from where."""
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    edition = s.edition(5 * MIB)
    url = s.serve("/f", edition)
    s.api.act(s.transferred(url)["id"], "complete")
    path = str(s.agent.socket)

    def as_stranger():
        api = Api(path)
        job = api.wait(api.create([url])["id"])
        return job, hashlib.sha256(api.content(job["id"])).hexdigest()

    job, digest = run_as(nobody(), as_stranger)
    expect_equal((job["state"], job["owner"], digest), ("transferred", nobody(), edition.sha256), "the stranger's job")
    expect_equal(job["figures"]["cache"], len(edition.data), "bytes from the cache")
    expect_equal(s.origin.sent("/f"), len(edition.data), "bytes sent")


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    s = Shop(seed, lab)
    try:
        CASES[name](s)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    expect(s.agent.running, f"{name}: larderd ended: {s.agent.log_tail()}")
    return name
