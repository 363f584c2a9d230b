"""What people bring along from curl and aria2: international names, the last bytes of a file, names that the origin gives,
.netrc, the authorities of the environment, mirrors. Where curl has the same option, the system's curl does it beside.

CASES is the table: name -> function(case). What acts as another user needs root and is skipped elsewhere.
"""

import base64
import hashlib
import json
import os
import random
import subprocess
import threading

from command import Home, need_other_users
from faults import make_certificate
from larder_lab import MIB, Answer, Edition, EditionResource, Nginx, Skip, expect, expect_equal, http_date, named, nobody, seeded_bytes

CASES = {}
CURL = "/usr/bin/curl"


def case(function):
    CASES[function.__name__] = function
    return function


class Case:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"comfort {seed}")
        self.lab, self.origin = lab, lab.origin
        self._agent = None
        self.out = lab.folder("out")
        self.bin_dir = lab.bin_dir

    @property
    def agent(self):
        if self._agent is None:
            self._agent = self.lab.agent(api={"socket_mode": "0666"})
        return self._agent

    def bytes(self, name, size=None):
        return seeded_bytes((self.rng.random(), name), self.rng.randrange(1000, 9000) if size is None else size)

    def serve(self, name="f", size=None, origin=None, data=None, **options):
        data = self.bytes(name, size) if data is None else data
        edition = Edition(data, f'"{name}-{len(data)}"', http_date(1_700_000_000))
        return data, (origin or self.origin).serve("/" + name, EditionResource([edition], **options))

    def get(self, *words, status=0, environment=None, **options):
        done = self.agent.larder("get", *words, env={**os.environ, **(environment or {})}, **options)
        expect_equal(done.returncode, status, f"larder get {' '.join(map(str, words))} ({done.stderr[-400:]})")
        return done

    def curl(self, *words, **options):
        if not os.path.exists(CURL):
            raise Skip("there is no /usr/bin/curl to compare with")
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "no_proxy": "*", **options.pop("environment", {})}
        return subprocess.run([CURL, "-sS", *map(str, words)], capture_output=True, timeout=60, check=False, env=environment,
                              **options)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# -- names -----------------------------------------------------------------------------------------------------------
@case
def international_names(c):
    """One host in every spelling is one host: to the origin, to the cache, to the list of records, in a redirect."""
    data, url = c.serve("f", 300_000)
    port = c.origin.port
    plain = f"http://xn--bcher-kva.localhost:{port}/f"
    for number, host in enumerate(("bücher.localhost", "BÜCHER.Localhost", "bu\u0308cher.localhost", "b%C3%BCcher.localhost",
                                   "xn--bcher-kva.localhost", "ｂücher．localhost")):
        c.get(f"http://{host}:{port}/f", "-o", c.out / f"f{number}")
        expect((c.out / f"f{number}").read_bytes() == data, f"{host}: other bytes")
    hosts = {e.request.headers["host"] for e in c.origin.exchanges("/f")}
    expect_equal(hosts, {f"xn--bcher-kva.localhost:{port}"}, "Host of the requests")
    expect_equal(len([e for e in c.origin.exchanges("/f", "GET") if e.sent > 1]), 1, "how often the file was fetched")
    done = c.curl(f"http://bücher.localhost:{port}/f")
    expect(done.stdout == data, f"curl does not get it: {done.stderr}")
    records = [v["url"] for r in c.agent.api.cache() for v in r["versions"]]
    expect_equal(records, [plain], "URLs of the records")
    for number, location in enumerate((f"http://bücher.localhost:{port}/f", f"//b%C3%BCcher.localhost:{port}/f")):
        # What a header holds is bytes: UTF-8 here, as browsers and curl take it.
        raw = location.encode().decode("latin-1")
        asked = c.origin.serve(f"/r{number}", lambda request, raw=raw: Answer(302, [("Location", raw)]))
        c.get(asked.replace("127.0.0.1", "localhost"), "-o", c.out / f"r{number}", "--redirect-loopback")
        expect((c.out / f"r{number}").read_bytes() == data, f"{location}: other bytes behind the redirect")
    before = len(c.origin.exchanges())
    for host in ("ä／b", "a\u2100b.localhost", "ä..localhost", "ä" * 70, "\u00ad"):
        done = c.get(f"http://{host}:{port}/f", "-o", c.out / "none", status=3)
        expect("cannot use the URL" in done.stderr, f"{host}: {done.stderr}")
    c.get(f"http://１２７.０.０.１:{port}/f", "-o", c.out / "wide")
    expect_equal({e.request.headers["host"] for e in c.origin.exchanges()[before:]}, {f"127.0.0.1:{port}"}, "Host of digits")


@case
def names_given_by_the_origin(c):
    """-J: the name of Content-Disposition, bounded, without a path, never over what is there; else the URL's."""
    table = [  # field, name, whether curl of Debian 12 makes the same of it
        ('attachment; filename="plain.bin"', "plain.bin", True),
        ("attachment; filename=token.bin", "token.bin", True),
        ('attachment; filename="with blank.bin"', "with blank.bin", True),
        ("attachment; filename*=UTF-8''na%C3%AFve.bin; filename=\"x.bin\"", "naïve.bin", False),
        ('attachment; filename="../../up.bin"', "up.bin", True),
        ('attachment; filename="/etc/absolute.bin"', "absolute.bin", True),
        ("attachment; filename*=UTF-8''..%2F..%2Fcoded.bin", "coded.bin", False),
        ('attachment; filename=".hidden"', "hidden", False),
        ('attachment; filename="-rf"', "rf", False),
        ("attachment; filename*=UTF-8''a%0Ab%1B.bin", "a_b_.bin", False),
        ('attachment; filename=".."', None, False),
        ("attachment", None, False),
        (None, None, False),
        ("attachment; filename=" + "x" * 400, "x" * 223, False),
    ]
    for number, (field, name, as_curl) in enumerate(table):
        data = c.bytes(f"n{number}")
        extra = [("Content-Disposition", field)] if field else []
        _, url = c.serve(f"n{number}", data=data, extra=extra)
        folder = c.lab.folder(f"d{number}")
        done = c.get(url, "-J", "-d", folder, "--json")
        wanted = name or f"n{number}"
        expect_equal(os.listdir(folder), [wanted], f"files after {field}")
        expect((folder / wanted).read_bytes() == data, f"{field}: other bytes")
        told = json.loads(done.stdout)["files"][0]
        expect_equal(told["written"], str(folder / wanted), "what is told")
        if as_curl:
            beside = c.lab.folder(f"c{number}")
            c.curl("-OJ", url, cwd=beside)
            expect_equal(os.listdir(beside), [wanted], f"files that curl makes of {field}")
        # Out of the cache too: the origin is asked for the edition, and names it.
        again = c.lab.folder(f"e{number}")
        c.get(url, "-J", "-d", again)
        expect_equal(os.listdir(again), [wanted], f"files after {field}, from the cache")
    expect(not (c.lab.directory / "up.bin").exists(), "a file above the directory")


@case
def names_that_are_taken(c):
    """-J replaces nothing that is there unless told, tells so before the bytes come, and leaves no job."""
    data, url = c.serve("big", 40 * MIB, rate=8 * MIB, extra=[("Content-Disposition", "attachment; filename=taken.bin")])
    (c.out / "taken.bin").write_bytes(b"mine")
    (c.out / "away").symlink_to(c.out / "taken.bin")
    done = c.get(url, "-J", "-d", c.out, status=8)
    expect("taken.bin" in done.stderr and "--overwrite" in done.stderr, f"what to do is not told: {done.stderr}")
    expect_equal((c.out / "taken.bin").read_bytes(), b"mine", "what was there")
    expect(c.origin.sent("/big") < len(data) / 2, f"{c.origin.sent('/big')} bytes were fetched for nothing")
    left = [j for j in c.agent.api.jobs("?all=1") if j["state"] not in ("acknowledged", "cancelled")]
    expect_equal(left, [], "jobs that are left")
    small, url = c.serve("small", extra=[("Content-Disposition", "attachment; filename=away")])
    c.get(url, "-J", "-d", c.out, status=8)
    expect((c.out / "away").is_symlink(), "a link was replaced")
    c.get(url, "-J", "-d", c.out, "--overwrite")
    expect_equal((c.out / "taken.bin").read_bytes(), small, "what the link leads to, after --overwrite")
    expect_equal([n for n in os.listdir(c.out) if n.startswith(".")], [], "hidden files that are left")
    # Several files of one name in one job, of one URL segment too.
    both = [c.serve(f"q/get{i}", extra=[("Content-Disposition", "attachment; filename=same")]) for i in (1, 2)]
    folder = c.lab.folder("same")
    c.get(*(url for _, url in both), "-J", "-d", folder)
    expect_equal(sorted(os.listdir(folder)), ["same", "same.1"], "two files of one name")
    expect_equal({(folder / n).read_bytes() for n in ("same", "same.1")}, {data for data, _ in both}, "their bytes")
    c.get(both[0][1], "-J", "-o", c.out / "x", status=2)


# -- ranges ----------------------------------------------------------------------------------------------------------
@case
def the_last_bytes(c):
    """--range -N as RFC 9110, nginx and curl have it: the last N, all of a file that has fewer, nothing of an empty one."""
    root = c.lab.folder("root")
    nginx = c.lab.server(Nginx(c.lab.directory / "nginx", root=root))
    for size in (9000, 101, 100, 99, 1, 0):
        data = c.bytes(f"s{size}", size)
        (root / f"s{size}").write_bytes(data)
        url = nginx.url(f"/s{size}")
        c.get(url, "--range", "-100", "-o", c.out / f"s{size}")
        expect_equal((c.out / f"s{size}").read_bytes(), data[-100:], f"the last 100 of {size}")
        if size > 0:
            expect_equal(c.curl("-r", "-100", url).stdout, data[-100:], f"curl's last 100 of {size}")
        c.get(url, "-o", c.out / "whole")  # from what is in the cache as well
        c.get(url, "--range=-100", "-o", c.out / f"s{size}")
        expect_equal((c.out / f"s{size}").read_bytes(), data[-100:], f"the last 100 of {size}, from the cache")
    data, url = c.serve("both", 9000)
    c.get(url, "--range", "0-9,-10", "-o", c.out / "both")
    expect_equal((c.out / "both").read_bytes(), data[:10] + data[-10:], "both ends")
    job = c.agent.api.create([{"url": url, "ranges": [[None, 5], [0, 2]]}])
    expect_equal(c.agent.api.wait(job["id"])["state"], "transferred", "state of a job for the last bytes")
    expect_equal(c.agent.api.content(job["id"]), data[-5:] + data[:2], "what a job for the last bytes has")
    expect_equal(c.agent.api.job(job["id"])["files"][0]["ranges"], [[None, 5], [0, 2]], "its ranges")
    for bad in ("-0", "--5", "-", "-5,-6", "5-,-6"):
        c.get(url, f"--range={bad}", "-o", c.out / "none", status=2)
    c.get(url, "--range", "0-8995,-10", "-o", c.out / "none", status=2)
    data, url = c.serve("unsaid", 9000, send_length=False, ranges=False)
    done = c.get(url, "--range", "-10", "-o", c.out / "none", "--retry-for", "0", status=33)
    expect("size" in done.stderr, f"the cause is not told: {done.stderr}")


# -- credentials and trust ---------------------------------------------------------------------------------------------
def closed(edition, user, password):
    def answer(request):
        if request.headers.get("authorization") != basic(user, password):
            return Answer(401, [("WWW-Authenticate", 'Basic realm="x"')], b"no\n")
        return EditionResource([edition])(request)
    return answer


@case
def passwords_of_netrc(c):
    """--netrc as curl reads it: to the host of the URL alone, private to the job, in no output and no log."""
    secret = "pa ss:w/@rd"
    edition = Edition(c.bytes("closed"), '"c"', http_date(1_700_000_000))
    url = c.origin.serve("/closed", closed(edition, "me", secret))
    other = c.lab.new_origin(address="127.0.0.2")
    other.serve("/there", EditionResource([edition]))
    away = c.origin.serve("/away", lambda request: Answer(302, [("Location", other.url("/there"))]))
    home = c.lab.folder("home")
    netrc = home / ".netrc"
    netrc.write_text(f'# machine 127.0.0.1 login not password this\nmacdef x\nmachine 127.0.0.1 login a password b\n\n'
                     f'machine example.org login a password b\nmachine 127.0.0.1\n login me\n password "{secret}"\n'
                     "machine 127.0.0.1 login second password two\ndefault login stranger password visible\n")
    netrc.chmod(0o600)
    environment = {"HOME": str(home)}
    c.get(url, "-o", c.out / "none", "--retry-for", "0", status=27)
    done = c.get(url, "--netrc", "-o", c.out / "f", environment=environment)
    expect((c.out / "f").read_bytes() == edition.data, "other bytes")
    expect("chmod" not in done.stderr, f"a warning of a file that is private: {done.stderr}")
    curl = c.curl("--netrc", url, environment=environment)
    expect(curl.stdout == edition.data, f"curl does not get it: {curl.stderr}")
    # The cache gives it to nobody who does not know the password.
    c.get(url, "-o", c.out / "none", "--retry-for", "0", status=27)
    # A redirect to another host gets nothing, though the file has a default for it.
    c.get(away, "--netrc", "-o", c.out / "g", environment=environment)
    told = [e.request.headers.get("authorization") for e in other.exchanges("/there")]
    expect_equal(set(told), {None}, "what the other host was told")
    # An entry for the user that the URL names; a password in the URL counts for itself.
    c.origin.serve("/second", closed(edition, "second", "two"))
    c.get(c.origin.url("/second", "second@127.0.0.1"), "--netrc-file", netrc, "-o", c.out / "h")
    c.get(c.origin.url("/closed", "me:pa%20ss%3Aw%2F%40rd@127.0.0.1"), "--netrc-file", netrc, "-o", c.out / "i")
    # What others may read is told; what is not there is no error for --netrc, and one for --netrc-file.
    netrc.chmod(0o644)
    done = c.get(url, "--netrc", "-o", c.out / "f", environment=environment)
    expect("chmod 600" in done.stderr, f"no warning: {done.stderr}")
    data, free = c.serve("free")
    c.get(free, "--netrc", "-o", c.out / "free", environment={"HOME": str(c.lab.folder("empty"))})
    c.get(free, "--netrc-file", c.out / "missing", "-o", c.out / "free", status=5)
    c.get(free, "--netrc", "--user-file", netrc, "-o", c.out / "free", environment=environment, status=2)
    # Nowhere to be seen.
    job = c.agent.larder("job", "create", url, "--netrc-file", netrc, "--json", check=True)
    shown = c.agent.larder("job", "show", json.loads(job.stdout)["id"], "--json", check=True).stdout + job.stdout
    done = c.get(url, "--netrc-file", netrc, "-o", c.out / "f", "--json")
    for what, text in (("job", shown), ("output", done.stdout + done.stderr), ("log", c.agent.log_tail(10**8))):
        for part in (secret, "pa%20ss", basic("me", secret)):
            expect(part not in text, f"the password is in the {what}")


@case
def authorities_of_the_environment(c):
    """A user's own agent trusts what SSL_CERT_FILE, SSL_CERT_DIR or CURL_CA_BUNDLE named when it was started; what another
    environment names later goes with the job alone. The agent of somebody else reads none of them."""
    need_other_users(c)
    folder = c.lab.folder("tls")
    pair = make_certificate(folder, "own")
    other = make_certificate(folder, "other")
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    origin = c.lab.new_origin(tls=pair)
    data, url = c.serve("f", 300_000, origin=origin)
    hashed = c.lab.folder("hashed")
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", pair[0]], capture_output=True, text=True, check=True)
    (hashed / (name.stdout.strip() + ".0")).symlink_to(pair[0])
    variables = {"CURL_CA_BUNDLE": str(pair[0]), "SSL_CERT_FILE": str(pair[0]), "SSL_CERT_DIR": str(hashed)}
    for number, (variable, value) in enumerate(variables.items()):
        curl = c.curl(url, environment={variable: value})
        expect(curl.stdout == data, f"curl with {variable}: {curl.stderr}")
        home = Home(c, f"home{number}", nobody())
        try:
            def get(*words, home=home, **environment):
                done = home.larder("get", url, "-o", c.out / f"f{number}", "--json", "--retry-for", "0", *words, **environment)
                return done, json.loads(done.stdout)["files"][0] if done.returncode == 0 else {}
            done, told = get(**{variable: value})
            expect_equal(done.returncode, 0, f"with {variable} ({done.stderr})")
            expect((c.out / f"f{number}").read_bytes() == data, f"{variable}: other bytes")
            reasons = (told["not_shared"] or {}).get("reason")
            expect(reasons in (None, "loopback_answer"), f"{variable}: the agent's own trust is private: {told['not_shared']}")
            # Of another environment: with the job, and said so.
            done, told = get("--no-cache", **{variable: str(other[0])})
            expect(done.returncode != 0, f"{variable}: authorities that did not sign were good enough")
            # Without a variable the agent's trust holds; one that is not there is an error in words.
            done, told = get()
            expect_equal(done.returncode, 0, f"the agent's own trust, without {variable} ({done.stderr})")
            done, _ = get(**{variable: "/nonexistent/ca"})
            expect(done.returncode == 5 and variable in done.stderr, f"a missing file: {done.returncode} {done.stderr}")
        finally:
            home.end()
    # An agent that was started without: the job brings them, and is private.
    home = Home(c, "late", nobody())
    try:
        home.process()
        done = home.larder("get", url, "-o", c.out / "late", "--json", SSL_CERT_FILE=str(pair[0]))
        expect_equal(done.returncode, 0, f"an agent that was started without ({done.stderr})")
        expect("SSL_CERT_FILE" in done.stderr, f"it is not said: {done.stderr}")
        told = json.loads(done.stdout)["files"][0]
        expect_equal((told["not_shared"] or {}).get("reason"), "callers_authorities", "why it is private")
    finally:
        home.end()
    # Another's agent, with the variable in its own environment as well.
    system = c.lab.new_agent("system", environment={"SSL_CERT_FILE": str(pair[0])}).start()
    done = system.larder("get", url, "-o", c.out / "none", "--retry-for", "0", env={**os.environ, "SSL_CERT_FILE": str(pair[0])})
    expect(done.returncode != 0 and "--ca-file" in done.stderr, f"{done.returncode}: {done.stderr}")
    expect_equal(system.api.status()["authorities"], {"source": "system", "fingerprint": None}, "its trust")


# -- mirrors ---------------------------------------------------------------------------------------------------------
def sha(data):
    return hashlib.sha256(data).hexdigest()


def told_file(done):
    return json.loads(done.stdout)["files"][0]


@case
def mirrors_take_over(c):
    """The next mirror is asked at once when one is refused, says no, has other bytes, breaks or stalls; the digest decides."""
    data = c.bytes("m", 6 * MIB)
    second = c.lab.new_origin(address="127.0.0.2")
    third = c.lab.new_origin(address="127.0.0.3")
    closed_port = c.lab.new_origin(address="127.0.0.4")
    refused = closed_port.url("/gone")
    closed_port.close()
    _, good = c.serve("good", data=data, origin=second)
    _, also = c.serve("also", data=data, origin=third)
    missing = c.origin.url("/missing")
    _, wrong = c.serve("wrong", data=c.bytes("w", len(data)))
    _, longer = c.serve("longer", data=data + b"more")
    page = c.origin.serve("/page", lambda request: Answer(200, [("Content-Type", "text/html")], b"<html>sorry</html>"))
    broken = c.origin.serve("/broken", lambda request: Answer(500, [], b"oops"))
    for number, first in enumerate((refused, missing, broken, wrong, longer, page)):
        done = c.get(first, "--mirror", good, "--sha256", sha(data), "-o", c.out / f"f{number}", "--json", "--no-cache",
                     timeout=60)
        expect((c.out / f"f{number}").read_bytes() == data, f"{first}: other bytes")
        told = told_file(done)
        expect_equal((told["mirror"], told["mirrors"]), (1, [good]), f"{first}: which mirror served")
    # Two that fail before one that serves; what serves first is asked alone.
    done = c.get(refused, "--mirror", missing, "--mirror", good, "--sha256", sha(data), "-o", c.out / "two", "--json", "--no-cache")
    expect_equal(told_file(done)["mirror"], 2, "which of three")
    before = len(third.exchanges())
    done = c.get(good, "--mirror", also, "--sha256", sha(data), "-o", c.out / "first", "--json", "--no-cache")
    expect_equal((told_file(done)["mirror"], len(third.exchanges())), (0, before), "a mirror that is not needed")
    # None has it: the digest's word, or the error of the last.
    done = c.get(wrong, "--mirror", longer, "--sha256", sha(data), "-o", c.out / "none", "--no-cache", "--retry-for", "0", status=40)
    done = c.get(missing, "--mirror", c.origin.url("/neither"), "--sha256", sha(data), "-o", c.out / "none", "--no-cache", status=30)
    expect("2 URLs" in done.stderr, f"that all have failed is not told: {done.stderr}")
    # Without a digest it is an error that says why, in the API as well.
    done = c.get(good, "--mirror", also, "-o", c.out / "none", status=2)
    expect("--sha256" in done.stderr, f"why is not told: {done.stderr}")
    try:
        c.agent.api.create([{"url": good, "mirrors": [also]}])
        raise AssertionError("mirrors without a digest were taken")
    except Exception as error:  # pylint: disable=broad-except
        expect("SHA-256" in str(error), f"why is not told: {error}")


@case
def mirrors_go_on(c):
    """In the middle of a file: the next goes on where one broke or stalled, and begins anew where that was another edition."""
    data = c.bytes("m", 12 * MIB)
    never = threading.Event()
    second = c.lab.new_origin(address="127.0.0.2")
    for name, fault in (("breaks", {"cut": 7 * MIB}), ("stalls", {"hold_at": 7 * MIB, "released": never})):
        def answer(request, name=name, fault=fault):
            made = EditionResource([Edition(data, f'"{name}"', http_date(1_700_000_000))])(request)
            if request.method == "GET":
                if request.range and request.range[0] > 0:
                    return Answer(503, [], b"")
                for member, value in fault.items():
                    setattr(made, member, value)
            return made
        first = c.origin.serve("/" + name, answer)
        _, good = c.serve("good-" + name, data=data, origin=second)
        done = c.get(first, "--mirror", good, "--sha256", sha(data), "-o", c.out / name, "--json", timeout=100)
        expect((c.out / name).read_bytes() == data, f"{name}: other bytes")
        told = told_file(done)
        expect_equal(told["mirror"], 1, f"{name}: which mirror served")
        sent = second.sent("/good-" + name)
        expect(sent < len(data), f"{name}: the second sent {sent} of {len(data)} bytes although a part was there")
        expect_equal((told["not_shared"] or {}).get("reason"), "two_urls", f"{name}: bytes of two URLs")
    never.set()
    # The first has another edition of the same size and breaks: together they are neither.
    old = c.bytes("old", len(data))

    def outdated(request):
        made = EditionResource([Edition(old, '"old"', http_date(1_600_000_000))])(request)
        if request.method == "GET":
            if request.range and request.range[0] > 0:
                return Answer(503, [], b"")
            made.cut = 7 * MIB
        return made
    first = c.origin.serve("/outdated", outdated)
    _, good = c.serve("current", data=data, origin=second)
    done = c.get(first, "--mirror", good, "--sha256", sha(data), "-o", c.out / "outdated", "--json", timeout=100)
    expect((c.out / "outdated").read_bytes() == data, "an outdated mirror: other bytes")
    expect_equal(told_file(done)["mirror"], 1, "an outdated mirror: which served")


@case
def mirrors_survive_and_keep_apart(c):
    """After kill -9 the job knows its mirrors and their passwords; the caller's credentials go to no mirror of another site."""
    data = c.bytes("m", 8 * MIB)
    edition = Edition(data, '"m"', http_date(1_700_000_000))
    second = c.lab.new_origin(address="127.0.0.2")
    second.serve("/m", closed(edition, "mirror", "own"))
    c.origin.serve("/slow", EditionResource([edition], rate=2 * MIB))
    mirror = second.url("/m", "mirror:own@127.0.0.2")
    job = c.agent.api.create([{"url": c.origin.url("/slow"), "sha256": sha(data), "mirrors": [mirror]}],
                             connect={"user": "me", "password": "first", "headers": [["X-Token", "t"]]}, retry_delay_s=0.1)
    c.origin.wait_sent(3 * MIB, "/slow")
    c.agent.kill()
    c.origin.close()
    c.agent.start()
    done = c.agent.api.wait(job["id"])
    expect_equal(done["state"], "transferred", f"state after kill -9 without the first URL ({done['error']})")
    file = c.agent.api.job(job["id"])["files"][0]
    expect_equal((file["mirror"], file["mirrors"]), (1, [second.url("/m")]), "which served, without its password")
    expect_equal(c.agent.api.content_sha256(job["id"]), sha(data), "content")
    told = {(e.request.headers.get("authorization"), e.request.headers.get("x-token")) for e in second.exchanges("/m")}
    expect(told <= {(None, None), (basic("mirror", "own"), None)}, f"what the mirror was told: {told}")


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    for variable in ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):  # those of the machine that the tests run on
        os.environ.pop(variable, None)
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
