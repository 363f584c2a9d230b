// File marks of the contents completed last, so that they can be opened without a query of the index. Pure; bounded,
// the oldest go first.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "cache/index/index.h"

namespace larder::cache {

class RecentMarks {
 public:
  static constexpr std::size_t kMax = 2048;

  void add_mark(const ContentId& id, const index::FileMark& mark) {
    if (!marks_.insert_or_assign(id, mark).second) return;
    order_.push_back(id);
    if (order_.size() <= kMax) return;
    marks_.erase(order_.front());
    order_.pop_front();
  }
  void forget(const ContentId& id) { marks_.erase(id); }
  [[nodiscard]] std::optional<index::FileMark> find_mark(const ContentId& id) const {
    const auto found = marks_.find(id);
    return found == marks_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::unordered_map<ContentId, index::FileMark> marks_;
  std::deque<ContentId> order_;
};

}  // namespace larder::cache
