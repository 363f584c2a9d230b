// URLs of which a content was fetched lately: tells whether an earlier answer of the cache about a URL still holds.
// Pure; bounded.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/runtime/clock.h"

namespace larder::agent {

class RecentUrls {
 public:
  static constexpr std::size_t kMax = 4096;
  static constexpr Duration kKept = std::chrono::seconds(5);

  void add(const std::string& url, SteadyTime now) {
    latest_[url] = now;
    order_.emplace_back(now, url);
    while (!order_.empty() && (order_.size() > kMax || now - order_.front().first > kKept)) forget_oldest();
  }
  // Returns true if no content of the URL was added since. False also where that is not remembered any more.
  [[nodiscard]] bool unchanged_since(const std::string& url, SteadyTime since) const {
    if (since <= forgotten_) return false;
    const auto found = latest_.find(url);
    return found == latest_.end() || found->second < since;
  }

 private:
  void forget_oldest() {
    forgotten_ = order_.front().first;
    const auto found = latest_.find(order_.front().second);
    if (found != latest_.end() && found->second == forgotten_) latest_.erase(found);
    order_.pop_front();
  }

  std::unordered_map<std::string, SteadyTime> latest_;
  std::deque<std::pair<SteadyTime, std::string>> order_;
  SteadyTime forgotten_ = SteadyTime::min();  // additions up to here may be forgotten
};

}  // namespace larder::agent
