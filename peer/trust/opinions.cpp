#include "peer/trust/opinions.h"

#include <algorithm>

namespace larder::peer {

bool Opinions::judge(SegmentIndex segment, std::size_t named, std::size_t others, SteadyTime now) {
  const std::uint64_t index = segment.value();
  if (index >= decided_.size() || is_decided(index)) return false;
  const auto waiting = waiting_.find(index);
  const bool over = waiting != waiting_.end() && now >= waiting->second.until;
  if (named < kWanted && others > 0 && !over) {
    if (waiting == waiting_.end()) waiting_.emplace(index, Waiting{now + kWithin, {}});
    return false;
  }
  decided_.set(index);
  if (waiting == waiting_.end()) return false;
  waiting_.erase(waiting);
  return true;
}

void Opinions::note_without_answer(std::uint64_t segment, const AgentId& agent) {
  if (const auto waiting = waiting_.find(segment); waiting != waiting_.end())
    waiting->second.without_answer.insert(agent);
}

bool Opinions::was_without_answer(std::uint64_t segment, const AgentId& agent) const {
  const auto waiting = waiting_.find(segment);
  return waiting != waiting_.end() && waiting->second.without_answer.contains(agent);
}

std::optional<SteadyTime> Opinions::due() const {
  const auto first = std::min_element(waiting_.begin(), waiting_.end(),
                                      [](const auto& a, const auto& b) { return a.second.until < b.second.until; });
  return first == waiting_.end() ? std::nullopt : std::optional(first->second.until);
}

}  // namespace larder::peer
