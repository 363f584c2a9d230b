// What this agent knows of the other agents of its group and keeps in larder.db: whom to trust, and whose certificates
// it has met. Loop thread only. Owned by the LAN's composition, ended before the Database.
#pragma once

#include <functional>
#include <vector>

#include "base/runtime/clock.h"
#include "database/database.h"
#include "peer/group/member_book.h"
#include "peer/group/member_store.h"
#include "peer/trust/trust.h"
#include "peer/trust/trust_store.h"

namespace larder::agent {

class KeptTrust {
 public:
  KeptTrust(cache::Database& database, Runtime runtime, std::size_t min_attesters);

  peer::Trust trust;
  peer::MemberBook members;

  // Nobody is asked or judged before `done`. What cannot be read is logged, and begins empty.
  void load(WallTime now, std::function<void()> done);
  void forget_all();  // the group was left
  // Its certificate came: kept where it is one of the group.
  void met(const peer::AgentId& agent, Bytes certificate, WallTime now);
  [[nodiscard]] std::vector<peer::AgentId> all_shunned(WallTime now) const;

 private:
  peer::TrustStore trust_store_;
  peer::MemberStore member_store_;
};

}  // namespace larder::agent
