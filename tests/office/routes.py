"""Whose bytes reach whom, by whatever route: users of two hosts ask for the same pages plainly, with secrets, through proxies
and authorities of their own, from other servers, by digest, with the origin away; and judge and cancel what others hold.

A seed draws pages and steps. After each step somebody asks plainly, and all of the following is held against what was
seen. A run goes on after a violation, so that its error counts them by kind:

    leak        a user was given bytes with another's marker, or any bytes of a page that refuses the user
    false       a plain request was given other bytes than the origin's
    no bytes    a plain request that the origin answers did not end with its bytes
    taken       another user's finished content was no longer there, or another
    told        cache list, jobs or events of a user without rights show another's token, or the digest of another's bytes
    listed      they name a page that this user never asked for
"""

import base64
import collections
import contextlib
import json
import os
import pathlib
import random
import re
import secrets
import subprocess
import threading

from lab_api import ApiError
from lab_office import Office
from lab_routes import (OTHER_PAGE_HEADERS, SECRET_HEADERS, SIGNED_QUERIES, Liar, LyingTunnel, Page, SwitchedOrigin,
                        make_certificate, markers_in)
from larder_lab import KIB, MIB, Skip, expect, expect_equal, nobody, wait_until

USERS = {"root": 0, "anna": 12345, "bert": None}  # bert is `nobody`
STRANGERS = ("anna", "bert")  # users without rights
SIZES = (5000, 300 * KIB, 3 * MIB)  # kept within the index; given with the catalogue's answer; in two segments
STEPS = 20
QUICK = {"retry_delay_s": 0.1, "no_progress_timeout_s": 0}  # one attempt
PATIENT = {"retry_delay_s": 0.2, "no_progress_timeout_s": 20}
TOKEN = re.compile(r"tok[0-9a-f]{16}")


class World:
    def __init__(self, seed, lab, office):
        self.seed, self.lab, self.office, self.rng = seed, lab, office, random.Random(f"routes {seed}")
        self.users = {**USERS, "bert": nobody()}
        self.acting, self.step = "root", "the beginning"
        self.tokens, self.revoked = {}, set()
        self.known = set()  # (user, token or digest): that a user used, or found in whatever way the scenario allows
        self.fetched = collections.defaultdict(set)  # page: users that named it, on whichever host
        self.private = []  # (page, user): that somebody fetched with a secret
        self.held, self.violations, self.streams, self.latest = [], [], [], None
        self._make_servers()
        self.pages = []
        for kind in ("public", "public", self.rng.choice(("guarded", "personal"))):
            self.add_page(kind)

    def _make_servers(self):
        place = self.office.origin.place
        self.address, folder = place.address, self.lab.folder("tls")

        def made(kind, *arguments, **options):
            server = place.enter(lambda: kind(place.address, *arguments, **options))
            self.lab.origins.append(server)
            return server

        self.authority, key = make_certificate(folder, "origin", self.address)
        self.origin = made(SwitchedOrigin, place.enter)
        self.tls_origin = made(SwitchedOrigin, place.enter, tls=(self.authority, key))
        self.liars, self.tunnels, self.liar_authorities = {}, {}, {}
        for user in STRANGERS:
            self.liars[user] = made(SwitchedOrigin, place.enter)
            pair = make_certificate(folder, user, self.address)
            self.tunnels[user], self.liar_authorities[user] = made(LyingTunnel, tls=pair), pair[0]

    def add_page(self, kind):
        page = Page(self, f"page{len(self.pages)}x{self.seed}", kind, self.rng.choice(SIZES), self.rng)
        page.tls = kind == "public" and self.rng.random() < 0.3
        page.url = (self.tls_origin if page.tls else self.origin).serve(page.path, page)
        for user in STRANGERS:
            lies = Liar(user, self.origin)(page)
            self.liars[user].serve(page.path, lies)
            self.tunnels[user].serve(page.path, lies)
        self.pages.append(page)
        self.latest = page
        return page

    # -- who asks ------------------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def as_user(self, user):
        """The agents take this process for that user (SO_PEERCRED is of the moment of connecting)."""
        self.acting = user
        os.seteuid(self.users[user])
        try:
            yield
        finally:
            os.seteuid(0)

    def new_token(self, user):
        token = "tok" + secrets.token_hex(8)
        self.tokens[token] = user
        self.known.add((user, token))
        return token

    def user_of_token(self, request):
        """Whose token a request has; "revoked"; or None where it has none."""
        texts = [request.target] + [request.headers.get(name.lower(), "") for name in SECRET_HEADERS]
        for text in texts:
            if text.startswith("Basic "):
                text = base64.b64decode(text[6:]).decode("latin-1")
            for token in TOKEN.findall(text):
                return "revoked" if token in self.revoked else self.tokens.get(token, "revoked")
        return None

    # -- what is seen --------------------------------------------------------------------------------------------------
    def violate(self, kind, text):
        self.violations.append((kind, f"{self.step}: {text}"))

    def judge(self, user, host, page, data, plain):
        """Holds bytes that `user` was given against what may be."""
        foreign = {m for m in markers_in(data) if m.startswith("user ") and m != f"user {user}"}
        where = f"{user} on {host.name} for {page.path} ({page.size} bytes)"
        if foreign:
            self.violate("leak", f"{where} was given bytes of {', '.join(sorted(foreign))}")
        elif plain and page.kind == "guarded":
            self.violate("leak", f"{where} was given bytes that the origin refuses")
        elif plain:
            wanted = page.truth if page.kind == "public" else page.bytes_of(f"user {user}")
            if data != wanted:
                self.violate("false", f"{where} asked plainly and was given {sorted(markers_in(data)) or 'other bytes'}")

    def ask(self, user, host, page, file=None, keep=False, plain=False, exact=False, **options):
        """One job of one file to its end. Its bytes are judged; the job as it was, or None where it did not end. `plain`: it
        is to end with the origin's bytes; `exact`: with these or none."""
        self.fetched[page.path].add(user)
        with self.as_user(user):
            job_id = host.api.create([file or page.url], **{**(PATIENT if plain else QUICK), **options})["id"]
            try:
                job = host.api.wait(job_id, timeout=25)
            except TimeoutError:
                job = None
            if job and job["state"] == "transferred":
                self.judge(user, host, page, host.api.content(job_id), plain or exact)
                if keep:
                    self.held.append((user, host, page, job_id))
                else:
                    host.api.act(job_id, "complete")
            elif plain and page.kind != "guarded":
                self.violate("no bytes", f"{user} on {host.name} for {page.path}: {job and job['error']}")
            if not job or job["state"] == "transient_error":
                with contextlib.suppress(ApiError):
                    host.api.act(job_id, "cancel")
        return job

    def look_at_held(self):
        """What others have finished and not collected is theirs, whatever anybody did."""
        for user, host, page, job_id in self.held:
            with self.as_user(user):
                try:
                    data = host.api.content(job_id)
                except ApiError as error:
                    self.violate("taken", f"{user}'s finished {page.path} on {host.name}: {error}")
                    continue
            self.judge(user, host, page, data, plain=True)

    def look_at_views(self):
        for user in STRANGERS:
            for host in self.office.hosts:
                with self.as_user(user):
                    for view in ("/v1/cache?limit=1000", "/v1/jobs"):
                        self.look_for_others(user, host, view, host.api.raw("GET", view)[2].decode("latin-1"))

    def look_for_others(self, user, host, view, text):
        where = f"{view.split('?')[0]} of {host.name} tells {user}"
        for token, owner in self.tokens.items():
            if (user, token) not in self.known and token in text:
                self.violate("told", f"{where} a token of {owner}")
        for page, owner in self.private:
            digest = page.digest_of(f"user {owner}")
            if owner != user and (user, digest) not in self.known and digest in text:
                self.violate("told", f"{where} the digest of {owner}'s bytes of {page.path}")
        for page in self.pages:
            if page.path in text and user not in self.fetched[page.path]:
                self.violate("listed", f"{where} of {page.path}, which this user never named")

    def watch_events(self):
        for user in STRANGERS:
            for host in self.office.hosts:
                with self.as_user(user):
                    self.streams.append((user, host, host.api.events()))

    def look_at_events(self):
        for user, host, stream in self.streams:
            with stream:
                while event := stream.next(0.05):
                    self.look_for_others(user, host, "/v1/events", json.dumps(event))

    def has_a_part(self, page, agent_name, job):
        """Whether a job's held answer has come as far as it comes, and the first of two segments is there; or it ended."""
        if job["state"] not in ("queued", "connecting", "transferring"):
            return True
        sent = sum(entry.sent for server in (self.origin, self.tls_origin, *self.liars.values())
                   for entry in server.exchanges(page.path, "GET") if entry.request.headers.get("user-agent") == agent_name)
        return sent >= page.hold_at and job["bytes"] >= (2 * MIB if page.size > 2 * MIB else 0)

    def draw(self, kinds=("public", "guarded", "personal"), tls=None):
        pages = [p for p in self.pages if p.kind in kinds and (tls is None or p.tls == tls)]
        self.latest = self.rng.choice(pages) if pages else self.latest
        return self.latest if pages else None

    def other_than(self, user):
        return self.rng.choice([u for u in self.users if u != user])


# -- steps: each is something that `user` does on `host` -------------------------------------------------------------
ACTIONS = {}


def action(function):
    ACTIONS[function.__name__] = function
    return function


@action
def plainly(w, user, host):
    options = w.rng.choice(({}, {"use_peers": False}, {"parallel_ranges": 2}, {"priority": "foreground"}, {"offline_ok": True}))
    w.ask(user, host, w.draw(), plain=True, **options)


@action
def keeps_finished(w, user, host):
    w.ask(user, host, w.draw(("public",)), keep=True, plain=True)


@action
def secret_header(w, user, host):
    page, name, token = w.draw(("public", "guarded")), w.rng.choice(SECRET_HEADERS), w.new_token(user)
    value = {"Cookie": f"session={token}", "Authorization": f"Bearer {token}"}.get(name, token)
    w.private.append((page, user))
    w.ask(user, host, page, connect={"headers": [[name, value]]})


@action
def credentials(w, user, host):
    page = w.draw(("guarded",)) or w.draw(("public",))  # where there is a challenge, if there is
    token = w.new_token(user)
    w.private.append((page, user))
    if w.rng.random() < 0.5:
        w.ask(user, host, page, page.url.replace("://", f"://{user}:{token}@"))
    else:
        w.ask(user, host, page, connect={"user": user, "password": token})


@action
def signed_query(w, user, host):
    """A signature that the origin takes while its user asks; then somebody finds the URL, and the origin refuses it."""
    page, token = w.draw(("public", "guarded")), w.new_token(user)
    url = f"{page.url}?{w.rng.choice(SIGNED_QUERIES).format(token)}"
    w.private.append((page, user))
    w.ask(user, host, page, url)
    w.revoked.add(token)
    thief, there = w.other_than(user), w.rng.choice(w.office.hosts)
    w.known.add((thief, token))
    w.ask(thief, there, page, url, **w.rng.choice(({}, {"offline_ok": True}, _dead_proxy(w))))


@action
def language(w, user, host):
    w.ask(user, host, w.draw(("public",)), connect={"headers": [["Accept-Language", "fr"]]})


@action
def other_page(w, user, host):
    page, name = w.draw(("public",)), w.rng.choice(OTHER_PAGE_HEADERS)
    w.ask(user, host, page, connect={"headers": [[name, "/other"]]}, **w.rng.choice(({}, {"offline_ok": True})))


@action
def lying_proxy(w, user, host):
    liar, page = w.rng.choice(STRANGERS), w.draw(("public", "guarded"), tls=False)
    if page is None:
        return lying_authority(w, user, host)
    return w.ask(liar, host, page, connect={"proxy": w.liars[liar].url("")})


@action
def lying_authority(w, user, host):
    """A tunnel of the user's that answers in the origin's place, and an authority of the user's that vouches for it."""
    liar, page = w.rng.choice(STRANGERS), w.draw(tls=True)
    if page is None:
        return lying_proxy(w, user, host) if w.draw(("public", "guarded"), tls=False) else None
    w.fetched[page.path].add(liar)
    folder = w.lab.folder(f"out-{liar}")
    folder.chmod(0o777)
    out, uid = folder / f"f{len(os.listdir(folder))}", w.users[liar]
    command = host.agent.larder_command("get", "--quiet", page.url, "-o", out, "--retry-for", "0", "--proxy",
                                        w.tunnels[liar].url("").replace("https:", "http:"), "--ca-file",
                                        w.liar_authorities[liar])
    w.acting = liar
    subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd=folder, capture_output=True, timeout=30, check=False)
    if out.exists():
        w.judge(liar, host, page, out.read_bytes(), plain=False)
    return None


def _dead_proxy(w):
    return {"offline_ok": True, "connect": {"proxy": f"http://{w.address}:1"}}


@action
def dead_proxy(w, user, host):
    w.ask(user, host, w.draw(), **_dead_proxy(w))


@action
def by_digest(w, user, host):
    """The digest of what somebody fetched with a secret, with a URL that leads to it, to a lie, or nowhere."""
    if w.rng.random() < 0.3:  # of the truth: by it nothing but the truth is found, wherever the URL leads
        page, liar = w.draw(("public",)), w.rng.choice(STRANGERS)
        file = {"url": w.liars[liar].url(page.path), "sha256": page.digest_of(None)}
        return w.ask(user, host, page, file, exact=True)
    if not w.private:
        return secret_header(w, user, host)
    page, owner = w.rng.choice(w.private)
    thief = w.other_than(owner)
    digest = page.digest_of(f"user {owner}")
    w.known.add((thief, digest))
    url = w.rng.choice((page.url, f"http://{w.address}:1/x", w.liars[w.rng.choice(STRANGERS)].url(page.path)))
    w.latest = page
    return w.ask(thief, host, page, {"url": url, "sha256": digest}, **w.rng.choice(({}, {"offline_ok": True})))


def _held(w, page):
    """A User-Agent whose answers stop before their end, and what lets them go on."""
    name, released = f"held{w.rng.randrange(10**9)}", threading.Event()
    page.holds[name] = released
    return name, released


def _retarget(w, user, host, page, first, second):
    """Begins at one URL, is suspended with a part of it, and goes on at another; now and then with the truth's digest."""
    name, released = _held(w, page)
    proven = w.rng.random() < 0.3
    file = {"url": first, **({"sha256": page.digest_of(None)} if proven else {})}
    w.fetched[page.path].add(user)
    with w.as_user(user):
        job_id = host.api.create([file], connect={"headers": [["User-Agent", name]]}, **QUICK)["id"]
        with contextlib.suppress(TimeoutError, ApiError):
            wait_until(lambda: w.has_a_part(page, name, host.api.job(job_id, files=False)), 5, "a part")
            host.api.act(job_id, "suspend")
            page.holds.pop(name)
            released.set()
            host.api.retarget(job_id, 0, second)
            host.api.act(job_id, "resume")
            if host.api.wait(job_id, timeout=15)["state"] == "transferred":
                w.judge(user, host, page, host.api.content(job_id), plain=proven)
                host.api.act(job_id, "complete")
                return
        released.set()
        with contextlib.suppress(ApiError):
            host.api.act(job_id, "cancel")


@action
def beside_a_running_job(w, user, host):
    """Somebody asks plainly while another's job of that page runs, by a lying proxy or with a secret."""
    page, one = w.draw(("public",), tls=False), w.rng.choice(STRANGERS)
    if page is None:
        return plainly(w, user, host)
    name, released = _held(w, page)
    connect = {"headers": [["User-Agent", name]]}
    if w.rng.random() < 0.5:
        connect["proxy"] = w.liars[one].url("")
    else:
        connect["headers"].append([w.rng.choice(SECRET_HEADERS[:6]), w.new_token(one)])
        w.private.append((page, one))
    w.fetched[page.path].add(one)
    with w.as_user(one):
        job_id = host.api.create([page.url], connect=connect, **QUICK)["id"]
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: w.has_a_part(page, name, host.api.job(job_id, files=False)), 5, "a part")
    w.ask(w.other_than(one), w.rng.choice(w.office.hosts), page, plain=True)
    released.set()
    with w.as_user(one), contextlib.suppress(TimeoutError):
        if host.api.wait(job_id, timeout=15)["state"] == "transferred":
            w.judge(one, host, page, host.api.content(job_id), plain=False)
            host.api.act(job_id, "complete")
    return None


@action
def retarget_to_the_origin(w, user, host):
    liar, page = w.rng.choice(STRANGERS), w.draw(("public",))
    _retarget(w, liar, host, page, w.liars[liar].url(page.path), page.url)


@action
def retarget_to_a_liar(w, user, host):
    """A page that nobody has fetched: what is in the cache already is not begun."""
    liar, page = w.rng.choice(STRANGERS), w.add_page("public")
    _retarget(w, liar, host, page, page.url, w.liars[liar].url(page.path))


@action
def not_valid(w, user, host):
    """The user's own application says that the content is not valid, as often as it is asked."""
    held = [entry for entry in w.held if entry[0] != user]
    if held:
        _, host, page, _ = w.rng.choice(held)
    else:
        page = w.draw(("public",))
    w.fetched[page.path].add(user)
    with w.as_user(user):
        job_id = host.api.create([page.url], verdict={"app": True}, **QUICK)["id"]
        for _ in range(4):
            try:
                job = host.api.wait(job_id, ("validating", "error", "transferred", "transient_error"), timeout=15)
            except TimeoutError:
                break
            if job["state"] != "validating":
                break
            with contextlib.suppress(ApiError):  # the state may just have passed
                host.api.verdict(job_id, 0, False, "does not please")
        with contextlib.suppress(ApiError):
            host.api.act(job_id, "cancel")


@action
def cancels(w, user, host):
    """Beside somebody's finished or running job of the same page."""
    page = w.rng.choice(w.held)[2] if w.held else w.draw(("public",))
    w.fetched[page.path].add(user)
    with w.as_user(user):
        job_id = host.api.create([page.url], **QUICK)["id"]
        if w.rng.random() < 0.5:
            with contextlib.suppress(TimeoutError):
                host.api.wait(job_id, timeout=10)
        host.api.act(job_id, "cancel")


@action
def origin_away(w, user, host):
    """The newest edition will do: it is the origin's, or there is none."""
    page = w.draw()
    server = w.tls_origin if page.tls else w.origin
    server.down()
    try:
        job = w.ask(user, host, page, exact=True, offline_ok=True)
        expect(job is not None, "a job with --offline-ok did not end while the origin was away")
    finally:
        server.up()


# -- the run ---------------------------------------------------------------------------------------------------------
def sharing_works(w):
    """What is public is still shared: by users of a host, and by hosts. Else nothing here would prove anything. A neighbour that
    answers late on a busy machine is overtaken by the origin, so there are three tries of that."""
    first, second = w.office.hosts
    for last in (False, False, True):
        page = w.add_page("public")
        page.varies = False
        for user, host, source in (("anna", first, "origin"), ("bert", first, "cache"), ("root", second, "peers")):
            job = w.ask(user, host, page, plain=True)
            expect(job is not None and job["state"] == "transferred", f"the control did not end: {job and job['error']}")
            if source == "peers" and job["figures"]["peers"] != page.size and not last:
                break
            expect_equal(job["figures"][source], page.size, f"bytes from {source} ({page.size} bytes, {job['figures']})")
        else:
            return


def run(seed, lab):
    if os.geteuid() != 0:
        raise Skip("needs root to act as several users")
    pathlib.Path(lab.directory).chmod(0o755)
    with Office(lab, hosts=2, start=False, origin={"ca_file": str(lab.directory / "tls" / "origin.pem")}) as office:
        w = World(seed, lab, office)
        for host in office.hosts:
            host.agent.start()
        office.make_group()
        w.watch_events()
        sharing_works(w)
        names = list(ACTIONS)
        for number in range(STEPS):
            name, user, host = w.rng.choice(names), w.rng.choice(list(w.users)), w.rng.choice(office.hosts)
            w.step = f"step {number + 1} ({user} {name} on {host.name})"
            ACTIONS[name](w, user, host)
            w.look_at_held()
            witness = w.rng.choice(list(w.users))
            w.step += ", then"
            page = w.latest if w.rng.random() < 0.7 else w.draw()  # what the step was about, for the most part
            w.ask(witness, w.rng.choice(office.hosts), page, plain=True)
            w.look_at_views()
        w.step = "the end"
        for page in w.pages:
            for host in office.hosts:
                w.ask(w.rng.choice(list(w.users)), host, page, plain=True)
        w.look_at_held()
        w.look_at_events()
        if w.violations:
            counts = collections.Counter(kind for kind, _ in w.violations)
            told = "; ".join(f"{n} × {kind}" for kind, n in sorted(counts.items()))
            shown = dict((kind, text) for kind, text in reversed(w.violations))  # the first of each kind
            raise AssertionError(f"{told}. " + " / ".join(f"{kind}: {text}" for kind, text in sorted(shown.items())))
        return office.form
