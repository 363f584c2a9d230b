// Tells when the network has come back (an address or a route appeared), so that jobs need not wait out their retry
// delay, and when it has changed, so that nobody waits for connections that are bound to what is gone. Rtnetlink; where
// there is none, nothing is told. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "base/runtime/loop.h"

namespace larder::agent {

class NetworkWatch {
 public:
  // A link that comes up tells many things at once: `changed` is called with the first of them and, with `returned`
  // after it, a second later.
  NetworkWatch(Loop& loop, std::function<void()> changed, std::function<void()> returned);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::agent
