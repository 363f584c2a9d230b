#include "peer/trust_store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "cache/statement.h"

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

constexpr std::array<cache::SchemaStep, 1> kSteps{{{"trust-1", kTables}}};

// Agent ids and digests alike.
void bind(Statement& statement, int at, const Digest& bytes) {
  statement.bind(at, bytes.data(), static_cast<int>(bytes.size()));
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

// What cannot be read is left out; how many rows that were.
struct Read {
  TrustState state;
  std::size_t damaged = 0;
};

void read_shunned(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT agent, reason, since, until, detail FROM trust_shunned ORDER BY since");
  while (query.executeStep()) {
    const auto agent = digest_from(query.getColumn(0));
    const int reason = query.getColumn(1).getInt();
    if (!agent || reason < 0 || reason > static_cast<int>(ShunReason::sent_bad_blocks)) {
      ++read.damaged;
      continue;
    }
    read.state.shunned.push_back({*agent, static_cast<ShunReason>(reason), time_from(query.getColumn(2)),
                                  time_from(query.getColumn(3)), query.getColumn(4).getString()});
  }
}

void read_pardons(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT agent, at FROM trust_pardons");
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

void read_accusations(SQLite::Database& db, Read& read) {
  Statement query(db, "SELECT accused, accuser, version, at FROM trust_accusations ORDER BY number");
  while (query.executeStep()) {
    const auto accused = digest_from(query.getColumn(0));
    const auto accuser = digest_from(query.getColumn(1));
    const auto version = digest_from(query.getColumn(2));
    if (!accused || !accuser || !version) {
      ++read.damaged;
      continue;
    }
    read.state.accusations.push_back({*accused, *accuser, *version, time_from(query.getColumn(3))});
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
        read_pardons(db, read);
        read_suspicions(db, read);
        read_accusations(db, read);
        return read;
      },
      [alive = std::weak_ptr(alive_), &trust, now, done = std::move(done)](Result<Read> read) mutable {
        if (alive.expired()) return;
        if (!read) return done(tl::unexpected(read.error()));
        if (read->damaged > 0)
          log::warn("rows of whom to trust cannot be read and are left out rows={}", read->damaged);
        trust.restore(std::move(read->state), now);
        done({});
      });
  writes_.add([now](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_shunned WHERE until <= ?");
    gone.bind(1, to_unix_ns(now));
    gone.exec();
  });
}

void TrustStore::keep(const Shunned& shunned) {
  writes_.add([shunned](SQLite::Database& db) {
    Statement insert(
        db, "INSERT OR REPLACE INTO trust_shunned (agent, reason, since, until, detail) VALUES (?, ?, ?, ?, ?)");
    bind(insert, 1, shunned.agent);
    insert.bind(2, static_cast<int>(shunned.reason));
    insert.bind(3, to_unix_ns(shunned.since));
    insert.bind(4, to_unix_ns(shunned.until));
    insert.bind(5, shunned.detail);
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

void TrustStore::keep(const Accusation& accusation) {
  writes_.add([accusation](SQLite::Database& db) {
    Statement insert(db, "INSERT OR IGNORE INTO trust_accusations (accused, accuser, version, at) VALUES (?, ?, ?, ?)");
    bind(insert, 1, accusation.accused);
    bind(insert, 2, accusation.accuser);
    bind(insert, 3, accusation.version);
    insert.bind(4, to_unix_ns(accusation.at));
    insert.exec();
  });
}

void TrustStore::forget_shunned(const AgentId& agent) {
  writes_.add([agent](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_shunned WHERE agent = ?");
    bind(gone, 1, agent);
    gone.exec();
  });
}

void TrustStore::forget_pardon(const AgentId& agent) {
  writes_.add([agent](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_pardons WHERE agent = ?");
    bind(gone, 1, agent);
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

void TrustStore::forget(const Accusation& accusation) {
  writes_.add([accusation](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM trust_accusations WHERE accused = ? AND accuser = ?");
    bind(gone, 1, accusation.accused);
    bind(gone, 2, accusation.accuser);
    gone.exec();
  });
}

void TrustStore::forget_all() {
  writes_.add([](SQLite::Database& db) {
    for (const char* sql : {"DELETE FROM trust_shunned", "DELETE FROM trust_pardons", "DELETE FROM trust_suspicions",
                            "DELETE FROM trust_accusations"}) {
      Statement gone(db, sql);
      gone.exec();
    }
  });
}

}  // namespace larder::peer
