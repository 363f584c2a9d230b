// What is believed of a version, and what is not, whatever holders say.
#include "peer/trust/proof.h"

#include <gtest/gtest.h>

#include "base/hash/merkle.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

class ProofTest : public ::testing::Test {
 protected:
  // Every segment attested by these, with the roots that the texts stand for.
  [[nodiscard]] Manifest manifest(const std::vector<const Witness*>& by,
                                  std::vector<std::string> roots = {"0", "1", "2"}, bool complete = true) const {
    Manifest out;
    out.size = *version_.size;
    out.etag = version_.etag;
    out.complete = complete;
    std::vector<Digest> digests;
    for (std::uint64_t i = 0; i < roots.size(); ++i) {
      std::vector<Attestation> attestations;
      for (const Witness* witness : by) attestations.push_back(witness->says(version_, i, roots[i]));
      digests.push_back(sha256(as_bytes(roots[i])));
      out.segments.push_back({i, digests.back(), encode_attestations(attestations)});
    }
    if (complete) out.root = fold_segment_roots(digests, cache::SegmentLayout(out.size).segment_blocks());
    return out;
  }
  [[nodiscard]] Status add(const Manifest& what, const Proof::Refused& refused = {}) {
    return proof_.add_manifest(what, trust_, refused, WallTime{});
  }

  const Digest group_ = group_digest("group");
  const cache::Version version_{"https://example.org/a.iso", 2 * cache::kMinSegment + kMiB, "\"e1\"", ""};
  const Witness a_{1, group_}, b_{2, group_}, liar_{66, group_};
  Trust trust_;
  Proof proof_{version_, group_};
};

TEST_F(ProofTest, RootsOfAttestedSegmentsFoldToTheWhole) {
  const Manifest good = manifest({&a_});
  ASSERT_TRUE(add(good));
  EXPECT_EQ(proof_.whole(), good.root);
  EXPECT_TRUE(proof_.agreement_with(good).complete);
  const auto kept = decode_attestations(proof_.attestation(1));
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ(kept->front().agent, a_.id());
}

TEST_F(ProofTest, WithoutAttestationsNothingIsBelieved) {
  const Manifest bare = manifest({});
  ASSERT_TRUE(add(bare));
  EXPECT_FALSE(proof_.root(0));
  EXPECT_FALSE(proof_.whole());
  EXPECT_FALSE(proof_.agreement_with(bare).complete);
  EXPECT_TRUE(proof_.attestation(0).empty());
  // Another holder's proof serves it as well.
  ASSERT_TRUE(add(manifest({&a_})));
  EXPECT_TRUE(proof_.agreement_with(bare).complete);
}

TEST_F(ProofTest, AContradictedSegmentIsNotBelieved) {
  ASSERT_TRUE(add(manifest({&a_})));
  ASSERT_TRUE(add(manifest({&liar_}, {"0", "other", "2"})));
  EXPECT_TRUE(proof_.root(0));
  EXPECT_FALSE(proof_.root(1));
  EXPECT_FALSE(proof_.whole());
}

TEST_F(ProofTest, RefusedAttestersAreNotHeard) {
  const auto refuse_liar = [this](const AgentId& agent) { return agent == liar_.id(); };
  ASSERT_TRUE(add(manifest({&liar_}, {"x", "y", "z"}), refuse_liar));
  EXPECT_FALSE(proof_.root(0));
  const Manifest good = manifest({&a_});
  ASSERT_TRUE(add(good, refuse_liar));
  EXPECT_EQ(proof_.whole(), good.root);
}

TEST_F(ProofTest, ForgeriesDoNotCrowdOutTheTruth) {
  Manifest forged = manifest({&a_});
  for (ManifestSegment& segment : forged.segments) {
    std::vector<Attestation> many;
    for (std::uint8_t i = 0; i < kMaxAttestations; ++i) {
      many.push_back(Witness(static_cast<std::uint8_t>(100 + i), group_).says(version_, segment.index, "x"));
      many.back().signature[0] ^= std::byte{1};
    }
    segment.attestations = encode_attestations(many);
  }
  ASSERT_TRUE(add(forged));
  const Manifest good = manifest({&a_});
  ASSERT_TRUE(add(good));
  EXPECT_EQ(proof_.whole(), good.root);
}

TEST_F(ProofTest, AnotherRootOfTheWholeIsNotComplete) {
  Manifest bad = manifest({&a_});
  bad.root = sha256(as_bytes("elsewhere"));
  ASSERT_TRUE(add(bad));
  EXPECT_FALSE(proof_.agreement_with(bad).complete);
  EXPECT_EQ(proof_.agreement_with(bad).segments.size(), 3U);
}

TEST_F(ProofTest, OtherEditionsAndImpossibleOnesAreRefused) {
  struct Case {
    const char* what;
    std::function<void(Manifest&)> change;
  };
  const std::vector<Case> cases = {
      {"another size", [](Manifest& m) { m.size += 1; }},
      {"another ETag", [](Manifest& m) { m.etag = "\"e2\""; }},
      {"a date that the origin did not tell", [](Manifest& m) { m.last_modified = "Mon, 23 Nov 2026 00:00:00 GMT"; }},
      {"a segment beyond the end", [](Manifest& m) { m.segments.back().index = 3; }},
      {"complete with a hole", [](Manifest& m) { m.segments.pop_back(); }},
      {"complete without root", [](Manifest& m) { m.root.reset(); }},
  };
  for (const Case& one : cases) {
    Manifest bad = manifest({&a_});
    one.change(bad);
    const auto added = Proof(version_, group_).add_manifest(bad, trust_, {}, WallTime{});
    ASSERT_FALSE(added) << one.what;
    EXPECT_EQ(added.error().code, ErrorCode::bad_response) << one.what;
  }
}

}  // namespace
}  // namespace larder::peer
