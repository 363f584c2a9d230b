// What rtnetlink's messages say of this machine's network. Pure.
#pragma once

#include "base/hash/buffer.h"

namespace larder::agent {

struct NetworkNews {
  bool returned = false;  // an address or a route has appeared: jobs that wait for the network may go on
  bool changed = false;   // addresses, or ways out, are others than before: what is bound to the old ones is of no use

  void add(const NetworkNews& other) {
    returned = returned || other.returned;
    changed = changed || other.changed;
  }
};

// Of one datagram. That the time of an address was prolonged, as routers do every few minutes, is no change.
[[nodiscard]] NetworkNews read_network_news(Bytes messages);

}  // namespace larder::agent
