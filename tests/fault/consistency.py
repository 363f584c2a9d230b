"""Never one mixed byte: the origin changes a file midway, proxies serve stale bodies, ranges come of another edition.

Each run draws from its seed one KIND of trouble, how the editions differ (`DIFFERENCES`), sizes and the exact bytes at
which things happen. What comes out must be, byte for byte, exactly one edition that the origin published, or an error
that the kind allows; and of a job with several files only the changed one is fetched again.
"""

import random
import urllib.request

from larder_lab import (MIB, ApiError, Edition, EditionResource, Squid, caching_nginx, check_figures, expect,
                        expect_equal, http_date, named, seeded_bytes, segment_size, slicing_nginx)

# name -> (same size?, ETag of edition i, Last-Modified of edition i)
_T = 1_700_000_000
DIFFERENCES = {
    "all validators, other size": (False, lambda i: f'"e{i}"', lambda i: http_date(_T + i * 100)),
    "all validators, same size": (True, lambda i: f'"e{i}"', lambda i: http_date(_T + i * 100)),
    "same ETag, other Last-Modified": (True, lambda i: '"same"', lambda i: http_date(_T + i * 100)),
    "other ETag, same Last-Modified": (True, lambda i: f'"e{i}"', lambda i: http_date(_T)),
    "no ETag": (True, lambda i: None, lambda i: http_date(_T + i * 100)),
    "no ETag, same Last-Modified, other size": (False, lambda i: None, lambda i: http_date(_T)),
    "ETag alone": (True, lambda i: f'"e{i}"', lambda i: None),
    "weak ETag": (True, lambda i: f'W/"e{i}"', lambda i: http_date(_T + i * 100)),
    "no validator, other size": (False, lambda i: None, lambda i: None),
    "no validator, same size": (True, lambda i: None, lambda i: None),
}
# Where a middle man goes by them, validators must be there and be right.
STRONG = ["all validators, other size", "all validators, same size", "ETag alone", "other ETag, same Last-Modified"]
OPTIONS = {"retry_delay_s": 0.1, "no_progress_timeout_s": 30}
CHANGED = ("version_changed", "stale_proxy")


def make_editions(rng, count, difference):
    same_size, etag, last_modified = DIFFERENCES[difference]
    size = rng.randrange(5 * MIB, 14 * MIB)
    sizes = [size if same_size else size + i * rng.randrange(1, 3 * MIB) for i in range(count)]
    return [Edition(seeded_bytes((rng.random(), i), sizes[i]), etag(i), last_modified(i)) for i in range(count)]


class Trouble:
    """One run: what it draws, and the judgement of what came out."""

    def __init__(self, seed, lab):
        self.rng = random.Random(f"consistency {seed}")
        self.lab = lab
        self.agent = lab.agent()
        self.api = self.agent.api
        self.note = ""

    def editions(self, count=2, among=None):
        self.difference = self.rng.choice(among or list(DIFFERENCES))
        return make_editions(self.rng, count, self.difference)

    def point(self, edition):
        """A byte of it at which something happens; often one that matters."""
        size = len(edition.data)
        segment = segment_size(size)
        return self.rng.choice([self.rng.randrange(1, size), segment, segment - 1, segment + 1,
                                self.rng.randrange(1, size), min(size - 1, 16384 * self.rng.randrange(1, 400))])

    def judge(self, job, editions, errors=(), index=0):
        """Exactly one of `editions`, or one of `errors`."""
        file = job["files"][index]
        if job["state"] != "transferred":
            error = job["error"] or {}
            expect(error.get("code") in errors, f"{self.difference}: {job['state']} {error}, allowed {errors}")
            self.note = error["code"]
            return None
        data = self.api.content(job["id"], index)
        matching = [i for i, e in enumerate(editions) if e.data == data]
        if not matching:
            parts = [i for i, e in enumerate(editions) if data[:4096] == e.data[:4096] or data[-4096:] == e.data[-4096:]]
            raise AssertionError(f"{self.difference}: {len(data)} bytes of no edition (parts of {parts}); file {file}")
        check_figures(job)
        return matching[0]

    def fetch(self, url, timeout=60, **options):
        job = self.api.create([url], **OPTIONS, **options)
        return self.api.wait(job["id"], timeout=timeout)


def breaks_midway(t):
    """The connection breaks at a random byte, and what comes then is another edition."""
    editions = t.editions()
    resource = EditionResource(editions, advance_after=[t.point(editions[0])])
    job = t.fetch(t.lab.origin.serve("/f", resource))
    expect_equal(t.judge(job, editions), 1, "edition")


def ignores_if_range(t):
    """As before, by an origin that answers 206 of what it has now, whatever If-Range says."""
    editions = t.editions()
    resource = EditionResource(editions, advance_after=[t.point(editions[0])], if_range=False)
    job = t.fetch(t.lab.origin.serve("/f", resource))
    t.judge(job, editions)


def ranges_in_parallel(t):
    """Several ranges at once while the edition changes."""
    editions = t.editions()
    resource = EditionResource(editions, advance_after=[t.point(editions[0])], if_range=t.rng.random() < 0.5,
                               break_on_advance=t.rng.random() < 0.5, rate=60 * MIB)
    job = t.fetch(t.lab.origin.serve("/f", resource), parallel_ranges=t.rng.randrange(2, 7))
    t.judge(job, editions)


def changes_often(t):
    """Three restarts are allowed; more changes are an error that says so."""
    count = t.rng.randrange(3, 8)
    editions = t.editions(count, STRONG)
    step = min(len(e.data) for e in editions)
    points, total = [], 0
    for _ in range(count - 1):
        total += t.rng.randrange(MIB, step)
        points.append(total)
    job = t.fetch(t.lab.origin.serve("/f", EditionResource(editions, advance_after=points)))
    t.judge(job, editions, CHANGED if count > 4 else ())


def one_of_several(t):
    """Only the changed file of a job restarts."""
    changing = t.editions(2, [d for d in DIFFERENCES if not d.startswith("no validator")])
    others = [make_editions(t.rng, 1, "all validators, same size")[0] for _ in range(t.rng.randrange(2, 5))]
    at = t.rng.randrange(len(others) + 1)
    resource = EditionResource(changing, advance_after=[t.point(changing[0])])
    urls = [t.lab.origin.serve(f"/o{i}", EditionResource([e])) for i, e in enumerate(others)]
    urls.insert(at, t.lab.origin.serve("/changing", resource))
    job = t.api.wait(t.api.create(urls, **OPTIONS)["id"])
    t.judge(job, changing, index=at)
    for i, edition in enumerate(others):
        expect_equal(t.api.content(job["id"], i if i < at else i + 1), edition.data, f"bytes of file /o{i}")
        gets = t.lab.origin.exchanges(f"/o{i}", "GET")
        expect_equal(len(gets), 1, f"GETs of the unchanged file /o{i}")
        expect_equal(sum(e.sent for e in gets), len(edition.data), f"bytes sent of the unchanged file /o{i}")


def while_suspended(t):
    """The edition changes while the job is suspended midway, or while the agent is down."""
    editions = t.editions()
    resource = EditionResource(editions, rate=40 * MIB)
    url = t.lab.origin.serve("/f", resource)
    job = t.api.create([url], **OPTIONS)
    t.lab.origin.wait_sent(t.point(editions[0]))
    how = t.rng.choice(["suspend", "stop", "kill"])
    if how == "suspend":
        t.api.act(job["id"], "suspend")
    elif how == "stop":
        t.agent.stop()
    else:
        t.agent.kill()
    resource.current, resource.rate = 1, 0
    if how == "suspend":
        t.api.act(job["id"], "resume")
    else:
        t.agent.start()
    job = t.api.wait(job["id"])
    t.judge(job, editions)


def lying_validators(t):
    """Same validators, same size, other bytes: only the caller's digest tells."""
    t.difference = "lying validators"
    size = t.rng.randrange(5 * MIB, 12 * MIB)
    editions = [Edition(seeded_bytes((t.rng.random(), i), size), '"lie"', http_date(_T)) for i in range(2)]
    resource = EditionResource(editions, advance_after=[t.point(editions[0])])
    wanted = t.rng.randrange(2)
    url = t.lab.origin.serve("/f", resource)
    job = t.api.wait(t.api.create([{"url": url, "sha256": editions[wanted].sha256}], **OPTIONS)["id"])
    found = t.judge(job, editions, ("digest_mismatch",))
    expect(found in (None, wanted), f"edition {found} under the digest of {wanted}")


def ranges_of_another(t):
    """A middle man answers whole requests with the new edition and ranges with an old one, for ever or until asked
    with no-cache."""
    editions = t.editions(2, STRONG)
    new, old = EditionResource(editions, current=1), EditionResource(editions, current=0, if_range=False)
    honours = t.rng.random() < 0.5
    cut = [t.point(editions[1])]

    def answer(request):
        fresh = honours and "no-cache" in request.headers.get("cache-control", "")
        ranged = request.range is not None and not (request.range == (0, 0))
        reply = (old if ranged and not fresh else new)(request)
        reply.headers += [("Via", "1.1 office-proxy"), ("Age", "500"), ("X-Cache", "HIT")]
        if not ranged and request.method == "GET" and cut:
            reply.cut = cut.pop()
        return reply

    job = t.fetch(t.lab.origin.serve("/f", answer), parallel_ranges=t.rng.choice([1, 1, 3]))
    t.judge(job, editions, () if honours else CHANGED)
    if job["state"] == "error" and job["error"]["code"] == "stale_proxy":
        expect("office-proxy" in job["error"]["message"], f"the message names no proxy: {job['error']['message']}")


def behind_nginx_ranges(t):
    """A real nginx keeps ranges as entries of their own: the second download finds the first one's stale range."""
    editions = t.editions(2, STRONG)
    honours = t.rng.random() < 0.5
    point = t.point(editions[0])
    # Editions 0, 0, 1, 1: broken at the same byte in both downloads, so both ask for the same range.
    sequence = [editions[0], editions[0], editions[1], editions[1]]
    resource = EditionResource(sequence, advance_after=[point])
    t.lab.origin.serve("/f", resource)
    proxy = t.lab.server(caching_nginx(t.lab.folder("proxy"), f"127.0.0.1:{t.lab.origin.port}", True, honours))
    url = proxy.url("/f")
    first = t.fetch(url, use_cache=False, store=False)
    t.judge(first, sequence)
    resource.current, resource.sent, resource.advance_after = 2, 0, [point]
    second = t.fetch(url, use_cache=False)
    t.judge(second, sequence, CHANGED)


def behind_nginx_slices(t):
    """A real nginx sews slices of several editions together, and hangs up where their ETags differ."""
    editions = t.editions(2, STRONG)
    honours = t.rng.random() < 0.5
    resource = EditionResource(editions)
    t.lab.origin.serve("/f", resource)
    proxy = t.lab.server(slicing_nginx(t.lab.folder("proxy"), f"127.0.0.1:{t.lab.origin.port}", honours))
    size = min(len(e.data) for e in editions)
    for _ in range(t.rng.randrange(1, 4)):  # somebody else's requests fill some slices with the old edition
        first = t.rng.randrange(0, size - 1)
        last = t.rng.randrange(first, size)
        request = urllib.request.Request(proxy.url("/f"), headers={"Range": f"bytes={first}-{last}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
    resource.current = 1
    job = t.api.create([proxy.url("/f")], **{**OPTIONS, "no_progress_timeout_s": 3})
    job = t.api.wait(job["id"], timeout=60)
    # nginx that never revalidates cannot give the file at all: then the error is what counts.
    t.judge(job, editions, CHANGED + ("connection_lost", "no_progress", "bad_response", "http_transient"))
    if honours:
        expect_equal(job["state"], "transferred", f"state behind a proxy that honours no-cache ({job['error']})")


def behind_squid(t):
    """A real squid takes the old edition as fresh for an hour."""
    editions = t.editions(2, STRONG)
    honours = t.rng.random() < 0.5
    resource = EditionResource(editions)
    url = t.lab.origin.serve("/f", resource)
    proxy = t.lab.server(Squid(t.lab.folder("squid"), honours))
    connect = {"proxy": proxy.url}
    first = t.fetch(url, connect=connect, use_cache=False)
    expect_equal(t.judge(first, editions), 0, "first edition")
    resource.current = 1
    if t.rng.random() < 0.5:
        second = t.fetch(url, connect=connect)
        t.judge(second, editions)
    else:
        second = t.api.wait(t.api.create([{"url": url, "sha256": editions[1].sha256}], connect=connect, **OPTIONS)["id"])
        found = t.judge(second, editions, ("digest_mismatch", "stale_proxy"))
        expect(found in (None, 1), "the old edition under the new one's digest")


def cached_then_changed(t):
    """What is in the cache is given only while the origin still says the same."""
    editions = t.editions()
    resource = EditionResource(editions)
    url = t.lab.origin.serve("/f", resource)
    expect_equal(t.judge(t.fetch(url), editions), 0, "first edition")
    before = t.lab.origin.sent("/f")
    again = t.fetch(url)
    expect_equal(t.judge(again, editions), 0, "edition of the repeated request")
    if not t.difference.startswith("no validator"):
        expect_equal(t.lab.origin.sent("/f"), before, "bytes sent by the origin after a cache hit")
        expect_equal(again["figures"]["cache"], len(editions[0].data), "bytes from the cache")
    resource.current = 1
    expect_equal(t.judge(t.fetch(url), editions), 1, "edition after the change")


def retargeted(t):
    """A new URL midway: the position is kept only when the version there is the same."""
    editions = t.editions(2, STRONG)
    released = EditionResource(editions, rate=30 * MIB)
    first = t.lab.origin.serve("/f", released)
    mirror = EditionResource(editions, current=t.rng.randrange(2))
    second = t.lab.origin.serve("/mirror", mirror)
    job = t.api.create([first], **OPTIONS)
    t.lab.origin.wait_sent(min(t.point(editions[0]), len(editions[0].data) - MIB))
    try:
        t.api.act(job["id"], "suspend")
        t.api.retarget(job["id"], 0, second)
    except ApiError as error:  # it had finished already
        expect_equal(error.code, "invalid_state", "the refusal's code")
    else:
        t.api.act(job["id"], "resume")
    t.judge(t.api.wait(job["id"]), editions)


def torn_by_close(t):
    """No Content-Length, connection closed in the middle: less than the whole must never pass for it when the origin
    says so in chunks, and HTTP/1.0 bodies are one stream."""
    editions = t.editions(2, STRONG)
    cut = [t.rng.randrange(1, len(editions[0].data))]

    def answer(request):
        resource = EditionResource(editions, current=0 if cut else 1, ranges=False)
        reply = resource(request)
        reply.chunked = True
        if request.method == "GET" and cut:
            reply.cut = cut.pop()
        return reply

    job = t.fetch(t.lab.origin.serve("/f", answer))
    expect_equal(t.judge(job, editions), 1, "edition")


KINDS = [breaks_midway, ignores_if_range, ranges_in_parallel, changes_often, one_of_several, while_suspended,
         lying_validators, ranges_of_another, behind_nginx_ranges, behind_nginx_slices, behind_squid,
         cached_then_changed, retargeted, torn_by_close]


def run(seed, lab):
    kind = KINDS[seed % len(KINDS)]
    trouble = Trouble(seed, lab)
    try:
        kind(trouble)
    except Exception as error:
        difference = getattr(trouble, "difference", "")
        raise named(f"{kind.__name__} ({difference})", error) from error
    return f"{kind.__name__}" + (f": {trouble.note}" if trouble.note else "")



