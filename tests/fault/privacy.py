"""What one user's own way of asking brought reaches nobody else: two users of one machine, the real programs, and an origin,
a proxy or a server that would give one of them other bytes."""

import os
import random

from larder_lab import (MIB, Answer, Api, Edition, EditionResource, LabOrigin, Skip, expect, expect_equal, http_date, named,
                        nobody, run_as, seeded_bytes)

CASES = {}
_T = 1_700_000_000
FAST = {"retry_delay_s": 0.1, "no_progress_timeout_s": 5}


def case(function):
    CASES[function.__name__] = function
    return function


class Scene:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"privacy {seed}")
        self.lab, self.origin = lab, lab.origin
        self.agent = lab.agent()
        self.socket = str(self.agent.socket)
        self.size = self.rng.randrange(5 * MIB, 9 * MIB)
        # Two files that no validator tells apart.
        self.truth = Edition(seeded_bytes(f"{seed} true", self.size), '"x"', http_date(_T))
        self.lie = Edition(seeded_bytes(f"{seed} false", self.size), '"x"', http_date(_T))

    def _fetch(self, url, file, options):
        api = Api(self.socket)
        job = api.wait(api.create([{"url": url, **file}], **{**FAST, **options})["id"])
        data = api.content(job["id"]) if job["state"] == "transferred" else b""
        if job["state"] == "transferred" and options.get("ended", True):
            api.act(job["id"], "complete")
        return job, data

    def mallory(self, url, file=None, **options):
        """Another user without any right."""
        return run_as(nobody(), lambda: self._fetch(url, file or {}, options))

    def alice(self, url, file=None, **options):
        return self._fetch(url, file or {}, options)

    def expect_truth(self, url, who="the other user", **options):
        job, data = self.alice(url, **options)
        expect_equal(job["state"], "transferred", f"{who}'s state ({job['error']})")
        expect(data == self.truth.data, f"{who} was given bytes of somebody's own")
        return job

    def expect_reason(self, job, reason, key=None):
        why = job["files"][0]["not_shared"]
        expect(why is not None, "the job does not say that it is not shared")
        expect_equal((why["reason"], why["key"], why["machine"]), (reason, key, False), "why it is not shared")
        expect_equal(job["not_shared"], why, "what the job says of its files")
        expect(f"not shared: {why['text']}" in job["files"][0]["note"], f"note {job['files'][0]['note']!r}")


@case
def lying_proxy(s):
    """A proxy that the job names repeats size, ETag and date with other bytes. The second user asks plainly."""
    url = s.origin.serve("/f", EditionResource([s.truth]))
    proxy = LabOrigin()
    try:
        proxy.serve("/f", EditionResource([s.lie]))
        job, data = s.mallory(url, connect={"proxy": proxy.url("")})
        expect(data == s.lie.data, "the proxy was not asked")
        s.expect_truth(url)
        s.expect_reason(job, "callers_proxy", "origin.proxy")
        job, data = s.mallory(url, connect={"proxy": proxy.url("")})
        expect(data == s.lie.data, "what others have was given in the place of what was asked for")
        s.expect_truth(url)
    finally:
        proxy.close()


@case
def lying_proxy_goes_on(s):
    """The same, while the true file is there in part, and the other way round."""
    whole = EditionResource([s.truth])
    state = {"cuts": [3 * MIB], "broken": True}

    def breaking(request):
        answer = whole(request)
        if request.method == "GET" and state["broken"]:
            answer.cut = state["cuts"].pop() if state["cuts"] else 0
        return answer

    url = s.origin.serve("/f", breaking)
    api = s.agent.api
    job = api.create([url], retry_delay_s=30, no_progress_timeout_s=60)
    api.wait(job["id"], "transient_error")
    api.act(job["id"], "suspend")
    proxy = LabOrigin()
    try:
        proxy.serve("/f", EditionResource([s.lie]))
        _, data = s.mallory(url, connect={"proxy": proxy.url("")})
        expect(data == s.lie.data, "bytes of others were mixed into a private content")
        state["broken"] = False
        api.act(job["id"], "resume")
        job = api.wait(job["id"], "transferred")
        expect(api.content(job["id"]) == s.truth.data, "bytes of somebody's own are in a shared content")
        expect(s.origin.sent("/f") < s.size + 3 * MIB, "what was begun was not gone on with")
    finally:
        proxy.close()


@case
def two_at_once(s):
    """Both at the same time: neither joins the other."""
    url = s.origin.serve("/f", EditionResource([s.truth], rate=4 * MIB))
    proxy = LabOrigin()
    try:
        proxy.serve("/f", EditionResource([s.lie], rate=4 * MIB))
        api = s.agent.api
        first = api.create([url], connect={"proxy": proxy.url("")}, **FAST)["id"]
        s.expect_truth(url)
        api.wait(first, "transferred")
        expect(api.content(first) == s.lie.data, "it joined what it had not asked for")
    finally:
        proxy.close()


@case
def configured_proxy(s):
    """The very proxy of the configuration is nobody's own: what comes over it is shared."""
    url = s.origin.serve("/f", EditionResource([s.lie]))
    proxy = LabOrigin()
    try:
        proxy.serve("/f", EditionResource([s.truth]))
        s.agent.stop()
        s.agent.configure({"origin": {"proxy": proxy.url("")}})
        s.agent.start()
        job, _ = s.mallory(url, connect={"proxy": proxy.url("")})
        why = job["files"][0]["not_shared"]
        expect(why is None or why["machine"], f"it is not shared: {why}")
        job = s.expect_truth(url)
        expect_equal(job["figures"]["cache"], s.size, "bytes of the second from the cache")
    finally:
        proxy.close()


@case
def callers_header(s):
    """A header that is in no list of secrets opens the file. Neither URL nor digest opens it to the next user."""

    def guarded(request):
        if request.headers.get("x-jwt-assertion") != "right":
            return Answer(403)
        return EditionResource([s.truth])(request)

    url = s.origin.serve("/f", guarded)
    s.origin.serve("/none", lambda request: Answer(404))
    job, data = s.mallory(url, {"sha256": s.truth.sha256}, connect={"headers": [["X-Jwt-Assertion", "right"]]})
    expect(data == s.truth.data, f"the header opens nothing: {job['error']}")
    first = job
    job, data = s.alice(url)
    expect_equal((job["state"], len(data)), ("error", 0), "asked without the header")
    job, data = s.alice(s.origin.url("/none"), {"sha256": s.truth.sha256})
    expect_equal((job["state"], len(data)), ("error", 0), "asked by the digest")
    s.expect_reason(first, "callers_header")


@case
def signed_url(s):
    """A signed URL is no name that others find the content by; nor is its digest."""
    url = s.origin.serve("/f", EditionResource([s.truth])) + "?X-Amz-Expires=60&X-Amz-Signature=abc"
    s.origin.serve("/none", lambda request: Answer(404))
    job, data = s.mallory(url, {"sha256": s.truth.sha256})
    expect(data == s.truth.data, f"not fetched: {job['error']}")
    first = job
    job, data = s.alice(s.origin.url("/none"), {"sha256": s.truth.sha256})
    expect_equal((job["state"], len(data)), ("error", 0), "asked by the digest")
    s.expect_reason(first, "signed_query")


@case
def chosen_content(s):
    """A header that the server heeds chooses another edition, which its user says is well. It is nobody's newest one."""
    other = Edition(s.lie.data, '"chosen"', http_date(_T + 60))
    state = {"up": True}

    def choosing(request):
        if not state["up"]:
            return Answer(raw=b"")
        return EditionResource([other if "x-rewrite-url" in request.headers else s.truth])(request)

    url = s.origin.serve("/f", choosing)
    s.expect_truth(url)
    job, data = s.mallory(url, connect={"headers": [["X-Rewrite-URL", "/evil"]]})
    expect(data == s.lie.data, f"not chosen: {job['error']}")
    state["up"] = False
    job, data = s.alice(url, offline_ok=True)
    expect(data != s.lie.data, "what somebody's header chose is the newest edition of everybody's URL")
    expect(data in (s.truth.data, b""), "neither the edition that was there nor an error")


@case
def later_answer(s):
    """The HEAD says nothing; the GET says no-store, sets a cookie, or varies by what was sent."""
    for number, extra in enumerate([("Cache-Control", "no-store"), ("Set-Cookie", "a=b"), ("Vary", "*")]):
        served = {"data": s.truth}

        def answering(request, served=served, extra=extra):
            return EditionResource([served["data"]], extra=() if request.method == "HEAD" else (extra,))(request)

        url = s.origin.serve(f"/f{number}", answering)
        # Known to the cache, so that a HEAD goes first.
        s.origin.serve(f"/f{number}", EditionResource([Edition(s.lie.data, '"old"', http_date(_T - 60))]))
        s.alice(url)
        s.origin.serve(f"/f{number}", answering)
        job, data = s.mallory(url)
        expect(data == s.truth.data, f"{extra}: {job['error']}")
        first = job
        served["data"] = s.lie  # what it gives to somebody else under the same validators
        _, data = s.alice(url)
        expect(data == s.lie.data, f"{extra}: the answer to one user was given to another")
        expect(first["files"][0]["not_shared"]["reason"] in ("says_no_store", "sets_cookie", "varies_by_everything"),
               f"{extra}: {first['files'][0]['not_shared']}")


@case
def is_told(s):
    """The job, `larder get` and `larder doctor` say why, and which key of the configuration changes it."""
    url = s.origin.serve("/f", EditionResource([s.truth]))
    proxy = LabOrigin()
    try:
        proxy.serve("/f", EditionResource([s.truth]))
        api = s.agent.api
        job = api.create([url], connect={"proxy": proxy.url("")}, **FAST)["id"]
        api.wait(job, "transferred")
        shown = s.agent.larder("job", "show", job, check=True).stdout
        expect("not shared: the job names a proxy of its own" in shown and "origin.proxy" in shown, f"job show: {shown}")
        doctor = s.agent.larder("doctor").stdout
        expect("not shared: the job names a proxy" in doctor and "origin.proxy" in doctor, f"doctor: {doctor}")
        s.agent.restart()
        expect_equal(api.job(job)["files"][0]["not_shared"]["reason"], "callers_proxy", "after a restart")
        got = s.agent.larder("get", "--proxy", proxy.url(""), url, "-o", s.lab.directory / "out")
        expect_equal(got.returncode, 0, f"exit status ({got.stderr[-300:]})")
        expect("not shared" in got.stderr, f"larder get says nothing of it: {got.stderr[-500:]}")
    finally:
        proxy.close()


def run(seed, lab, name=None):
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    names = list(CASES)
    name = name or names[seed % len(names)]
    scene = Scene(seed, lab)
    try:
        CASES[name](scene)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    expect(scene.agent.running, f"{name}: larderd ended: {scene.agent.log_tail()}")
    return name
