// Witnesses of a group, and an agent that weighs what they say.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "peer/trust/trust.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {

inline constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'100));

class TrustTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }

  [[nodiscard]] std::optional<Digest> believe(const Trust& trust, const std::vector<Attestation>& offered,
                                              const Trust::Refused& refused = {}) const {
    return trust.believe(offered, asked(), group_, refused, kNow).root;
  }
  [[nodiscard]] Attestation says(const Witness& witness, std::string_view root, std::uint64_t segment = 0) const {
    return witness.says(version_, segment, root);
  }
  [[nodiscard]] Evidence evidence(const Witness& accused, const Witness& accuser, std::uint64_t segment = 0) const {
    return {says(accused, "bad", segment), says(accuser, "good", segment)};
  }
  [[nodiscard]] Trust::Asked asked(bool https = true) const {
    return {version_digest(version_), *version_.size, 0, https};
  }
  [[nodiscard]] Trust::Circle circle(std::size_t members = 9, Trust::Refused refused = {}) const {
    return {self_.id(), group_, members, std::move(refused)};
  }
  Trust::Outcome receive(Trust& trust, const Evidence& what, WallTime now = kNow, std::size_t members = 9,
                         const Trust::Refused& refused = {}) const {
    const auto outcome = trust.receive(what, circle(members, refused), now);
    EXPECT_TRUE(outcome) << outcome.error().text();
    return outcome ? *outcome : Trust::Outcome();
  }
  // This agent fetches segment 0 of a version.
  Trust::Outcome fetched(Trust& trust, const cache::Version& version, std::string_view root,
                         WallTime now = kNow) const {
    return trust.fetched(version.url, {self_.says(version, 0, root)}, circle(), now);
  }
  // Takes what the liar says of a version for bad, and fetches it.
  Trust::Outcome finds_out(Trust& trust, const Witness& liar, const cache::Version& version,
                           WallTime now = kNow) const {
    trust.suspect({liar.says(version, 0, "bad")}, group_);
    return fetched(trust, version, "good", now);
  }
  // The n-th version at a host of its own, all hosts unrelated.
  static cache::Version at_host(int number, const std::string& scheme = "https") {
    return {scheme + "://files.site" + std::to_string(number) + ".org/f", 9437184, "\"e\"", ""};
  }
  // One accuses the other over a version at that host, which this agent knows.
  Trust::Outcome tells(Trust& trust, const Witness& accused, const Witness& accuser, const cache::Version& version,
                       WallTime now = kNow, std::size_t members = 9) const {
    trust.know(version_digest(version), version.url);
    return receive(trust, {accused.says(version, 0, "bad"), accuser.says(version, 0, "good")}, now, members);
  }

  const Digest group_ = group_digest("group");
  const cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  const Digest good_ = sha256(as_bytes("good"));
  const Witness self_{100, group_}, a_{1, group_}, b_{2, group_}, c_{3, group_}, d_{4, group_}, liar_{66, group_};
};

// Agents by number, cheaper than keys: for bounds of what needs no signature.
inline AgentId numbered(std::uint32_t number) {
  AgentId id{};
  for (std::size_t i = 0; i < 4; ++i) id[i] = static_cast<std::byte>(number >> (24 - 8 * i));
  return id;
}

}  // namespace larder::peer
