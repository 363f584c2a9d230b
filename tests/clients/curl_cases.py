#!/usr/bin/env python3
"""Replays the plain downloads of curl's own test suite: what curl gets, `larder get` gets, or refuses for a reason that is told.

    curl_cases.py --curl-tests curl/tests --bin-dir build/release/bin               all, held against curl_cases.json
    curl_cases.py --curl-tests curl/tests --bin-dir build/release/bin --only 36     one, with the words of both programs
    curl_cases.py … --write FILE                                                    what was seen, as such a table

The copy of curl's folder `tests` is handed over, by the option or by LARDER_CURL_TESTS; without one the test is skipped (77).
The table names the version that it was made with. Each case is sent by curl_server.py, to the system's curl with the case's
own options, and twice to larder: what comes from a first request, and what comes when something of it is in the cache. All
this runs in a network namespace in which there is loopback and nothing else, since cases name hosts of the internet. Where no
namespace can be made it is skipped too.

Beside each case's own options curl gets --fail and --location: `larder get` never takes an error page for the file, and follows
redirects without being told.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from curl_selection import LeftOut, request_of  # noqa: E402
from curl_server import CurlServer  # noqa: E402
from curl_suite import CurlSuite  # noqa: E402
from lab_servers import find_program  # noqa: E402
from larder_lab import Lab, bin_dir_argument  # noqa: E402

CURL = "/usr/bin/curl"
TABLE = HERE / "curl_cases.json"
KINDS = ["right", "both fail", "taken", "refused", "other bytes"]
INSIDE = "LARDER_CURL_CASES_INSIDE"  # set for the process in the namespace
CURL_TIME_S = 10
STALL = "5s"
PATIENCE = "5s"  # where the case has curl retry
# What curl's harness knows of a build and curl itself does not tell.
ALWAYS = {"proxy", "crypto", "digest", "cookies", "http", "https", "Mime", "headers-api", "netrc", "HTTP-auth", "verbose-strings",
          "large-time", "large-size", "local-http", "codeset-utf8", "OpenSSL", "manual"}


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


def enter_namespace():
    """This program again, where no packet can leave and names are those of two lines: a resolver of the machine may be asked
    over a socket that no network namespace holds back."""
    unshare, ip = find_program("unshare"), find_program("ip")
    if not unshare or not ip:
        skip("there is no unshare or ip (apt install util-linux iproute2)")
    own = [unshare, "--net", "--mount", *(["--map-root-user"] if os.getuid() else []), "/bin/sh", "-c"]
    folder = tempfile.mkdtemp(prefix="larder-names-")
    files = {"hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
             "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n"}
    steps = [f"{ip} link set lo up"]
    for name, text in files.items():
        pathlib.Path(folder, name).write_text(text)
        steps.append(f"mount --bind {folder}/{name} /etc/{name}")
    try:
        if subprocess.run([*own, " && ".join(steps)], capture_output=True, check=False).returncode != 0:
            shutil.rmtree(folder)
            skip("no namespaces of network and mounts can be made here")
    except OSError as error:
        shutil.rmtree(folder)
        skip(f"no namespaces can be made here: {error}")
    os.environ[INSIDE] = "1"
    os.execv(own[0], [*own, " && ".join([*steps, f"rm -r {folder}", 'exec "$@"']), "sh", sys.executable, *sys.argv])


def features_of_curl():
    told = subprocess.run([CURL, "--version"], capture_output=True, text=True, check=True).stdout
    named = re.findall(r"^(?:Features|Protocols): (.*)$", told, re.MULTILINE)
    return told.splitlines()[0].split()[1], ALWAYS | set(" ".join(named).split())


class Certificates:
    """Made of the copy's certs/*.prm as its genserv.pl makes them, when they are first asked for."""

    def __init__(self, source, folder):
        self.source, self.folder = source, folder / "certs"
        self.folder.mkdir()
        self._run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "test-ca.key")
        self._run("req", "-config", source / "test-ca.prm", "-new", "-key", "test-ca.key", "-out", "test-ca.csr")
        self._run("x509", "-sha256", "-extfile", source / "test-ca.prm", "-days", "60", "-req", "-signkey", "test-ca.key", "-in",
                  "test-ca.csr", "-out", "test-ca.crt")
        shutil.copyfile(self.folder / "test-ca.crt", self.folder / "test-ca.cacert")

    def _run(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)

    def pair(self, name):
        name = name.removesuffix(".pem")
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        if not certificate.exists():
            self._run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", key)
            self._run("req", "-config", self.source / f"{name}.prm", "-new", "-key", key, "-out", f"{name}.csr")
            self._run("x509", "-sha256", "-extfile", self.source / f"{name}.prm", "-days", "60", "-req", "-CA", "test-ca.crt",
                      "-CAkey", "test-ca.key", "-CAcreateserial", "-in", f"{name}.csr", "-out", certificate)
        return certificate, key


class Seen:
    """What a program did with one URL: its exit status, bytes (None where it failed) and words."""

    def __init__(self, status, data, words):
        self.status, self.data, self.words = status, data if status == 0 else None, words.strip()

    def __str__(self):
        return f"{len(self.data)} bytes" if self.data is not None else f"exit status {self.status}: {self.words}"


class Replay:
    def __init__(self, lab, suite_folder):
        self.version, features = features_of_curl()
        self.folder = lab.folder("cases")
        source = pathlib.Path(suite_folder).resolve() / "certs"
        self.certificates = Certificates(source, self.folder) if (source / "test-ca.prm").exists() else None
        self.suite = CurlSuite(suite_folder, features, self.folder)
        self.numbers = self.suite.numbers()
        trusted = {"ca_file": str(self.certificates.folder / "test-ca.crt")} if self.certificates else {}
        self.agent = lab.agent(origin={"stall_timeout": STALL, "connect_timeout": "3s", **trusted}, peer={"enabled": False})

    def variables(self, ports, number):
        log = self.folder / str(number)
        log.mkdir(exist_ok=True)
        closed = {name: "9" for name in ("FTPPORT", "FTPSPORT", "NOLISTENPORT", "SOCKSPORT", "HTTP2PORT", "GOPHERPORT")}
        return {**closed, **ports, "HOSTIP": "127.0.0.1", "CLIENTIP": "127.0.0.1", "HOST6IP": "[::1]", "CLIENT6IP": "[::1]",
                "LOGDIR": str(log), "PWD": str(self.folder), "FILE_PWD": str(self.folder), "DEV_NULL": "/dev/null", "USER": "root",
                "VERSION": self.version, "VERNUM": self.version, "DATE": time.strftime("%Y-%m-%d")}

    def request(self, number, ports=None):
        """(case, its Request); LeftOut where there is none."""
        ports = ports or {name: "1" for name in ("HTTPPORT", "HTTPSPORT", "HTTP6PORT", "PROXYPORT")}
        case = self.suite.case(number, self.variables(ports, number))
        return case, request_of(case, self.suite.features)

    def servers(self, number):
        """Those that the case names, as {variable of its port: server}."""
        made = {}
        case, _ = self.request(number)
        variables = {}

        def case_of(asked):
            return self.suite.case(asked, variables)

        for line in case.part("client", "server").decode("latin-1").splitlines():
            kind, _, certificate = line.strip().partition(" ")
            if kind == "http":
                made["HTTPPORT"] = CurlServer(case_of, number)
            elif kind == "http-proxy":
                made["PROXYPORT"] = CurlServer(case_of, number)
            elif kind == "http-ipv6":
                made["HTTP6PORT"] = CurlServer(case_of, number, "::1")
            elif kind == "https":
                if not self.certificates:
                    raise LeftOut("the copy has no certs/*.prm")
                made["HTTPSPORT"] = CurlServer(case_of, number, tls=self.certificates.pair(certificate or "test-localhost.pem"))
        variables.update(self.variables({name: str(server.port) for name, server in made.items()}, number))
        return made

    def run(self, number, without=None, programs=("curl", "larder", "larder")):
        """For each of `programs` a list of Seen, one for each URL of the case; the second `larder` finds the cache that the first
        one left. `without`: an option, with its argument, that is left out of larder's command."""
        servers = self.servers(number)
        try:
            case, request = self.request(number, {name: str(server.port) for name, server in servers.items()})
            for index in ("", "1", "2", "3", "4"):
                self.write_file(case, f"file{index}")
            if without in request.larder:
                place = request.larder.index(without)
                del request.larder[place:place + 2]
            outcomes = []
            for program in programs:
                for server in servers.values():
                    server.reset()
                outcomes.append([getattr(self, program)(number, url, request) for url in request.urls])
            return outcomes
        finally:
            for server in servers.values():
                server.close()

    def write_file(self, case, section):
        """One that the case wants to be there: in its own folder, and nowhere else."""
        name = case.attributes("client", section).get("name")
        if name:
            file = pathlib.Path(name).resolve()
            if not file.is_relative_to(self.folder.resolve()):
                raise LeftOut("a file outside of its folder")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(case.part("client", section))

    def _ran(self, command, target, environment):
        target.unlink(missing_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        words = [word.encode("latin-1") if isinstance(word, str) else os.fsencode(word) for word in command]
        done = subprocess.run(words, capture_output=True, cwd=target.parent, env={**clean, **environment}, timeout=120, check=False)
        data = target.read_bytes() if target.exists() else b""
        return Seen(done.returncode, data, done.stderr.decode(errors="replace"))

    def curl(self, number, url, request):
        target = self.folder / f"{number}.curl"
        options = request.curl
        limits = [] if "-m" in options or "--max-time" in options else ["--max-time", str(CURL_TIME_S)]
        trust = []
        if self.certificates and "--cacert" not in options:
            trust = ["--cacert", self.certificates.folder / "test-ca.crt"]
        seen = self._ran([CURL, "-q", "-sS", "--fail", "--location", "--globoff", *limits, *trust, "-o", target, *options, url],
                         target, request.environment)
        if seen.status == 2:
            raise LeftOut("an option that the curl of this machine does not know")
        return seen

    def larder(self, number, url, request):
        target = self.folder / f"{number}.larder"
        options = list(request.larder)
        for option, text in request.secrets.items():
            file = self.folder / f"{number}{option}"
            file.write_bytes(text.encode("latin-1") + b"\n")
            file.chmod(0o600)
            options += [option, file]
        patience = ["--retry-for", PATIENCE, "--retry-delay", "200ms"] if request.retries else ["--retry-for", "0"]
        return self._ran([*self.agent.larder_command("get", "-q", "-o", target), *patience, *options, url], target,
                         request.environment)


def judge(curl, larder):
    """right: the same bytes; both fail; taken: curl has an error and larder bytes; refused: the reverse; other: other bytes. Of
    several URLs the last of these, followed by larder's exit statuses other than 0."""
    kinds, statuses = [], set()
    for one, other in zip(curl, larder):
        if one.status and other.status:
            kinds.append("both fail")
        elif one.status or other.status:
            kinds.append("taken" if one.status else "refused")
        else:
            kinds.append("right" if one.data == other.data else "other bytes")
        statuses |= {other.status} - {0}
    return " ".join([max(kinds, key=KINDS.index), *map(str, sorted(statuses))])


def kind_of(outcome):
    return re.sub(r" \d.*", "", outcome)


class Table:
    """The expected outcome of each case, the words that errors must have or lack, and how many cases are left out."""

    def __init__(self, file):
        self.content = json.loads(file.read_text()) if file.exists() else {"outcomes": [], "words": [], "left_out": {}}
        self.expected = {number: row for row in self.content["outcomes"] for number in row["cases"]}

    def allows(self, number, outcome):
        row = self.expected.get(number, {})
        return outcome in (row.get("outcome"), row.get("or"))

    def differences(self, number, outcome):
        if number not in self.expected:
            return [f"{outcome}; the table does not have it"]
        row = self.expected[number]
        return [] if self.allows(number, outcome) else [f"{outcome}; wanted: {row['outcome']} {row.get('why', '')}".rstrip()]

    def words(self, number):
        return [row for row in self.content["words"] if number in row["cases"]]

    def other_selection(self, left_out, numbers):
        """Where the copy has other cases than the table: {which: how}."""
        wanted, suite = self.content["left_out"], self.content["suite"]
        seen = {why: len(cases) for why, cases in left_out.items()}
        reasons = [why for why in sorted({*seen, *wanted}) if seen.get(why, 0) != wanted.get(why, 0)]
        gone = sorted(set(self.expected) - set(numbers))
        return {**{f"left out, {why}": f"{seen.get(why, 0)} cases, wanted {wanted.get(why, 0)}" for why in reasons},
                **{f"case {number}": f"the copy does not have it; the table is of {suite}" for number in gone}}

    def written(self, outcomes, left_out, replay):
        """The table of these outcomes, with the reasons that it had."""
        rows = collections.defaultdict(list)
        for number, outcome in outcomes.items():
            kept = self.expected[number] if self.allows(number, outcome) else {"outcome": outcome}
            rows[tuple((key, kept[key]) for key in ("outcome", "or", "why") if key in kept)].append(number)
        order = sorted(rows, key=lambda row: (KINDS.index(kind_of(row[0][1])), row[0][1], rows[row]))
        return {"suite": self.content.get("suite", ""), "curl": replay.version,
                "outcomes": [{**dict(row), "cases": rows[row]} for row in order], "words": self.content["words"],
                "left_out": {why: len(cases) for why, cases in sorted(left_out.items())}}


def text_of(content):
    """JSON with the numbers of a row in lines of their own, not each in one."""
    text = json.dumps(content, indent=1, ensure_ascii=False)

    def numbers(match):
        return textwrap.fill("[" + " ".join(match[1].split()) + "]", 120, initial_indent="", subsequent_indent="    ")

    return re.sub(r"\[([\d,\s]+)\]", numbers, text) + "\n"


def wrong_words(seen, row):
    """What an error says that it should not, and the reverse."""
    text = " ".join(one.words for one in seen)
    return ([f"does not say {word!r}: {text}" for word in row.get("has", ()) if word not in text]
            + [f"says {word!r}: {text}" for word in row.get("lacks", ()) if word in text])


def check(replay, table, number, told):
    """(outcome, what is wrong with it)."""
    curl, first, again = replay.run(number)
    outcome = judge(curl, first)
    problems = table.differences(number, outcome)
    if judge(curl, again) != outcome and not table.allows(number, judge(curl, again)):
        problems.append(f"the second time: {judge(curl, again)}; the first time: {outcome}")
    for one in first + again:
        if one.status and not one.words.startswith("larder: cannot "):
            problems.append(f"does not say what could not be done: {one.words}")
    for row in table.words(number):
        problems += wrong_words(replay.run(number, row["without"], ["larder"])[0] if "without" in row else first, row)
    if told or problems:
        for name, seen in (("curl", curl), ("larder", first), ("again", again)):
            print("\n".join(f"{number} {name}: {one}" for one in seen), flush=True)
    return outcome, problems


def replay_all(replay, table, options):
    """({case: outcome}, {reason: cases}, how many cases were not as expected)."""
    outcomes, left_out, bad = {}, collections.defaultdict(list), 0
    for number in replay.numbers:
        if options.only and number not in options.only:
            continue
        try:
            replay.request(number)
            outcomes[number], problems = check(replay, table, number, bool(options.only))
        except LeftOut as why:
            left_out[str(why)].append(number)
            problems = [f"left out: {why}; the table has it"] if number in table.expected else []
        for problem in problems:
            print(f"case {number}: {problem}", flush=True)
        bad += bool(problems)
    return outcomes, left_out, bad


def tell(outcomes, left_out):
    counts = collections.Counter(map(kind_of, outcomes.values()))
    print(f"{len(outcomes)} cases: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]))
    for why, cases in sorted(left_out.items(), key=lambda item: -len(item[1])):
        print(f"{len(cases)} left out: {why}")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curl-tests", default=os.environ.get("LARDER_CURL_TESTS"), help="the folder tests of curl's source")
    parser.add_argument("--only", type=int, action="append", help="this case, with what was seen; may be given again")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="write what was seen as a table")
    parser.add_argument("--keep", action="store_true", help="leave the directory with the agent's log")
    bin_dir_argument(parser)
    return parser.parse_args()


def main():
    options = parsed()
    if not options.curl_tests:
        skip("no copy of curl's tests is handed over (--curl-tests, LARDER_CURL_TESTS)")
    if not os.access(CURL, os.X_OK):
        skip(f"there is no {CURL}")
    table = Table(TABLE)
    version, _ = features_of_curl()
    if not options.write and table.content["curl"] != version:
        skip(f"{CURL} is {version}; the table was made beside {table.content['curl']}")
    if INSIDE not in os.environ:
        enter_namespace()
    with Lab(options.bin_dir, options.keep) as lab:
        replay = Replay(lab, options.curl_tests)
        outcomes, left_out, bad = replay_all(replay, table, options)
    tell(outcomes, left_out)
    if options.write:
        options.write.write_text(text_of(table.written(outcomes, left_out, replay)))
        return 0
    if options.only:
        missing = {f"case {number}": "the copy does not have it" for number in sorted(set(options.only) - set(replay.numbers))}
    else:
        missing = table.other_selection(left_out, replay.numbers)
    for what, text in missing.items():
        print(f"{what}: {text}")
    print("all as expected" if not bad + len(missing) else f"{bad + len(missing)} not as expected")
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main())
