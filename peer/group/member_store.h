// Keeps in larder.db whose certificates MemberBook knows, so that what is held of agents that have gone can be
// believed, and given on, after a restart. Loop thread only. Owned by main: destroyed before the Database, and after
// the last use of the book whose journal it is. Written behind (write_behind.h).
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "database/database.h"
#include "peer/common/write_behind.h"
#include "peer/group/member_book.h"

namespace larder::peer {

// Schema steps; docs/formats/attestation.md says what the columns are.
[[nodiscard]] std::span<const cache::SchemaStep> member_schema();

class MemberStore final : public MemberJournal {
 public:
  MemberStore(cache::Database& database, Runtime runtime);
  MemberStore(const MemberStore&) = delete;
  MemberStore& operator=(const MemberStore&) = delete;

  // Puts what was kept into `book` and is its journal from now on; with an error the book begins with what it has.
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
