// The users whose jobs wait for the answer of a request. A user who joins later is added while the request still waits
// for a place, so that the request goes at the best turn of any of them. Thread-safe.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fair_places.h"

namespace larder::origin {

class Claim {
 public:
  explicit Claim(Want first) : wants_{first} {}
  void add(Want want) {
    const std::lock_guard lock(mutex_);
    wants_.push_back(want);
  }
  void remove(Want want) {  // one equal entry
    const std::lock_guard lock(mutex_);
    const auto found = std::find(wants_.begin(), wants_.end(), want);
    if (found != wants_.end()) wants_.erase(found);
  }
  // Returns one Want for each user, the most urgent.
  [[nodiscard]] std::vector<Want> wants() const {
    std::vector<Want> all;
    const std::lock_guard lock(mutex_);
    for (const Want& want : wants_) {
      const auto same = std::find_if(all.begin(), all.end(), [&](const Want& one) { return one.owner == want.owner; });
      if (same == all.end()) {
        all.push_back(want);
      } else {
        same->urgency = std::min(same->urgency, want.urgency);
      }
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Want> wants_;
};

}  // namespace larder::origin
