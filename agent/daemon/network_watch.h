// Reports when the network has returned (an address or a route appeared), so that jobs need not wait for their retry,
// and when it has changed, so that connections bound to former addresses are given up. Uses rtnetlink; reports nothing
// where there is none. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "base/runtime/loop.h"

namespace larder::agent {

class NetworkWatch {
 public:
  // A link that comes up sends many messages. `changed` is called at the first one; a second later it is called again,
  // and after it `returned`.
  NetworkWatch(Loop& loop, std::function<void()> changed, std::function<void()> returned);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::agent
