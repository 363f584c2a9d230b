// Tells when the network has come back (an address or a route appeared), so that jobs need not wait out their retry
// delay. Rtnetlink; where there is none, nothing is told. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "base/loop.h"

namespace larder::agent {

class NetworkWatch {
 public:
  // `returned` is called at most once a second.
  NetworkWatch(Loop& loop, std::function<void()> returned);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::agent
