// Keeps the swarm listening on all addresses of the machine: compares the listening sockets of the process with the
// interfaces, makes the swarm listen again where one is missing, and reports where that does not help. Looks at the
// start, when the network changes, and at intervals; a worker reads. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "peer/common/endpoint.h"

namespace larder::agent {

class ListenWatch {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(15);
  static constexpr Duration kSoon = std::chrono::seconds(1);  // after a missing endpoint; doubled each time
  static constexpr unsigned kTries = 3;                       // failed tries before it is reported
  // On a worker: returns endpoints that should listen and do not.
  using Read = std::function<std::vector<peer::Endpoint>()>;
  using Mend = std::function<void()>;

  ListenWatch(Runtime runtime, WorkerPool& workers, Read read, Mend mend);
  ~ListenWatch();
  ListenWatch(const ListenWatch&) = delete;
  ListenWatch& operator=(const ListenWatch&) = delete;

  void check_listening();  // looks now; if a look is under way, once more after it
  // Returns the endpoints that repeatedly failed to listen; empty: all listen.
  [[nodiscard]] const std::vector<peer::Endpoint>& missing() const { return told_; }
  [[nodiscard]] std::string trouble() const;  // of missing(): "the swarm does not listen on TCP 7476 of 10.0.0.2"

 private:
  void look_in(Duration wait);
  void read_now();
  void seen(std::vector<peer::Endpoint> missing);

  Runtime runtime_;
  WorkerPool& workers_;
  Read read_;
  Mend mend_;
  std::vector<peer::Endpoint> told_;
  unsigned tries_ = 0;  // consecutive
  bool reading_ = false, again_ = false;
  TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace larder::agent
