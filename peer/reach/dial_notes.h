// What downloads find out about reaching agents, for whoever tells people (agent/lan/reach_watch.h). Plain; loop
// thread; either may be empty.
#pragma once

#include <functional>

#include "peer/group/keys.h"

namespace larder::peer {

enum class DialEnd {
  silent,     // its catalogue did not answer, or it had not sent a byte when it was left
  not_begun,  // the swarm's connection failed, or ended before a byte came
};

struct DialNotes {
  std::function<void(const AgentId&, DialEnd)> failed;
  std::function<void(const AgentId&)> delivered;  // once for each window
};

}  // namespace larder::peer
