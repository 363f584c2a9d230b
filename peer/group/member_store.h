// Keeps the certificates of MemberBook in larder.db, so that segments attested by agents that have gone are believed
// and served after a restart. Loop thread only. Owned by agent/lan: destroyed before the Database, and after the last
// use of the book whose journal it is. Written behind (write_behind.h).
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "database/database.h"
#include "peer/common/write_behind.h"
#include "peer/group/member_book.h"

namespace larder::peer {

// Returns the schema steps; docs/formats/attestation.md describes the columns.
[[nodiscard]] std::span<const cache::SchemaStep> member_schema();

class MemberStore final : public MemberJournal {
 public:
  MemberStore(cache::Database& database, Runtime runtime);
  MemberStore(const MemberStore&) = delete;
  MemberStore& operator=(const MemberStore&) = delete;

  // Restores `book` from the database and becomes its journal. After an error the book keeps the entries that it has.
  // `done` is called on the loop thread, not within the call, and not after the destructor.
  void load(MemberBook& book, UniqueFunction<void(Status)> done);

  void keep(const KnownMember& member) override;
  void forget(const AgentId& agent) override;
  void forget_all_members() override;

 private:
  cache::Database& database_;
  WriteBehind writes_;
  Alive alive_;
};

}  // namespace larder::peer
