"""States of every earlier schema, as their programs left them (tests/fault/states), met by the program of today; and the
state of a later program, which is refused and stays as it is.

CASES has one entry for each fixture, and what is said of all of them together. What a fixture holds is told by
tests/support/freeze_state.py, which made the newest ones and makes the next one.
"""

import base64
import contextlib
import hashlib
import pathlib
import re
import shutil
import sqlite3
import subprocess

from freeze_state import SECRET, STATES, STORY, edition, serve
from larder_lab import (MIB, ROOT, Answer, ApiError, EditionResource, check_figures, expect, expect_equal, expect_error, named,
                        wait_until)
from state_fixture import Fixture, content_path, read_schema

CASES = {}
FIXTURES = {path.stem: path for path in sorted(STATES.glob("[0-9]*.sql"))}
NEWEST = FIXTURES[max(FIXTURES)]
DEVELOPMENT = STATES / "development_cache_5.sql"  # of a branch; the step came to the line of releases under another name
HOUR = 3600 * 10**9
KEPT_OF_HALF = 4 * MIB  # whole segments, of 2 MiB and of 4 MiB alike
# The first programs' tables had an index more, and a key that was made another way; both are as good.
OTHER_AT_FIRST = {("index", "versions_newest"), ("table", "segments")}


def case(function):
    CASES[function.__name__] = function
    return function


@contextlib.contextmanager
def index_of(agent):
    with contextlib.closing(sqlite3.connect(agent.state / "larder.db", isolation_level=None)) as db:
        yield db


class Opened:
    """A fixture's state under today's agent."""

    def __init__(self, lab, fixture, killed):
        self.fixture, self.origin = fixture, lab.origin
        self.urls = serve(self.origin)
        self.agent = lab.new_agent("killed" if killed else "stopped")
        fixture.lay_out(self.agent.state, self.origin.url(""), killed)
        self.before = len(self.origin.exchanges())
        self.authorized = []
        self._ask_who_wants_waiting()
        self.agent.start()
        self.api = self.agent.api
        self.jobs = {job["name"]: job["id"] for job in self.api.jobs()}

    def _ask_who_wants_waiting(self):
        resource = EditionResource([edition("waiting")])

        def answer(request):
            wanted = "Basic " + base64.b64encode(":".join(SECRET).encode()).decode()
            if request.headers.get("authorization") != wanted or request.headers.get("x-desk") != "11":
                return Answer(401, [("WWW-Authenticate", 'Basic realm="story"')])
            return resource(request)

        self.origin.serve("/waiting", answer)

    def sent(self, name):
        """Bytes of bodies since this agent is there."""
        return sum(e.sent for e in self.origin.exchanges()[self.before:] if e.request.path == f"/{name}")

    def state_of(self, name):
        return self.api.job(self.jobs[name])["state"]

    def bytes_are_right(self, name):
        expect_equal(self.api.content_sha256(self.jobs[name]), edition(name).sha256, f"bytes of {name}")

    def is_listed(self):
        wanted = {"finished": "transferred", "long": "transferred", "judged": "validating", "waiting": "suspended",
                  "absent": "error"}
        for name, state in wanted.items():
            expect(name in self.jobs, f"job {name} is not listed: {sorted(self.jobs)}")
            expect_equal(self.state_of(name), state, f"state of {name}")
        error = expect_error(self.api.job(self.jobs["absent"]), "http_fatal", text="404")
        expect("origin.lab" not in error["message"], error["message"])

    def half_is_finished(self):
        job = self.api.wait(self.jobs["half"], "transferred")
        check_figures(job)
        self.bytes_are_right("half")
        kept = KEPT_OF_HALF if self.fixture.has("cache-4") else 0  # that step drops what is cut otherwise now
        expect_equal(self.sent("half"), STORY["half"] - kept, "bytes of half that the origin sent anew")

    def others_go_on(self):
        self.api.act(self.jobs["waiting"], "resume")
        self.api.wait(self.jobs["waiting"], "transferred")
        self.bytes_are_right("waiting")
        self.api.verdict(self.jobs["judged"], 0, True)
        self.api.wait(self.jobs["judged"], "transferred")
        self.bytes_are_right("judged")
        if "authorities" in self.jobs:
            self.api.act(self.jobs["authorities"], "resume")
            expect_error(self.api.wait(self.jobs["authorities"], "error"), "invalid_argument", text="an earlier version")
        if "huge" in self.jobs:  # cut into segments of 4 MiB then and now
            expect_equal(self.api.job(self.jobs["huge"])["files"][0]["contiguous"], KEPT_OF_HALF, "what is there of huge")
            (record,) = self.api.cache(self.origin.url("/huge"))
            expect_equal((record["bytes_held"], record["state"]), (KEPT_OF_HALF, "partial"), "the record of huge")
            self.api.act(self.jobs["huge"], "cancel")

    def finished_is_there(self):
        self.bytes_are_right("finished")
        expect_equal(self.sent("finished"), 0, "bytes of finished that the origin sent anew")

    def cached_is_as_it_may_be(self):
        """Kept by the rules that hold today, or by earlier ones: then nobody else is given it (docs/decisions/0028-permission.md)."""
        url, kept = self.urls["cached"], self.fixture.has("cache-provenance")
        identity = self.fixture.contents["cached"][0]
        if kept:
            (record,) = self.api.cache(url)
            expect_equal((record["id"], record["state"], record["validated"]), (identity, "complete", True), "the record")
        else:
            wait_until(lambda: not content_path(self.agent.state, identity).exists(), 20, "the removal of what nobody may have")
            expect_equal([r["id"] for r in self.api.cache(url) if r["id"] == identity], [], "records of it")
        job = self.api.wait(self.api.create([url], name="again")["id"], "transferred")
        expect_equal(self.api.content_sha256(job["id"]), edition("cached").sha256, "bytes of cached")
        expect_equal(self.sent("cached"), 0 if kept else STORY["cached"], "bytes of cached that the origin sent anew")
        self.api.act(job["id"], "complete")

    def long_is_there_or_comes_again(self):
        """Its record is one of those that the step cache-4 drops, although a finished job holds it: whoever collects it is told
        that it is fetched again, and gets it then."""
        if not self.fixture.has("cache-4"):
            try:
                self.api.content(self.jobs["long"])
                raise AssertionError("the content of long is there although its segments are cut as nobody cuts them now")
            except ApiError as error:
                expect_equal(error.code, "content_damaged", "code of what is told of long")
                expect("it is fetched again" in error.message, error.message)
            check_figures(self.api.wait(self.jobs["long"], "transferred"))
        self.bytes_are_right("long")
        expect_equal(self.sent("long"), 0 if self.fixture.has("cache-4") else STORY["long"], "bytes of long that the origin sent anew")

    def is_fine_once_more(self):
        """A second start finds nothing to change; what was not collected still can be."""
        self.agent.restart()
        for name in ("finished", "long", "half", "judged", "waiting"):
            expect_equal(self.state_of(name), "transferred", f"state of {name} after another start")
            self.bytes_are_right(name)
            self.api.act(self.jobs[name], "complete")
        self.agent.check_cache_soon()

    def what_is_known_of_others_stays(self):
        with index_of(self.agent) as db:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if self.fixture.has("members-1"):
                expect_equal(db.execute("SELECT count(*) FROM members").fetchone()[0], 1, "members")
            if self.fixture.has("trust-1"):
                rows = dict(db.execute("SELECT agent, until - since FROM trust_shunned"))
                expect_equal(rows.get(b"\x33" * 32), 2 * HOUR, "for how long a member is shunned")
                if not self.fixture.has("trust-2"):  # what had no end has one since that step
                    expect_equal(rows.get(b"\x22" * 32), HOUR, "for how long a member that contradicted is shunned")
                expect_equal(db.execute("SELECT count(*) FROM trust_pardons").fetchone()[0], 1, "pardons")
            if self.fixture.has("trust-2"):
                for table in ("trust_doubted", "trust_hosts"):
                    expect_equal(db.execute(f"SELECT until - since FROM {table}").fetchall(), [(2 * HOUR,)], table)
            expect("trust_accusations" not in tables, "accusations of which nobody knows the origin still count")

    def index_is_todays(self, fresh):
        steps, schema = fresh
        with index_of(self.agent) as db:
            applied = [row[0] for row in db.execute("SELECT name FROM schema_steps ORDER BY rowid")]
            now = read_schema(db)
        expect_equal(applied[:len(self.fixture.steps)], self.fixture.steps, "the steps that were there")
        expect_equal(sorted(applied), sorted(steps), "the steps")
        other = {key for key in now.keys() | schema.keys() if now.get(key) != schema.get(key)}
        expect_equal(other - (OTHER_AT_FIRST if self.fixture.name.startswith("01_") else set()), set(), "tables that differ")


def fresh_index(lab, name="fresh"):
    """(steps, schema) of a state that today's agent begins."""
    agent = lab.new_agent(name)
    agent.start()
    agent.stop()
    with index_of(agent) as db:
        return [row[0] for row in db.execute("SELECT name FROM schema_steps ORDER BY rowid")], read_schema(db)


def goes_on(lab, path):
    fresh = fresh_index(lab)
    fixture = Fixture(path)
    for killed in (False, True):
        opened = Opened(lab, fixture, killed)
        try:
            opened.is_listed()
            opened.half_is_finished()
            opened.finished_is_there()
            opened.long_is_there_or_comes_again()
            opened.cached_is_as_it_may_be()
            opened.others_go_on()
            opened.agent.check_cache_soon()
            opened.is_fine_once_more()
            opened.agent.stop()
            opened.what_is_known_of_others_stays()
            opened.index_is_todays(fresh)
        except Exception as error:
            raise named("after a kill" if killed else "after an orderly end", error) from error
        finally:
            opened.agent.kill()
    return f"{len(fixture.steps)} steps then, {len(fresh[0])} now"


def digests(directory, besides):
    """What is in the state directory: {path: (mode, size, time, digest)}."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file() and path.name not in besides:
            facts = path.stat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(directory))] = (facts.st_mode, facts.st_size, facts.st_mtime_ns, digest)
        elif path.is_dir():
            found[str(path.relative_to(directory))] = path.stat().st_mode
    return found


def is_refused_untouched(agent, step, besides=()):
    """`besides`: what holds nothing of the state. The lock names the process that has it."""
    besides = ("lock", *besides)
    (agent.state / "socket").write_text("/run/of-tomorrow/api.sock\n", encoding="utf-8")
    before = digests(agent.state, besides)
    for _ in range(2):  # a service manager tries again
        done = subprocess.run([agent.bin_dir / "larderd", "--config", agent.config_file], env=agent.environment, capture_output=True,
                              text=True, timeout=20, check=False)
        expect(done.returncode > 0, f"exit status {done.returncode}: {done.stderr}")
        said = done.stderr
        for words in ("cannot open the index", "was made by a newer Larder", f'"{step}"', "install that version or move the file away"):
            expect(words in said, f"it does not say {words!r}: {said}")
        after = digests(agent.state, besides)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        expect_equal(changed, [], "what changed in the state directory")


@contextlib.contextmanager
def newer(path):
    """As a program of tomorrow leaves it: a step that today's does not know, and a table of it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE tomorrow (id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID")
        db.execute("ALTER TABLE jobs ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT ''")
        db.execute("INSERT INTO schema_steps VALUES ('jobs-of-tomorrow', 1)")
        yield


@case
def newer_state(lab):
    """The state of a later program, stopped orderly: refused in words, and not a byte changes."""
    agent = lab.new_agent()
    Fixture(NEWEST).lay_out(agent.state, lab.origin.url(""))
    with newer(agent.state / "larder.db"):
        pass
    is_refused_untouched(agent, "jobs-of-tomorrow")
    return "refused, untouched"


@case
def newer_state_after_a_kill(lab):
    """The later program was killed: what it did last is in the log of writes alone, and stays there for it."""
    agent = lab.new_agent()
    made = lab.folder("made")
    Fixture(NEWEST).lay_out(made, lab.origin.url(""))
    with newer(made / "larder.db"):
        shutil.copytree(made, agent.state, dirs_exist_ok=True)
    expect((agent.state / "larder.db-wal").stat().st_size > 0, "there is no log of writes")
    is_refused_untouched(agent, "jobs-of-tomorrow", ["larder.db-shm"])  # an index of the log: whoever opens it makes it anew
    return "refused, untouched"


@case
def state_of_a_branch(lab):
    """A step that was never in a program of the line of releases is as unknown as one of tomorrow."""
    agent = lab.new_agent()
    Fixture(DEVELOPMENT).lay_out(agent.state, lab.origin.url(""))
    is_refused_untouched(agent, "cache-5")
    return "refused, untouched"


@case
def every_step_has_a_fixture(lab):
    """Whoever adds a schema step, or changes one, freezes the new state: tests/support/freeze_state.py."""
    hint = f"; freeze the state of this program: tests/support/freeze_state.py --bin-dir {lab.bin_dir} NN_STEP"
    newest = Fixture(NEWEST)
    steps, schema = fresh_index(lab)
    expect_equal(steps, newest.steps, "steps of this program beside those of the newest fixture" + hint)
    agent = lab.new_agent("newest")
    newest.lay_out(agent.state, lab.origin.url(""))
    with index_of(agent) as db:
        frozen = read_schema(db)
    other = sorted(key for key in schema.keys() | frozen.keys() if schema.get(key) != frozen.get(key))
    expect_equal(other, [], "tables that this program makes other than the newest fixture has them" + hint)
    # A step that no program applies yet counts as well.
    named_in_sources = set()
    for source in sorted(path for folder in ("cache", "origin", "peer", "agent") for path in ROOT.glob(folder + "/**/*.cpp")):
        text = source.read_text(encoding="utf-8")
        if "SchemaStep" in text:
            named_in_sources |= set(re.findall(r'\{"([a-z]+(?:-[a-z0-9]+)+)",\s*(?:k[A-Z]|R"sql)', text))
    expect_equal(sorted(named_in_sources), sorted(newest.steps), "steps in the sources beside those of the newest fixture" + hint)
    names = [Fixture(path).steps for path in FIXTURES.values()]
    expect(all(set(one) <= set(newest.steps) for one in names), "a fixture has a step that the newest does not have")
    return f"{len(FIXTURES)} fixtures, {len(steps)} steps"


for _path in FIXTURES.values():
    CASES[_path.stem] = lambda lab, path=_path: goes_on(lab, path)


def run(seed, lab, name):
    return CASES[name](lab)
