// Callbacks by which downloads report whether agents can be reached; agent/lan/reach_watch.h shows that to people.
// Plain; loop thread; either may be empty.
#pragma once

#include <functional>

#include "peer/group/keys.h"

namespace larder::peer {

enum class DialEnd {
  silent,     // its catalogue did not answer, or it had sent no byte when it was dropped
  not_begun,  // the swarm's connection failed, or ended before a byte came
};

struct DialNotes {
  std::function<void(const AgentId&, DialEnd)> failed;
  std::function<void(const AgentId&)> delivered;  // once for each window
};

}  // namespace larder::peer
