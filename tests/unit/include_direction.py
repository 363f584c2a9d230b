#!/usr/bin/env python3
"""Holds the tree to its rules: include direction, where heavy headers and clocks may appear, what the build lists,
that each room says what lives there.

    tests/unit/include_direction.py              checks this tree; one line per finding, exit status 1 when there are any
    tests/unit/include_direction.py --self-test  breaks every rule once in a made-up tree and wants each to be found
"""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Who may include whom. `agent` ties all together; nothing includes `tests`.
DIRECTION = {
    "base": {"base"},
    "database": {"base", "database"},
    "cache": {"base", "database", "cache"},
    "origin": {"base", "cache", "origin"},
    "peer": {"base", "database", "cache", "peer"},
    "client": {"base", "client"},
    "inbox": {"base", "database", "inbox"},
    "agent": {"base", "database", "cache", "origin", "peer", "client", "agent"},
    "tests": {"base", "database", "cache", "origin", "peer", "client", "inbox", "agent", "tests"},
}
# The rooms of each folder, lowest first: a room may include itself and those before it. A file's room is the folder that it
# stands in, which has to be named here. The command line comes last: it is a program of its own, of which the agent includes nothing.
ROOMS = {
    "base": ["base/hash", "base", "base/runtime", "base/text", "base/io", "base/config", "base/process", "base/http/message", "base/http"],
    "database": ["database"],
    "cache": ["cache/record", "cache/index", "cache/write", "cache"],
    "origin": ["origin/url", "origin/http", "origin/rules", "origin/upload", "origin/upload/exchange", "origin", "origin/curl"],
    "peer": ["peer/common", "peer/group", "peer/messages", "peer/catalogue", "peer/crowd", "peer/names", "peer/discovery", "peer/swarm", "peer/membership",
             "peer/reach", "peer/trust", "peer/offer", "peer/supply"],
    "client": ["client"],
    "inbox": ["inbox/model", "inbox/wire", "inbox/ledger", "inbox/store", "inbox/service", "inbox/config", "inbox/access", "inbox/deliver",
              "inbox/front", "inbox/admin", "inbox"],
    "agent": ["agent", "agent/verdict", "agent/config", "agent/transfer/rules", "agent/transfer/source", "agent/transfer/fill", "agent/transfer", "agent/uploads",
              "agent/jobs/model", "agent/jobs/rules", "agent/jobs/store", "agent/jobs", "agent/notify", "agent/lan", "agent/api/json",
              "agent/api/http", "agent/api/events", "agent/api/handlers", "agent/daemon", "agent/cli/show", "agent/cli/place", "agent/cli/get", "agent/cli/put",
              "agent/cli/command", "agent/cli"],
}
MAX_FILES = 30  # of a room: what can be looked over
MAX_README_LINES = 15  # of a room's README.md: it says where to look, and no more
# The command line knows the agent through its API only; both read the same configuration file.
CLI_MAY_INCLUDE = ("base/", "client/", "agent/cli/", "agent/config/", "origin/url/")
# They cost seconds per file that includes them: .cpp files only, and private headers that no other folder includes.
HEAVY = re.compile(r"#\s*include\s*<(boost/(asio|beast)|nlohmann/json\.hpp|CLI/|toml\+\+|SQLiteCpp/|spdlog/|curl/|libtorrent/|ares\.h>)")
# Time and chance come in from outside (base/runtime/clock.h).
CLOCK = re.compile(
    r"steady_clock::now|system_clock::now|high_resolution_clock|sleep_for|sleep_until|\bu?sleep\s*\(|\bnanosleep\s*\("
    r"|\b(s?rand|random)\s*\(\s*\)|\bsrand\s*\(|random_device|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|\bgettimeofday\b")
# base implements the seam, the daemon is the composition root, the command line is a program of its own, which waits for
# the agent that it starts, and the threads of curl, of hooks, of the catalogue and of libtorrent wait on descriptors with
# a limit. The sync thread times the disk that it waits for, and the index's thread waits with a limit before it cuts the
# log of writes.
# Everything else is handed the time.
CLOCK_MAY = (
    "base/",
    "agent/daemon/",
    "agent/cli/",
    "client/agent_starter.cpp",
    "origin/curl",
    "database/database.cpp",
    "cache/write/sync_batcher.cpp",
    "peer/catalogue/catalogue_link_server.cpp",
    "peer/swarm/torrent_disk.cpp",
    "tests/support/",
    "tests/bench/",
    "tests/sim/",
)
# A test that plays a slow other side, or polls what no event tells of, says so on the line: "// paced: why".
SLEEP = re.compile(r"(sleep_for|sleep_until|\bu?sleep\s*\(|\bnanosleep\s*\()(?![^\n]*// paced: \w)")
MAX_LINES = 500
MAX_TEST_LINES = 700  # tables of cases; nothing else depends on them
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# What a comment cites is a page of this tree, or a section of a standard that everybody can read.
PAGE = re.compile(r"\bdocs/[\w/.-]+\.md\b")
SECTION = re.compile(r"(?<!RFC \d\d\d\d )(?<!HTML Living Standard )(?<!MC-BUP )§")


def sources(root):
    for folder in DIRECTION:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cpp", ".h") and path.is_file():
                yield path.relative_to(root).as_posix(), path.read_text(errors="replace")


def check_includes(root, name, text):
    top = name.split("/")[0]
    for target in INCLUDE.findall(text):
        target_top = target.split("/")[0]
        if top == "tests" and (root / name).parent.joinpath(target).is_file():
            continue  # a fixture beside the test
        if target_top not in DIRECTION or not (root / target).is_file():
            yield f'"{target}" is no file of this tree, named from its root'
        elif target_top not in DIRECTION[top]:
            yield f'{top} must not include {target_top} ("{target}")'
        elif name.startswith("agent/cli/") and not target.startswith(CLI_MAY_INCLUDE):
            yield f'the command line must not include the agent\'s parts ("{target}"): it speaks the API'


def room_of(name):
    """The folder that the file stands in; none where ROOMS does not name it."""
    folder = name.rsplit("/", 1)[0]
    return folder if folder in ROOMS.get(name.split("/")[0], []) else None


def check_room(name, text):
    top = name.split("/")[0]
    if top not in ROOMS:
        return
    room = room_of(name)
    if room is None:
        yield f"ROOMS does not name the folder {name.rsplit('/', 1)[0]}"
        return
    below = ROOMS[top][: ROOMS[top].index(room) + 1]
    for target in INCLUDE.findall(text):
        if target.split("/")[0] == top and room_of(target) in ROOMS[top] and room_of(target) not in below:
            yield f'{room} must not include {room_of(target)} ("{target}"), which stands on it'


def check_sizes(files):
    for room in (room for rooms in ROOMS.values() for room in rooms):
        held = sum(room_of(name) == room for name in files)
        if held > MAX_FILES:
            yield f"{room}: has {held} files, more than {MAX_FILES}: make a room of some of them"


def houses():
    """The rooms, and the folders that hold rooms only."""
    rooms = [room for rooms in ROOMS.values() for room in rooms]
    parents = {parent.as_posix() for room in rooms for parent in pathlib.PurePath(room).parents} - {"."}
    return sorted({*rooms, *parents})


def may_include(room):
    """The sentence of its README.md; none for a folder that holds rooms only."""
    top = room.split("/")[0]
    if room not in ROOMS[top]:
        return None
    below = ROOMS[top][: ROOMS[top].index(room)]
    others = [other for other in DIRECTION if other in DIRECTION[top] and other not in (top, "tests")]
    if room.startswith("agent/cli"):
        below = [other for other in below if other.startswith("agent/cli")]
        others = [other.rstrip("/") for other in CLI_MAY_INCLUDE if other != "agent/cli/"]
    return f"May include: {'; '.join(', '.join(names) for names in (others, below) if names) or 'nothing of ours'}."


def check_readmes(root):
    """Each room says what lives there, and what it stands on as ROOMS has it."""
    for folder in houses():
        readme = root / folder / "README.md"
        if not readme.is_file():
            yield f"{folder}: has no README.md that says what lives here"
            continue
        text = readme.read_text()
        lines = text.count("\n")
        if lines > MAX_README_LINES:
            yield f"{folder}/README.md: has {lines} lines, more than {MAX_README_LINES}"
        sentence = may_include(folder)
        if sentence and sentence not in " ".join(text.split()):
            yield f'{folder}/README.md: does not say "{sentence}"'


def heavy_headers(files):
    """Headers that bring a heavy one along, directly or through others."""
    heavy = {name for name, text in files.items() if name.endswith(".h") and HEAVY.search(text)}
    while True:
        more = {
            name
            for name, text in files.items()
            if name.endswith(".h") and name not in heavy and heavy.intersection(INCLUDE.findall(text))
        }
        if not more:
            return heavy
        heavy |= more


def check_heavy(name, text, heavy):
    if name.startswith("tests/"):
        return
    # A source that uses the library itself pays for it already.
    if name.endswith(".cpp") and HEAVY.search(text):
        return
    folder = name.rsplit("/", 1)[0]
    for target in INCLUDE.findall(text):
        if target in heavy and target.rsplit("/", 1)[0] != folder:
            yield f'"{target}" drags a heavy library header into another folder: declare what is needed instead'


def check_clock(name, text):
    code = COMMENT.sub("", text)
    if name.startswith("tests/"):
        found = None if name.startswith(CLOCK_MAY) else SLEEP.search(text)
        if found:
            yield f"a test must not sleep ({found.group(1)}): wait for what it waits for"
    elif not name.startswith(CLOCK_MAY):
        found = CLOCK.search(code)
        if found:
            yield f"{found.group(0)}: time and chance come in through base/runtime/clock.h"


def check_citations(root, text):
    prose = re.sub(r"\n\s*// ?", " ", text)
    for page in PAGE.findall(prose):
        if not (root / page).is_file():
            yield f"cites {page}, which does not exist"
    if SECTION.search(prose):
        yield "cites a section by its number: name a page of docs/ and its heading"


def check_listed(root, name):
    """The next CMakeLists.txt upwards names the file, so that nothing lies about unbuilt."""
    if not name.endswith(".cpp"):
        return
    path = root / name
    for folder in path.parents:
        lists = folder / "CMakeLists.txt"
        if lists.is_file():
            words = set(re.split(r"[\s()]+", re.sub(r"#[^\n]*", "", lists.read_text())))
            relative = path.relative_to(folder).as_posix()
            stem = relative[: -len(".cpp")]
            if relative not in words and stem not in words:  # the stem: larder_fuzz(url …), larder_bench(…)
                yield f"is not listed in {lists.relative_to(root)}"
            return
        if folder == root:
            break
    yield "no CMakeLists.txt lists it"


def check_shape(name, text):
    lines = text.count("\n")
    limit = MAX_TEST_LINES if name.startswith("tests/") else MAX_LINES
    if lines > limit:
        yield f"has {lines} lines, more than {limit}: split it where a second purpose begins"
    if name.endswith(".h") and "#pragma once" not in text:
        yield "a header begins with #pragma once"
    if " " in name or name != name.lower():
        yield "file names are snake_case"
    if not text.endswith("\n"):
        yield "does not end with a line end"


def findings(root):
    files = dict(sources(root))
    heavy = heavy_headers(files)
    yield from check_sizes(files)
    yield from check_readmes(root)
    for name, text in files.items():
        for check in (
            check_includes(root, name, text),
            check_room(name, text),
            check_heavy(name, text, heavy),
            check_clock(name, text),
            check_citations(root, text),
            check_listed(root, name),
            check_shape(name, text),
        ):
            for finding in check:
                yield f"{name}: {finding}"


GOOD = {
    "base/CMakeLists.txt": "larder_library(larder_base SOURCES good.cpp)\n",
    "base/good.h": '#pragma once\n#include "base/other.h"\n',
    "base/other.h": "#pragma once\n// RFC 9110\n// §8.8.3\n",
    "base/good.cpp": '#include "base/good.h"\n// steady_clock::now() is allowed here\nauto t = steady_clock::now();\n',
    "cache/heavy.h": "#pragma once\n#include <nlohmann/json.hpp>\n",
    "cache/near_heavy.h": '#pragma once\n#include "cache/heavy.h"\n',
    "cache/x.h": "#pragma once\n// sleep_for in a comment is only a word\n",
    "agent/cli/CMakeLists.txt": "add_executable(larder main.cpp)\n",
    "agent/cli/main.cpp": '#include "base/good.h"\n',
    "tests/fuzz/CMakeLists.txt": "larder_fuzz(url LINK larder_origin)\n",
    "tests/fuzz/url.cpp": '#include "beside.h"\n',
    "tests/fuzz/beside.h": "#pragma once\nvoid f() { sleep_for(1s); }  // paced: a slow client\n",
}
# file, text, and what must be said of it
BAD = [
    ("base/a.h", '#pragma once\n#include "cache/x.h"\n', "base must not include cache"),
    ("cache/b.h", '#pragma once\n#include "origin/y.h"\n', "cache must not include origin"),
    ("origin/y.h", '#pragma once\n#include "peer/z.h"\n', "origin must not include peer"),
    ("peer/z.h", '#pragma once\n#include "origin/y.h"\n', "peer must not include origin"),
    ("agent/t.h", '#pragma once\n  #  include "tests/support/s.h"\n', "agent must not include tests"),
    ("agent/cli/c.h", '#pragma once\n#include "agent/t.h"\n', "must not include the agent's parts"),
    ("cache/gone.h", '#pragma once\n#include "cache/nowhere.h"\n', "no file of this tree"),
    ("cache/near.h", '#pragma once\n#include "x.h"\n', "no file of this tree"),
    ("origin/drags.h", '#pragma once\n#include "cache/near_heavy.h"\n', "drags a heavy library header"),
    ("cache/clock.h", "#pragma once\nauto t = std::chrono::steady_clock::now();\n", "base/runtime/clock.h"),
    ("origin/chance.h", "#pragma once\nint x = rand();\n", "base/runtime/clock.h"),
    ("origin/epoch.h", "#pragma once\nint x = time(nullptr);\n", "base/runtime/clock.h"),
    ("tests/unit/s.h", "#pragma once\nvoid f() { std::this_thread::sleep_for(1s); }\n", "a test must not sleep"),
    ("base/unlisted.cpp", "int x;\n", "is not listed in base/CMakeLists.txt"),
    ("peer/homeless.cpp", "int x;\n", "no CMakeLists.txt lists it"),
    ("base/long.h", "#pragma once\n" + "\n" * MAX_LINES, "more than"),
    ("tests/unit/long.h", "#pragma once\n" + "\n" * MAX_TEST_LINES, "more than"),
    ("tests/unit/far.h", '#pragma once\n#include "fixture.h"\n', "no file of this tree"),
    ("base/guard.h", "#ifndef X\n#define X\n#endif\n", "#pragma once"),
    ("base/Camel.h", "#pragma once\n", "snake_case"),
    ("base/cut.h", "#pragma once", "line end"),
    ("base/attic/x.h", "#pragma once\n", "ROOMS does not name"),
    ("base/cites.h", "#pragma once\n// As docs/nowhere.md says.\n", "cites docs/nowhere.md"),
    ("base/numbers.h", "#pragma once\n// As the plan says (plan §3).\n", "cites a section by its number"),
    ("peer/trust/README.md", "x\n" * (MAX_README_LINES + 1), f"more than {MAX_README_LINES}"),
    ("peer/reach/README.md", "May include: base.\n", "does not say"),
]
# Each room includes the one above it.
BAD += [
    (f"{lower}/below.h", f'#pragma once\n#include "{upper}/above.h"\n', f"{lower} must not include {upper}")
    for rooms in ROOMS.values()
    for lower, upper in zip(rooms, rooms[1:])
]
ABOVE = {f"{room}/above.h": "#pragma once\n" for rooms in ROOMS.values() for room in rooms}
READMES = {f"{folder}/README.md": f"{may_include(folder)}\n" for folder in houses()}
CROWDED = {f"origin/curl/file_{number}.h": "#pragma once\n" for number in range(MAX_FILES)}  # and above.h


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def write(name, text):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

        for name, text in {**GOOD, **ABOVE, **READMES}.items():
            write(name, text)
        (root / "tests/support").mkdir(parents=True)
        write("tests/support/s.h", "#pragma once\n")
        failures += [f"a good tree: {finding}" for finding in findings(root)]
        for name, text in [*CROWDED.items(), *((name, text) for name, text, _ in BAD)]:
            write(name, text)
        (root / "peer/offer/README.md").unlink()
        found = list(findings(root))
        for name, _, wanted in BAD:
            if not any(finding.startswith(name + ":") and wanted in finding for finding in found):
                failures.append(f'{name}: nothing says "{wanted}"')
        if not any(finding.startswith("origin/curl: has") for finding in found):
            failures.append(f"origin/curl: nothing says that it has more than {MAX_FILES} files")
        if not any(finding.startswith("peer/offer: has no README.md") for finding in found):
            failures.append("peer/offer: nothing says that it has no README.md")
        extra = {finding.split(":")[0] for finding in found} - {name for name, _, _ in BAD} - {"origin/curl", "peer/offer"}
        failures += [f"{name}: found in a good file" for name in sorted(extra)]
    return failures


def main():
    found = self_test() if sys.argv[1:] == ["--self-test"] else list(findings(ROOT))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
