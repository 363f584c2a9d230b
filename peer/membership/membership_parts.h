// What Membership's own sources share; nobody else includes it.
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
  std::shared_ptr<IdentityChange> change;  // decided, being written
};

// One attempt to join: the addresses of the invitation one after the other, until one of them answers.
struct Membership::Joining {
  Invitation invitation;
  std::optional<AgentKey> key;
  std::deque<Endpoint> to_ask;
  std::set<Endpoint> named;     // asked, or to be asked
  std::optional<Error> reason;  // the most telling one so far
  bool refused = false;         // the group said no: asking again with the same key is of no use
  SteadyTime give_up_at{};
  Done<void> done;
};

}  // namespace larder::peer
