// One agent's crowd, told by hand what others say.
#pragma once

#include <gtest/gtest.h>

#include "peer/crowd/crowd.h"

namespace larder::peer::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline AgentId agent_of(std::uint8_t number) {
  AgentId id{};
  id.fill(static_cast<std::byte>(number));
  return id;
}

inline Digest key_of(std::uint8_t number) {
  Digest key{};
  key.fill(static_cast<std::byte>(number));
  return key;
}

inline constexpr std::uint64_t kSegment = cache::kMinSegment;

class CrowdLab : public ::testing::Test {
 protected:
  static constexpr std::uint8_t kSelf = 1;

  explicit CrowdLab(std::uint64_t segments = 32) : layout(segments * kSegment) {}

  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    make();
  }
  void make() { crowd = std::make_unique<Crowd>(agent_of(kSelf), key, layout, rules, record, 7); }

  // Other agents in the order of their ranks for the version, before and after this one.
  std::vector<AgentId> others(bool before) const {
    std::vector<std::pair<std::uint64_t, AgentId>> found;
    for (unsigned i = 2; i < 250; ++i) {
      const AgentId id = agent_of(static_cast<std::uint8_t>(i));
      const std::uint64_t rank = crowd_rank(key, id);
      if ((rank < crowd_rank(key, agent_of(kSelf))) == before) found.emplace_back(rank, id);
    }
    std::sort(found.begin(), found.end());
    std::vector<AgentId> ids;
    for (const auto& [rank, id] : found) ids.push_back(id);
    return ids;
  }

  // This agent is the first of `count` known ones, or comes after `before` of them.
  void know(std::size_t before, std::size_t after) {
    std::vector<AgentId> ids = others(true);
    ASSERT_GE(ids.size(), before);
    ids.resize(before);
    std::vector<AgentId> later = others(false);
    ASSERT_GE(later.size(), after);
    ids.insert(ids.end(), later.begin(), later.begin() + static_cast<std::ptrdiff_t>(after));
    crowd->set_known_agents(ids);
  }

  CrowdEntry says(std::vector<CrowdClaim> claims, const std::vector<std::uint64_t>& held = {}) const {
    CrowdEntry entry;
    entry.version_key = key;
    entry.segments = static_cast<std::uint32_t>(layout.count());
    entry.claims = std::move(claims);
    SegmentBits bits(layout.count());
    for (const std::uint64_t segment : held) bits.set(segment);
    for (std::uint64_t first = 0; first < layout.count(); first += 8) entry.held.push_back(bits.byte_at(first));
    return entry;
  }
  void hear(const AgentId& agent, const CrowdEntry& entry) { crowd->on_entry(agent, {1, ++sequence}, entry, now); }
  CrowdStep at(Duration later) {
    now += later;
    return crowd->take_step(now);
  }
  // Steps as often as asked for.
  CrowdStep run(Duration time) {
    const SteadyTime end = now + time;
    CrowdStep last = crowd->take_step(now);
    while (last.next_step_at < end) {
      now = last.next_step_at;
      last = crowd->take_step(now);
    }
    now = end;
    return crowd->take_step(now);
  }

  Digest key = key_of(0x33);
  cache::SegmentLayout layout;
  CrowdRules rules;
  ClaimRecord record;
  std::unique_ptr<Crowd> crowd;
  SteadyTime now{seconds(100)};
  std::uint64_t sequence = 0;
};

}  // namespace larder::peer::test
