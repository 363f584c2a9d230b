#include "agent/transfer/rules/revise.h"

#include <algorithm>

#include "base/hash/merkle.h"

namespace larder::agent {
namespace {

class Revising {
 public:
  Revising(const PlanInput& input, const std::vector<Delivery>& deliveries) : input_(input), deliveries_(deliveries) {}

  std::optional<Revision> next() const {
    if (input_.helping) return help();
    for (const Delivery& delivery : deliveries_) {
      const bool can = kind(delivery) == SourceKind::origin && input_.sources[delivery.source].windows;
      if (!can || delivery.left.length == 0) continue;
      if (auto revision = give_way(delivery)) return revision;
    }
    return race_origin();
  }

 private:
  [[nodiscard]] SourceKind kind(const Delivery& delivery) const { return input_.sources[delivery.source].kind; }
  [[nodiscard]] std::uint64_t index_at(std::uint64_t offset) const { return input_.layout->index_at(offset); }

  // 1. The origin gives way to peers.
  [[nodiscard]] std::optional<Revision> give_way(const Delivery& delivery) const {
    const std::uint64_t first = index_at(delivery.left.offset);
    const SourceState& origin = input_.sources[delivery.source];
    // A lost claim with few bytes left is completed: asking another source for them would cost more.
    const bool lost = !has_segment(origin, first) && (!delivery.begun || left_of(delivery, first) > kRaceWorth);
    if (lost || (!delivery.begun && left_to_peers(input_, first))) {
      return Revision{Revision::Kind::end, delivery.id, delivery.source, {}};
    }
    const std::uint64_t last = index_at(delivery.window.end() - 1);
    for (std::uint64_t index = first + 1; index <= last; ++index) {
      if (!has_segment(origin, index) || left_to_peers(input_, index)) return cut_before(delivery, index);
    }
    // Peers on probation get the last segment that they have.
    for (std::uint64_t index = last; index > first; --index) {
      if (on_probation(index)) return cut_before(delivery, index);
    }
    return std::nullopt;
  }

  [[nodiscard]] std::uint64_t left_of(const Delivery& delivery, std::uint64_t index) const {
    return std::min(delivery.left.end(), input_.layout->range(index).end()) - delivery.left.offset;
  }

  [[nodiscard]] Revision cut_before(const Delivery& delivery, std::uint64_t index) const {
    const std::uint64_t begin = delivery.window.offset;
    return {Revision::Kind::cut, delivery.id, delivery.source, {begin, input_.layout->range(index).offset - begin}};
  }

  [[nodiscard]] bool on_probation(std::uint64_t index) const {
    return std::any_of(input_.sources.begin(), input_.sources.end(), [index](const SourceState& source) {
      return source.kind == SourceKind::peer && source.on_probation && is_free(source) && has_segment(source, index);
    });
  }

  // 2. The origin helps.
  [[nodiscard]] std::optional<Revision> help() const {
    const std::optional<std::size_t> origin = free_source(SourceKind::origin);
    if (!origin || !input_.sources[*origin].windows || anything_for(*origin)) return std::nullopt;
    const Delivery* slowest = nullptr;
    for (const Delivery& delivery : deliveries_) {
      if (kind(delivery) != SourceKind::peer || delivery.left.length == 0 || is_raced(delivery)) continue;
      if (!has_segment(input_.sources[*origin], index_at(delivery.left.offset))) continue;
      const bool better = slowest == nullptr || (slowest->begun && !delivery.begun) ||
                          (slowest->begun == delivery.begun && delivery.left.length >= slowest->left.length);
      if (better) slowest = &delivery;
    }
    if (slowest == nullptr) return std::nullopt;
    if (!slowest->begun) return Revision{Revision::Kind::end, slowest->id, slowest->source, {}};
    return Revision{Revision::Kind::race, slowest->id, *origin, slowest->left};
  }

  // 3. The end game of peers.
  [[nodiscard]] std::optional<Revision> race_origin() const {
    const std::optional<std::size_t> peers = free_source(SourceKind::peer);
    if (!peers || input_.sources[*peers].on_probation || !input_.sources[*peers].active.empty()) return std::nullopt;
    if (anything_for(*peers)) return std::nullopt;
    for (const Delivery& delivery : deliveries_) {
      // An origin without windows would send everything beside them.
      const bool worth = kind(delivery) == SourceKind::origin && input_.sources[delivery.source].windows &&
                         delivery.left.length > kRaceWorth && !is_raced(delivery);
      if (!worth) continue;
      const std::uint64_t index = index_at(delivery.left.offset);
      if (!has_segment(input_.sources[*peers], index)) continue;
      const std::uint64_t begin = delivery.left.offset / kBlockSize * kBlockSize;
      const std::uint64_t end = std::min(delivery.left.end(), input_.layout->range(index).end());
      if (end - begin <= kRaceWorth) continue;
      return Revision{Revision::Kind::race, delivery.id, *peers, {begin, end - begin}};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::size_t> free_source(SourceKind kind) const {
    for (std::size_t i = 0; i < input_.sources.size(); ++i) {
      if (input_.sources[i].kind == kind && is_free(input_.sources[i])) return i;
    }
    return std::nullopt;
  }

  // Returns true if the plan can still give a segment to the source.
  [[nodiscard]] bool anything_for(std::size_t source) const {
    for (const ByteRange& missing : input_.missing) {
      for (std::uint64_t index = index_at(missing.offset); index <= index_at(missing.end() - 1); ++index) {
        if (!is_taken(input_, index) && has_segment(input_.sources[source], index)) return true;
      }
    }
    return false;
  }

  [[nodiscard]] bool is_raced(const Delivery& delivery) const {
    return std::any_of(deliveries_.begin(), deliveries_.end(), [&delivery](const Delivery& other) {
      return other.id != delivery.id && other.window.offset < delivery.window.end() &&
             delivery.window.offset < other.window.end();
    });
  }

  const PlanInput& input_;
  const std::vector<Delivery>& deliveries_;
};

}  // namespace

std::optional<Revision> revise(const PlanInput& input, const std::vector<Delivery>& deliveries) {
  if (!input.layout) return std::nullopt;
  return Revising(input, deliveries).next();
}

}  // namespace larder::agent
