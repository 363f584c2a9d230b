#include "peer/trust/trust_store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/io/log.h"
#include "base/text/units.h"
#include "database/statement.h"

namespace larder::peer {
namespace {

using cache::Statement;

constexpr std::string_view kTables = R"sql(
CREATE TABLE trust_shunned (
  agent BLOB PRIMARY KEY NOT NULL,
  reason INTEGER NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  detail TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_pardons (
  agent BLOB PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_suspicions (
  number INTEGER PRIMARY KEY,
  attestation BLOB UNIQUE NOT NULL
);
CREATE TABLE trust_accusations (
  number INTEGER PRIMARY KEY,
  accused BLOB NOT NULL,
  accuser BLOB NOT NULL,
  version BLOB NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (accused, accuser)
);
)sql";

// Earlier versions shunned for good after a contradiction: this step ends those. The old accusations name neither the
// origin nor the transport, so they are dropped.
constexpr std::string_view kEnding = R"sql(
ALTER TABLE trust_shunned ADD COLUMN times INTEGER NOT NULL DEFAULT 0;
UPDATE trust_shunned SET until = since + 3600000000000 WHERE reason IN (0, 1);
DROP TABLE trust_accusations;
CREATE TABLE trust_doubted (
  agent BLOB PRIMARY KEY NOT NULL,
  reason INTEGER NOT NULL,
  https INTEGER NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  times INTEGER NOT NULL,
  site TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_contradictions (
  number INTEGER PRIMARY KEY,
  one BLOB NOT NULL,
  other BLOB NOT NULL,
  version BLOB NOT NULL,
  https INTEGER NOT NULL,
  host TEXT NOT NULL,
  at INTEGER NOT NULL,
  one_said INTEGER NOT NULL,
  other_said INTEGER NOT NULL,
  UNIQUE (one, other, version)
);
CREATE TABLE trust_condemned (
  version BLOB PRIMARY KEY NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  one BLOB NOT NULL,
  other BLOB NOT NULL,
  own_two_roots INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_hosts (
  host TEXT PRIMARY KEY NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  times INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_own_roots (
  version BLOB NOT NULL,
  segment INTEGER NOT NULL,
  root BLOB NOT NULL,
  PRIMARY KEY (version, segment)
) WITHOUT ROWID;
)sql";

constexpr std::array<cache::SchemaStep, 2> kSteps{{{"trust-1", kTables}, {"trust-2", kEnding}}};

// Agent ids and digests alike.
void bind(Statement& statement, int at, const Digest& bytes) {
  statement.bind(at, bytes.data(), static_cast<int>(bytes.size()));
}

// Three columns: since, until, times.
void bind(Statement& statement, int at, const Spell& spell) {
  statement.bind(at, to_unix_ns(spell.since));
  statement.bind(at + 1, to_unix_ns(spell.until));
  statement.bind(at + 2, static_cast<int>(spell.times));
}

Bytes bytes_from(const SQLite::Column& column) {
  return {static_cast<const std::byte*>(column.getBlob()), static_cast<std::size_t>(column.getBytes())};
}

std::optional<Digest> digest_from(const SQLite::Column& column) {
  const Bytes bytes = bytes_from(column);
  Digest digest;
  if (bytes.size() != digest.size()) return std::nullopt;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

WallTime time_from(const SQLite::Column& column) {
  return from_unix_ns(column.getInt64());
}

// The rows that could be read, and the number of those that could not.
struct Read {
  TrustState state;
  std::size_t damaged = 0;
};

Spell spell_from(Statement& query, int first) {
  const auto times = std::clamp(query.getColumn(first + 2).getInt(), 0, 32);
  return {time_from(query.getColumn(first)), time_from(query.getColumn(first + 1)), static_cast<unsigned>(times)};
}

void read_shunned(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT agent, reason, since, until, times, detail FROM trust_shunned ORDER BY since");
  while (query.executeStep()) {
    const auto agent = digest_from(query.getColumn(0));
    const int reason = query.getColumn(1).getInt();
    if (!agent || reason < 0 || reason > static_cast<int>(ShunReason::sent_bad_blocks)) {
      ++read.damaged;
      continue;
    }
    const auto known = static_cast<ShunReason>(reason);
    if (known == ShunReason::retired) continue;
    read.state.shunned.push_back({*agent, known, spell_from(query, 2), query.getColumn(5).getString()});
  }
}

void read_doubted(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT agent, reason, https, since, until, times, site FROM trust_doubted ORDER BY since");
  while (query.executeStep()) {
    const auto agent = digest_from(query.getColumn(0));
    const int reason = query.getColumn(1).getInt();
    if (!agent || reason < 0 || reason > static_cast<int>(DoubtReason::contradicts_too_much)) {
      ++read.damaged;
      continue;
    }
    read.state.doubted.push_back({*agent, static_cast<DoubtReason>(reason), query.getColumn(2).getInt() != 0,
                                  spell_from(query, 3), query.getColumn(6).getString()});
  }
}

void read_pardons(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT agent, at FROM trust_pardons ORDER BY at");
  while (query.executeStep()) {
    const auto agent = digest_from(query.getColumn(0));
    if (agent) read.state.pardons.push_back({*agent, time_from(query.getColumn(1))});
    if (!agent) ++read.damaged;
  }
}

void read_suspicions(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT attestation FROM trust_suspicions ORDER BY number");
  while (query.executeStep()) {
    const SQLite::Column column = query.getColumn(0);
    const auto attestation = decode_attestation(bytes_from(column));
    if (attestation) read.state.suspected.push_back(*attestation);
    if (!attestation) ++read.damaged;
  }
}

void read_contradictions(SQLite::Database& db, Read& read) {
  Statement query(db,
                  "SELECT one, other, version, https, host, at, one_said, other_said FROM trust_contradictions ORDER "
                  "BY number");
  while (query.executeStep()) {
    const auto one = digest_from(query.getColumn(0));
    const auto other = digest_from(query.getColumn(1));
    const auto version = digest_from(query.getColumn(2));
    if (!one || !other || !version) {
      ++read.damaged;
      continue;
    }
    read.state.contradictions.push_back({*one, *other, *version, query.getColumn(3).getInt() != 0,
                                         query.getColumn(4).getString(), time_from(query.getColumn(5)),
                                         time_from(query.getColumn(6)), time_from(query.getColumn(7))});
  }
}

void read_condemned(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT version, since, until, one, other, own_two_roots FROM trust_condemned ORDER BY since");
  while (query.executeStep()) {
    const auto version = digest_from(query.getColumn(0));
    const auto one = digest_from(query.getColumn(3));
    const auto other = digest_from(query.getColumn(4));
    if (!version || !one || !other) {
      ++read.damaged;
      continue;
    }
    read.state.condemned.push_back({*version, time_from(query.getColumn(1)), time_from(query.getColumn(2)), *one,
                                    *other, query.getColumn(5).getInt() != 0});
  }
}

void read_hosts(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT host, since, until, times FROM trust_hosts ORDER BY since");
  while (query.executeStep()) read.state.hosts.push_back({query.getColumn(0).getString(), spell_from(query, 1)});
}

void read_own_roots(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT version, segment, root FROM trust_own_roots");
  while (query.executeStep()) {
    const auto version = digest_from(query.getColumn(0));
    const SQLite::Column column = query.getColumn(2);
    const Bytes bytes = bytes_from(column);
    OwnRoot root;
    if (!version || bytes.size() != root.root.size()) {
      ++read.damaged;
      continue;
    }
    root.version = *version;
    root.segment = static_cast<std::uint64_t>(query.getColumn(1).getInt64());
    std::memcpy(root.root.data(), bytes.data(), bytes.size());
    read.state.own_roots.push_back(root);
  }
}

}  // namespace

std::span<const cache::SchemaStep> trust_schema() {
  return kSteps;
}

TrustStore::TrustStore(cache::Database& database, Runtime runtime)
    : database_(database), writes_(database, runtime, "keep whom to trust") {}

void TrustStore::load(Trust& trust, WallTime now, UniqueFunction<void(Status)> done) {
  trust.set_journal(this);
  database_.read<Read>(
      "read whom to trust",
      [](SQLite::Database& db) -> Result<Read> {
        Read read;
        read_shunned(db, read);
        read_doubted(db, read);
        read_pardons(db, read);
        read_suspicions(db, read);
        read_contradictions(db, read);
        read_condemned(db, read);
        read_hosts(db, read);
        read_own_roots(db, read);
        return read;
      },
      alive_.guard([&trust, now, done = std::move(done)](Result<Read> read) mutable {
        if (!read) return done(tl::unexpected(read.error()));
        if (read->damaged > 0)
          log::warn("rows of whom to trust cannot be read and are left out rows={}", read->damaged);
        trust.restore(std::move(read->state), now);
        done({});
      }));
  forget_what_is_over(now);
}

// Deletes rows that ended while the agent was off: they are not restored, so no later event would delete them.
void TrustStore::forget_what_is_over(WallTime now) {
  writes_.add([now](SQLite::Database& db) {
    const std::int64_t over = to_unix_ns(now), forgotten = to_unix_ns(now - Spell::kMemory);
    struct Row {
      const char* sql;
      std::int64_t until;
    };
    for (const Row& row : {Row{"DELETE FROM trust_shunned WHERE until <= ?", forgotten},
                           Row{"DELETE FROM trust_doubted WHERE until <= ?", forgotten},
                           Row{"DELETE FROM trust_hosts WHERE until <= ?", forgotten},
                           Row{"DELETE FROM trust_contradictions WHERE at <= ?", forgotten},
                           Row{"DELETE FROM trust_condemned WHERE until <= ?", over}}) {
      Statement gone(db, row.sql);
      gone.bind(1, row.until);
      gone.exec();
    }
    // Bytes 33 to 64 of an attestation are its version.
    Statement roots(
        db,
        "DELETE FROM trust_own_roots WHERE version NOT IN (SELECT version FROM trust_condemned) AND version "
        "NOT IN (SELECT substr(attestation, 33, 32) FROM trust_suspicions)");
    roots.exec();
  });
}

void TrustStore::keep(const Shunned& shunned) {
  writes_.add([shunned](SQLite::Database& db) {
    Statement insert(db,
                     "INSERT OR REPLACE INTO trust_shunned (agent, reason, since, until, times, detail) VALUES (?, ?, "
                     "?, ?, ?, ?)");
    bind(insert, 1, shunned.agent);
    insert.bind(2, static_cast<int>(shunned.reason));
    bind(insert, 3, shunned.spell);
    insert.bind(6, shunned.detail);
    insert.exec();
  });
}

void TrustStore::keep(const Doubted& doubted) {
  writes_.add([doubted](SQLite::Database& db) {
    Statement insert(db,
                     "INSERT OR REPLACE INTO trust_doubted (agent, reason, https, since, until, times, site) VALUES "
                     "(?, ?, ?, ?, ?, ?, ?)");
    bind(insert, 1, doubted.agent);
    insert.bind(2, static_cast<int>(doubted.reason));
    insert.bind(3, doubted.https ? 1 : 0);
    bind(insert, 4, doubted.spell);
    insert.bind(7, doubted.site);
    insert.exec();
  });
}

void TrustStore::keep(const Pardon& pardon) {
  writes_.add([pardon](SQLite::Database& db) {
    Statement insert(db, "INSERT OR REPLACE INTO trust_pardons (agent, at) VALUES (?, ?)");
    bind(insert, 1, pardon.agent);
    insert.bind(2, to_unix_ns(pardon.at));
    insert.exec();
  });
}

void TrustStore::keep(const Attestation& suspected) {
  writes_.add([bytes = encode_attestation(suspected)](SQLite::Database& db) {
    Statement insert(db, "INSERT OR IGNORE INTO trust_suspicions (attestation) VALUES (?)");
    insert.bind(1, bytes.data(), static_cast<int>(bytes.size()));
    insert.exec();
  });
}

void TrustStore::keep(const Contradiction& contradiction) {
  writes_.add([contradiction](SQLite::Database& db) {
    Statement insert(db,
                     "INSERT OR IGNORE INTO trust_contradictions (one, other, version, https, host, at, one_said, "
                     "other_said) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    bind(insert, 1, contradiction.one);
    bind(insert, 2, contradiction.other);
    bind(insert, 3, contradiction.version);
    insert.bind(4, contradiction.https ? 1 : 0);
    insert.bind(5, contradiction.host);
    insert.bind(6, to_unix_ns(contradiction.at));
    insert.bind(7, to_unix_ns(contradiction.one_said));
    insert.bind(8, to_unix_ns(contradiction.other_said));
    insert.exec();
  });
}

void TrustStore::keep(const Condemned& condemned) {
  writes_.add([condemned](SQLite::Database& db) {
    Statement insert(db,
                     "INSERT OR REPLACE INTO trust_condemned (version, since, until, one, other, own_two_roots) "
                     "VALUES (?, ?, ?, ?, ?, ?)");
    bind(insert, 1, condemned.version);
    insert.bind(2, to_unix_ns(condemned.since));
    insert.bind(3, to_unix_ns(condemned.until));
    bind(insert, 4, condemned.one);
    bind(insert, 5, condemned.other);
    insert.bind(6, condemned.own_two_roots ? 1 : 0);
    insert.exec();
  });
}

void TrustStore::keep(const HostMark& mark) {
  writes_.add([mark](SQLite::Database& db) {
    Statement insert(db, "INSERT OR REPLACE INTO trust_hosts (host, since, until, times) VALUES (?, ?, ?, ?)");
    insert.bind(1, mark.host);
    bind(insert, 2, mark.spell);
    insert.exec();
  });
}

void TrustStore::keep(const OwnRoot& root) {
  writes_.add([root](SQLite::Database& db) {
    Statement insert(db, "INSERT OR IGNORE INTO trust_own_roots (version, segment, root) VALUES (?, ?, ?)");
    bind(insert, 1, root.version);
    insert.bind(2, static_cast<std::int64_t>(root.segment));
    insert.bind(3, root.root.data(), static_cast<int>(root.root.size()));
    insert.exec();
  });
}

void TrustStore::delete_by_digest(const char* sql, const Digest& key) {
  writes_.add([sql, key](SQLite::Database& db) {
    Statement gone(db, sql);
    bind(gone, 1, key);
    gone.exec();
  });
}

void TrustStore::forget_shunned(const AgentId& agent) {
  delete_by_digest("DELETE FROM trust_shunned WHERE agent = ?", agent);
}

void TrustStore::forget_doubted(const AgentId& agent) {
  delete_by_digest("DELETE FROM trust_doubted WHERE agent = ?", agent);
}

void TrustStore::forget_pardon(const AgentId& agent) {
  delete_by_digest("DELETE FROM trust_pardons WHERE agent = ?", agent);
}

void TrustStore::forget_condemned(const Digest& version) {
  delete_by_digest("DELETE FROM trust_condemned WHERE version = ?", version);
}

void TrustStore::forget_own_roots(const Digest& version) {
  delete_by_digest("DELETE FROM trust_own_roots WHERE version = ?", version);
}

void TrustStore::forget_host(const std::string& host) {
  writes_.add([host](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_hosts WHERE host = ?");
    gone.bind(1, host);
    gone.exec();
  });
}

void TrustStore::forget(const Attestation& suspected) {
  writes_.add([bytes = encode_attestation(suspected)](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_suspicions WHERE attestation = ?");
    gone.bind(1, bytes.data(), static_cast<int>(bytes.size()));
    gone.exec();
  });
}

void TrustStore::forget(const Contradiction& contradiction) {
  writes_.add([contradiction](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_contradictions WHERE one = ? AND other = ? AND version = ?");
    bind(gone, 1, contradiction.one);
    bind(gone, 2, contradiction.other);
    bind(gone, 3, contradiction.version);
    gone.exec();
  });
}

void TrustStore::forget_all() {
  writes_.add([](SQLite::Database& db) {
    for (const char* sql : {"DELETE FROM trust_shunned", "DELETE FROM trust_doubted", "DELETE FROM trust_pardons",
                            "DELETE FROM trust_suspicions", "DELETE FROM trust_contradictions",
                            "DELETE FROM trust_condemned", "DELETE FROM trust_hosts", "DELETE FROM trust_own_roots"}) {
      Statement gone(db, sql);
      gone.exec();
    }
  });
}

}  // namespace larder::peer
