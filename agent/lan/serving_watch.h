// Keeps the facts on power and network for the policy of serving (peer/offer/serving_policy.h). A worker reads them at
// intervals, since a battery may be slow to answer. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "agent/config/config.h"
#include "base/runtime/alive.h"
#include "base/runtime/loop.h"
#include "base/runtime/worker_pool.h"
#include "peer/offer/serving_policy.h"

namespace larder::agent {

class ServingWatch {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(15);
  using Read = std::function<peer::ServingFacts()>;  // on a worker

  ServingWatch(Runtime runtime, WorkerPool& workers, Read read);
  ~ServingWatch();
  ServingWatch(const ServingWatch&) = delete;
  ServingWatch& operator=(const ServingWatch&) = delete;

  void read_facts();  // reads now, and every kInterval from now on
  [[nodiscard]] bool serving(const Config& config) const;
  [[nodiscard]] std::string trouble(const Config& config) const;  // why it does not serve; empty: it serves

 private:
  [[nodiscard]] peer::ServingFacts facts(const Config& config) const;

  Runtime runtime_;
  WorkerPool& workers_;
  Read read_;
  peer::ServingFacts facts_;
  TimerId timer_ = 0;
  bool reading_ = false;
  Alive alive_;
};

}  // namespace larder::agent
