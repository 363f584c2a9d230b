// Reads changes of this machine's network from rtnetlink's messages. Pure.
#pragma once

#include "base/hash/buffer.h"

namespace larder::agent {

struct NetworkNews {
  bool returned = false;  // an address or a route appeared: jobs that wait for the network may retry
  bool changed = false;   // addresses or routes differ: connections bound to the former ones are useless

  void add(const NetworkNews& other) {
    returned = returned || other.returned;
    changed = changed || other.changed;
  }
};

// Reads one datagram. A prolonged lifetime of an address, which routers send every few minutes, is no change.
[[nodiscard]] NetworkNews read_network_news(Bytes messages);

}  // namespace larder::agent
