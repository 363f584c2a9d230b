// Tries whether a TCP port accepts connections: connects and closes, without a byte. Loop thread only. The caller
// bounds the number of tries, and keeps this object while it wants answers.
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
  using Done = UniqueFunction<void(const std::string& reason)>;  // why it failed; empty: the port accepted

  explicit TcpProbe(Loop& loop);
  ~TcpProbe();  // ends all tries; no `done` is called any more
  TcpProbe(const TcpProbe&) = delete;
  TcpProbe& operator=(const TcpProbe&) = delete;

  // Starts a try. `done` is called once, later from the loop, within kLimit.
  void connect(const Endpoint& to, Done done);

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::peer
