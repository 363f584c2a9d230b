#include "peer/messages/attestation.h"

#include <gtest/gtest.h>

#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

constexpr std::string_view kPem = "-----BEGIN CERTIFICATE-----\nexample\n-----END CERTIFICATE-----\n";

class AttestationTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }
  const Digest group_ = group_digest(std::string(kPem));
  const cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", "Sat, 31 Jan 2026 08:00:00 GMT"};
};

// Made by another implementation from docs/formats/attestation.md.
TEST_F(AttestationTest, GoldenBytes) {
  EXPECT_EQ(to_hex(group_), "1dc76300350ed94a75a4826941d0d4672dbd29ec461631fa2158a501a27dc722");
  EXPECT_EQ(to_hex(version_digest(version_)), "64c5bf90f31b788298a85eaaa93ed7ce91b542cd66a25feffe128bd9daff4063");
  SecretSeed seed;
  seed.fill(std::byte{1});
  Attestation attestation;
  attestation.version = version_digest(version_);
  attestation.size = 9437184;
  attestation.segment = 2;
  attestation.root = sha256(as_bytes("root one"));
  attestation.transport = Transport::https;
  attestation.at_s = 1'790'000'000;
  sign(attestation, AgentKey::from_seed(seed), group_);
  EXPECT_EQ(to_hex(encode_attestation(attestation)),
            "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"  // agent
            "64c5bf90f31b788298a85eaaa93ed7ce91b542cd66a25feffe128bd9daff4063"  // version
            "0000000000900000"                                                  // size
            "0000000000000002"                                                  // segment
            "312068ebc86f28ca2d47c6e2c483bf2ba831430a5227f10f3ed0bbc4b3749acf"  // root
            "01"                                                                // transport
            "000000006ab13b80"                                                  // at
            "1162ac917c29c2943a450956a9a98470f3f87eac5044237c67c7f42a4b4be091"  // signature
            "db1aa747b78c2fb244ef0d0d9d95ddc553c400b529071ed9433b2347c90e0302");
  EXPECT_EQ(encode_attestation(attestation).size(), kAttestationSize);
}

TEST_F(AttestationTest, VersionsThatDifferAnywhereHaveOtherDigests) {
  std::vector<cache::Version> others(6, version_);
  others[0].url += "?";
  others[1].size = 9437185;
  others[2].size.reset();
  others[3].etag.clear();
  others[4].last_modified.clear();
  // What one field loses another one gains.
  others[5].etag = version_.etag.substr(0, 2);
  others[5].last_modified = version_.etag.substr(2) + version_.last_modified;
  for (std::size_t i = 0; i < others.size(); ++i) EXPECT_NE(version_digest(others[i]), version_digest(version_)) << i;
}

TEST_F(AttestationTest, EveryFieldIsSigned) {
  const Witness witness(1, group_);
  const Attestation good = witness.says(version_, 2, "root");
  EXPECT_TRUE(check(good, group_));
  EXPECT_FALSE(check(good, group_digest("another group")));
  const std::vector<std::byte> bytes = encode_attestation(good);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::byte> changed = bytes;
    changed[at] ^= std::byte{1};
    const auto read = decode_attestation(changed);
    ASSERT_TRUE(read) << at;
    EXPECT_FALSE(check(*read, group_)) << "byte " << at << " may be changed by anybody";
  }
}

TEST_F(AttestationTest, SeveralComeBackAsTheyWere) {
  std::vector<Attestation> some;
  for (std::uint8_t i = 0; i < kMaxAttestations; ++i) {
    const auto bytes = encode_attestations(some);
    EXPECT_EQ(bytes.size(), i * kAttestationSize);
    const auto back = decode_attestations(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, some);
    some.push_back(Witness(i, group_).says(version_, i, "root"));
  }
}

TEST_F(AttestationTest, WhatIsNoAttestationIsRefused) {
  const Attestation one = Witness(1, group_).says(version_, 0, "root");
  std::vector<std::byte> bytes = encode_attestation(one);
  const auto code = [](const std::vector<std::byte>& of) {
    const auto read = decode_attestations(of);
    return read ? ErrorCode::internal : read.error().code;
  };
  EXPECT_EQ(code({bytes.begin(), bytes.end() - 1}), ErrorCode::bad_response);
  EXPECT_EQ(code(std::vector<std::byte>(1)), ErrorCode::bad_response);
  EXPECT_EQ(code(encode_attestations(std::vector<Attestation>(kMaxAttestations + 1, one))), ErrorCode::bad_response);
  EXPECT_EQ(code(encode_attestations(std::vector<Attestation>(kMaxAttestations, one))), ErrorCode::internal);
  EXPECT_FALSE(decode_attestation({}));
  bytes[112] = std::byte{2};
  EXPECT_EQ(code(bytes), ErrorCode::bad_response) << "there is no such transport";
}

}  // namespace
}  // namespace larder::peer
