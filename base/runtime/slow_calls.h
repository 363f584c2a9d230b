// Runs calls that block for an unknown time and cannot be ended, such as getaddrinfo(), each on a thread of its own.
// Nobody waits for such a thread: an owner that ends leaves it behind, and the end of the process ends it.
#pragma once

#include <cstddef>

#include "base/runtime/in_flight.h"
#include "base/unique_function.h"

namespace larder {

// start() is called on one thread.
class SlowCalls {
 public:
  // Calls in flight in this process, of all objects together and of those that are gone: each holds a thread.
  static constexpr std::size_t kMostOfAll = 32;

  explicit SlowCalls(std::size_t most) : most_(most) {}  // `most` calls of this object in flight

  // Runs `call` on a thread of its own, and on the same thread, when its place is free again, the task that it returned
  // (which may be empty): it tells the answer, and whoever hears it may start the next call. Both may outlive this
  // object and everything that its owner has, so they touch only what they own or share. They must not throw. False,
  // and `call` was not run: too many calls are in flight, or the system starts no thread.
  [[nodiscard]] bool start(UniqueFunction<Task()> call);
  // Of this object; a call is counted until it has returned.
  [[nodiscard]] std::size_t in_flight() const { return calls_.count(); }

 private:
  const std::size_t most_;
  InFlight calls_;
};

}  // namespace larder
