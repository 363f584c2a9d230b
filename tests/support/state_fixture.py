"""States of agents as text: an index (larder.db) with the schema steps of one time, frozen as SQL, and the contents that it
speaks of, made anew from their names.

A fixture is SQL for SQLite. Where it is laid out, the text `http://origin.lab` becomes the address of the test's origin, and two
functions are there beside SQLite's own:

    leaves(name, size, offset, length)            the leaf hashes of that part of seeded_bytes(name, size)
    version_name(url, etag, last_modified, size)  the digest that stands for a version (cache/version.h)

Comments say what SQL does not: `-- frozen_at NANOSECONDS`, to which all times in the rows are relative, and a line for each file
of contents/: `-- content ID NAME SIZE MODIFIED_NS`. Of a content that is partial the committed segments are written, the rest is
a hole.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import re
import shutil
import sqlite3
import time

from lab_origin import seeded_bytes

PLACE = "http://origin.lab"  # stands for the origin in a fixture
APPLICATION_ID = 0x4C524452
BLOCK = 16384
# Columns that hold times; each is moved by what has passed since the state was frozen.
TIMES = {"contents": ("created", "last_used"), "versions": ("created",),
         "jobs": ("created", "modified", "finished", "retry_at", "transient_since"), "members": ("seen",),
         "trust_shunned": ("since", "until"), "trust_pardons": ("at",), "trust_accusations": ("at",),
         "trust_doubted": ("since", "until"), "trust_contradictions": ("at",), "trust_condemned": ("since", "until"),
         "trust_hosts": ("since", "until")}
USERS = {"jobs": "owner", "content_users": "uid"}
LONGEST_BLOB = 64  # bytes that stand in a fixture as they are


@functools.lru_cache(maxsize=4)
def content_bytes(name, size):
    return seeded_bytes(name, size)


def block_leaves(data):
    return b"".join(hashlib.sha256(data[at:at + BLOCK]).digest() for at in range(0, len(data), BLOCK))


def version_name(url, etag, last_modified, size):
    text = "larder version"
    for field in (url, etag, last_modified, "unknown" if size is None or size < 0 else str(size)):
        text += f"\n{len(field.encode())}:{field}"
    return hashlib.sha256(text.encode()).digest()


class Fixture:
    """One file of tests/fault/states."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.name = self.path.stem
        self.text = self.path.read_text(encoding="utf-8")
        self.frozen_at = int(re.search(r"^-- frozen_at (\d+)$", self.text, re.MULTILINE).group(1))
        found = re.findall(r"^-- content ([0-9a-f]{32}) (\S+) (\d+) (\d+)$", self.text, re.MULTILINE)
        self.contents = {name: (identity, int(size), int(modified)) for identity, name, size, modified in found}
        self.steps = re.findall(r"^INSERT INTO schema_steps VALUES\('([^']+)'", self.text, re.MULTILINE)

    def has(self, step):
        return step in self.steps

    def lay_out(self, state, origin_url, killed=False):
        """Makes the state directory. `killed`: all is still in the log of writes, as after a kill -9."""
        state = pathlib.Path(state)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(state, 0o700)
        made = state / ("larder.db" if not killed else "larder.db.made")
        with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as db:
            os.chmod(made, 0o600)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA wal_autocheckpoint = 0")
            for name, count, function in (("leaves", 4, self._leaves), ("version_name", 4, version_name)):
                db.create_function(name, count, function, deterministic=True)
            db.executescript("BEGIN;" + self.text.replace(PLACE, origin_url) + "COMMIT;")
            self._move_times(db, time.time_ns() - self.frozen_at)
            for table, column in USERS.items():
                if _has_table(db, table):
                    db.execute(f"UPDATE {table} SET {column} = ?", (os.geteuid(),))
            for name in self.contents:
                self._make_content(db, state, name)
            if killed:
                shutil.copyfile(made, state / "larder.db")
                shutil.copyfile(f"{made}-wal", state / "larder.db-wal")
                for file in ("larder.db", "larder.db-wal"):
                    os.chmod(state / file, 0o600)
        if killed:
            made.unlink()

    @staticmethod
    def _leaves(name, size, offset, length):
        return block_leaves(content_bytes(name, size)[offset:offset + length])

    @staticmethod
    def _move_times(db, passed):
        for table, columns in TIMES.items():
            there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            for column in there.intersection(columns):  # what is meant for ever stays so
                db.execute(f"UPDATE {table} SET {column} = {column} + ? WHERE {column} BETWEEN 1 AND 1 << 62", (passed,))

    def _make_content(self, db, state, name):
        identity, size, modified = self.contents[name]
        data = content_bytes(name, size)
        whole, segment = db.execute("SELECT state <> 0, (SELECT max(length(leaves)) FROM segments WHERE content_id = id) / 32 * ? "
                                    "FROM contents WHERE id = ?", (BLOCK, identity)).fetchone()
        path = content_path(state, identity)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        with open(path, "wb") as out:
            os.fchmod(out.fileno(), 0o600)
            if whole:
                out.write(data)
            else:
                for (index,) in db.execute("SELECT idx FROM segments WHERE content_id = ?", (identity,)):
                    out.seek(index * segment)
                    out.write(data[index * segment:(index + 1) * segment])
                out.truncate(size)
        os.utime(path, ns=(modified, modified))
        db.execute("UPDATE contents SET inode = ? WHERE id = ?", (path.stat().st_ino, identity))


def content_path(state, identity):
    return pathlib.Path(state) / "contents" / identity[:2] / identity


def _has_table(db, table):
    return db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone() is not None


def read_schema(db):
    """{(type, name): …}: the columns of a table by name (their order is that of the steps' history), of others the text."""
    schema = {}
    for kind, name, text in db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"):
        if kind == "table":
            schema[kind, name] = {row[1]: row[2:] for row in db.execute(f"PRAGMA table_info({name})")}
        else:
            schema[kind, name] = " ".join(text.split())
    return schema


# -- freezing --------------------------------------------------------------------------------------------------------
def freeze(state, origin_url, names, head):
    """The text of a state directory that no agent uses. `names`: {content id: (name, size)}; `head`: a comment."""
    db_path = pathlib.Path(state) / "larder.db"
    with contextlib.closing(sqlite3.connect(db_path, isolation_level=None)) as db:
        lines = [f"-- {line}" for line in head.splitlines()] + [f"-- frozen_at {time.time_ns()}"]
        for identity, (name, size) in sorted(names.items(), key=lambda item: item[1]):
            if content_path(state, identity).exists():
                lines.append(f"-- content {identity} {name} {size} {content_path(state, identity).stat().st_mtime_ns}")
        lines.append(f"PRAGMA application_id = {db.execute('PRAGMA application_id').fetchone()[0]};")
        made = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        lines += [f"{text};" for kind, name, text in made if kind == "table" and not name.startswith("sqlite_")]
        for _, table, _ in (row for row in made if row[0] == "table"):
            lines += _frozen_rows(db, table, names, origin_url)
        lines += [f"{text};" for kind, _, text in made if kind != "table"]  # triggers last: the rows have their sums already
    return "\n".join(lines) + "\n"


def _frozen_rows(db, table, names, origin_url):
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    order = "rowid" if table == "schema_steps" else ", ".join(columns[:2])
    for row in db.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall():
        fields = dict(zip(columns, row))
        texts = [_frozen_value(db, table, column, fields, names) for column in columns]
        yield f"INSERT INTO {table} VALUES({','.join(texts)});".replace(origin_url, PLACE)


def _frozen_value(db, table, column, fields, names):
    value = fields[column]
    if (table, column) == ("contents", "inode") or USERS.get(table) == column:
        return "0"  # what is right where it is laid out
    if table == "segments" and column == "leaves" and len(value) > LONGEST_BLOB:
        name, size = names[fields["content_id"]]
        segment = max(row[0] for row in db.execute("SELECT length(leaves) / 32 * ? FROM segments WHERE content_id = ?",
                                                   (BLOCK, fields["content_id"])))
        return f"leaves('{name}',{size},{fields['idx'] * segment},{segment})"
    if table == "segments" and column == "fetched_as" and value is not None:
        for url, etag, modified, size in db.execute("SELECT url, etag, last_modified, size FROM versions"):
            if version_name(url, etag, modified, size) == value:
                return f"version_name('{url}','{etag}','{modified}',{size})"
        raise ValueError("cannot freeze the state: a segment was fetched as a version that is not there")
    return db.execute("SELECT quote(?)", (value,)).fetchone()[0]
