// Types that Membership's own sources share; private to them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>

#include "peer/membership/membership.h"

namespace larder::peer {

struct Membership::Waiting {
  Decide decide;
  UniqueFunction<void(Status)> done;
  std::shared_ptr<IdentityChange> change;  // decided and being written
};

// One attempt to join: the invitation's addresses are asked one after the other, until one admits this machine.
struct Membership::Joining {
  Invitation invitation;
  std::optional<AgentKey> key;
  std::deque<Endpoint> to_ask;
  std::set<Endpoint> named;     // addresses asked or to be asked
  std::optional<Error> reason;  // the most telling failure so far
  bool refused = false;         // the group refused the key: a retry needs another one
  SteadyTime give_up_at{};
  Done<void> done;
};

}  // namespace larder::peer
