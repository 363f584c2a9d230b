// Sees to it that the swarm listens where the machine can be reached: compares what the process listens on with the
// addresses of the interfaces, has the swarm listen anew where something is missing, and tells where that does not
// help. Looks when it begins, when the network has changed and every while; the looking is a worker's. Loop thread
// only.
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
  static constexpr Duration kSoon =
      std::chrono::seconds(1);           // after something was missing; then twice as long each time
  static constexpr unsigned kTries = 3;  // in vain before it is told
  using Read = std::function<std::vector<peer::Endpoint>()>;  // on a worker: where it should listen and does not
  using Mend = std::function<void()>;

  ListenWatch(Runtime runtime, WorkerPool& workers, Read read, Mend mend);
  ~ListenWatch();
  ListenWatch(const ListenWatch&) = delete;
  ListenWatch& operator=(const ListenWatch&) = delete;

  void look();  // now; and soon again, since a link that comes up tells many things at once
  // Where it does not listen although it was told to, again and again; empty: it listens everywhere.
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
  unsigned tries_ = 0;  // in a row
  bool reading_ = false, again_ = false;
  TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace larder::agent
