// Tries whether a TCP port takes connections: connects and hangs up, without a byte. Loop thread only; bounded by its
// caller, which keeps it alive while it wants answers.
#pragma once

#include <memory>
#include <string>

#include "base/runtime/clock.h"
#include "base/runtime/loop.h"
#include "base/unique_function.h"
#include "peer/common/endpoint.h"

namespace larder::peer {

class TcpProbe {
 public:
  static constexpr Duration kLimit = std::chrono::seconds(3);
  using Done = UniqueFunction<void(const std::string& reason)>;  // empty: it took the connection

  explicit TcpProbe(Loop& loop);
  ~TcpProbe();  // no answer comes any more
  TcpProbe(const TcpProbe&) = delete;
  TcpProbe& operator=(const TcpProbe&) = delete;

  // `done` is called once, from the loop, within kLimit.
  void connect(const Endpoint& to, Done done);

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::peer
