#include "peer/group/member_store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/io/log.h"
#include "base/text/units.h"
#include "database/statement.h"

namespace larder::peer {
namespace {

using cache::Statement;

constexpr std::string_view kTables = R"sql(
CREATE TABLE members (
  agent BLOB PRIMARY KEY NOT NULL,
  certificate BLOB NOT NULL,
  attests INTEGER NOT NULL,
  seen INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

constexpr std::array<cache::SchemaStep, 1> kSteps{{{"members-1", kTables}}};

// The rows that could be read, and the number of those that could not. Certificates are checked when they are used.
struct Read {
  std::vector<KnownMember> members;
  std::size_t damaged = 0;
};

Read read_members(SQLite::Database& db) {
  Read read;
  Statement query(db, "SELECT agent, certificate, attests, seen FROM members ORDER BY attests DESC, seen DESC");
  while (query.executeStep()) {
    const SQLite::Column agent = query.getColumn(0);
    const SQLite::Column certificate = query.getColumn(1);
    KnownMember member;
    if (static_cast<std::size_t>(agent.getBytes()) != member.agent.size() || certificate.getBytes() == 0) {
      ++read.damaged;
      continue;
    }
    std::memcpy(member.agent.data(), agent.getBlob(), member.agent.size());
    const auto* der = static_cast<const std::byte*>(certificate.getBlob());
    member.certificate.assign(der, der + certificate.getBytes());
    member.attests = query.getColumn(2).getInt() != 0;
    member.seen = from_unix_ns(query.getColumn(3).getInt64());
    read.members.push_back(std::move(member));
  }
  return read;
}

}  // namespace

std::span<const cache::SchemaStep> member_schema() {
  return kSteps;
}

MemberStore::MemberStore(cache::Database& database, Runtime runtime)
    : database_(database), writes_(database, runtime, "keep the certificates of members") {}

void MemberStore::load(MemberBook& book, UniqueFunction<void(Status)> done) {
  book.set_journal(this);
  database_.read<Read>(
      "read the certificates of members", [](SQLite::Database& db) -> Result<Read> { return read_members(db); },
      alive_.guard([&book, done = std::move(done)](Result<Read> read) mutable {
        if (!read) return done(tl::unexpected(read.error()));
        if (read->damaged > 0) {
          log::warn("certificates of members cannot be read and are left out rows={}", read->damaged);
        }
        book.restore(std::move(read->members));
        done({});
      }));
}

void MemberStore::keep(const KnownMember& member) {
  writes_.add([member](SQLite::Database& db) {
    Statement insert(db, "INSERT OR REPLACE INTO members (agent, certificate, attests, seen) VALUES (?, ?, ?, ?)");
    insert.bind(1, member.agent.data(), static_cast<int>(member.agent.size()));
    insert.bind(2, member.certificate.data(), static_cast<int>(member.certificate.size()));
    insert.bind(3, member.attests ? 1 : 0);
    insert.bind(4, to_unix_ns(member.seen));
    insert.exec();
  });
}

void MemberStore::forget(const AgentId& agent) {
  writes_.add([agent](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM members WHERE agent = ?");
    gone.bind(1, agent.data(), static_cast<int>(agent.size()));
    gone.exec();
  });
}

void MemberStore::forget_all_members() {
  writes_.add([](SQLite::Database& db) {
    Statement gone(db, "DELETE FROM members");
    gone.exec();
  });
}

}  // namespace larder::peer
