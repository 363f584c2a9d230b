// Uploads whose jobs were cancelled, and of which their servers are still to be told, so that they need not keep the
// bytes until they expire. Told once at once, and again for a day while this process lives; a server that is never told
// lets the upload expire by itself. Loop thread only; owned by the engine of jobs.
#pragma once

#include <list>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "origin/upload/uploads.h"

namespace larder::agent {

class Farewells {
 public:
  static constexpr std::size_t kMax = 1000;  // the oldest is forgotten
  static constexpr Duration kLongest = std::chrono::hours(24);
  static constexpr Duration kFirstWait = std::chrono::seconds(30);
  static constexpr Duration kLongestWait = std::chrono::hours(1);

  Farewells(origin::Uploads& uploads, Runtime runtime) : uploads_(uploads), runtime_(runtime) {}

  void tell(origin::UploadJob job);  // without its source
  [[nodiscard]] std::size_t waiting() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t number = 0;
    origin::UploadJob job;
    SteadyTime until{};
    Duration wait = kFirstWait;
    TimerId timer = 0;
  };
  using Place = std::list<Entry>::iterator;
  void ask(std::uint64_t number);
  void on_answer(std::uint64_t number, bool nothing_left);
  [[nodiscard]] Place find_entry(std::uint64_t number);
  void forget(Place entry);

  origin::Uploads& uploads_;
  Runtime runtime_;
  std::list<Entry> entries_;  // oldest first
  std::uint64_t last_number_ = 0;
  Alive alive_;
};

}  // namespace larder::agent
