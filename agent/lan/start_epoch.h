// The start epoch of this run's datagrams (docs/decisions/0010-growing-start-epochs.md). Read once from the disk, by a
// worker. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "peer/group/identity_store.h"

namespace larder::agent {

class StartEpoch {
 public:
  StartEpoch(std::shared_ptr<peer::IdentityStore> store, WorkerPool& disk, Runtime runtime)
      : store_(std::move(store)), disk_(disk), runtime_(runtime) {}

  [[nodiscard]] const std::optional<std::uint64_t>& value() const { return value_; }
  void forget() { value_.reset(); }  // the next one is later than any used before
  // Obtains a value, and calls `done` later. With success, value() is set until forget(). A call while another is under
  // way does nothing, and its `done` is not called.
  void obtain(std::function<void(Status)> done);

 private:
  std::shared_ptr<peer::IdentityStore> store_;
  WorkerPool& disk_;
  Runtime runtime_;
  std::optional<std::uint64_t> value_;
  bool under_way_ = false;
  Alive alive_;
};

}  // namespace larder::agent
