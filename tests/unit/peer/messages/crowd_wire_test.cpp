// CROWD datagrams: golden bytes, bounds, strangers' fields.
#include <gtest/gtest.h>

#include "peer/messages/datagram.h"
#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

CrowdEntry small_wanted() {
  CrowdEntry entry;
  entry.version_key = key_of(0x22);
  return entry;
}
CrowdEntry small_claimed() {
  CrowdEntry entry = small_wanted();
  entry.claims = {{0, 0x01020304}};
  return entry;
}
CrowdEntry large() {
  CrowdEntry entry;
  entry.version_key = key_of(0x33);
  entry.segments = 2000;
  entry.first = 1024;
  entry.held = {std::byte{0x81}, std::byte{0x01}};
  entry.claims = {{5, 7}, {1999, 4194304}};
  return entry;
}
CrowdEntry complete() {
  CrowdEntry entry;
  entry.version_key = key_of(0x44);
  entry.segments = 32;
  entry.wants = false;
  entry.complete = true;
  return entry;
}

Datagram of(std::vector<CrowdEntry> entries) {
  return Datagram{agent_of(0x11), 1, 2, CrowdMessage{std::move(entries)}, {}};
}
bool is_read(std::vector<CrowdEntry> entries) {
  return decode_body(encode_body(of(std::move(entries)))).has_value();
}

TEST(CrowdWire, ComesBackAsItWasSent) {
  const CrowdMessage message{{small_wanted(), small_claimed(), large(), complete()}};
  const auto body = encode_body(of(message.entries));
  const auto back = decode_body(body);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->message, Message(message));
  for (std::size_t size = 0; size < body.size(); ++size) EXPECT_FALSE(decode_body(Bytes(body).first(size))) << size;
}

TEST(CrowdWire, GoldenBytes) {
  const std::string front = "06" + std::string(64, '1') + "0000000000000001" + "0000000000000002";
  EXPECT_EQ(to_hex(encode_body(of({small_wanted()}))), front + "01" + std::string(64, '2') + "05");
  EXPECT_EQ(to_hex(encode_body(of({small_claimed()}))), front + "01" + std::string(64, '2') + "0d" + "01020304");
  EXPECT_EQ(to_hex(encode_body(of({large(), complete()}))),
            front + "02" + std::string(64, '3') + "09" + "000007d0" + "00000400" + "02" + "8101" + "02" + "00000005" +
                "00000007" + "000007cf" + "00400000" + std::string(64, '4') + "02" + "00000020" + "00000000" + "00");
}

TEST(CrowdWire, SizesAreAsTheyWereCounted) {
  const std::size_t empty = encode_body(of({small_wanted()})).size() - encoded_size(small_wanted());
  for (const CrowdEntry& entry : {small_wanted(), small_claimed(), large(), complete()}) {
    EXPECT_EQ(encode_body(of({entry})).size(), empty + encoded_size(entry));
  }
}

TEST(CrowdWire, WhatIsCountedToFitFits) {
  ASSERT_TRUE(initialise_crypto());
  std::vector<CrowdEntry> most;
  CrowdEntry entry = small_wanted();
  for (std::size_t bytes = 0; bytes + encoded_size(entry) <= kMaxCrowdBytes && most.size() < kMaxCrowdEntries;
       bytes += encoded_size(entry))
    most.push_back(entry);
  EXPECT_TRUE(encode(of(most), 1, GroupKey::generate(1)));
  CrowdEntry filler = large();
  filler.held.resize(kMaxCrowdBitmap, std::byte{1});
  filler.claims.resize(kMaxCrowdClaims);
  most.assign(kMaxCrowdBytes / encoded_size(filler), filler);
  entry.segments = 1000;
  entry.held.resize(kMaxCrowdBytes - most.size() * encoded_size(filler) - encoded_size(entry));
  ASSERT_LE(entry.held.size(), 255u);
  most.push_back(entry);
  EXPECT_TRUE(encode(of(most), 1, GroupKey::generate(1))) << "kMaxCrowdBytes to the last";
}

TEST(CrowdWire, HostileFieldsAreRefused) {
  EXPECT_TRUE(is_read({large()}));
  EXPECT_FALSE(is_read({}));
  EXPECT_FALSE(is_read(std::vector<CrowdEntry>(kMaxCrowdEntries + 1, small_wanted())));
  const auto changed = [](auto change) {
    CrowdEntry entry = large();
    change(entry);
    return is_read({entry});
  };
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.segments = 0; }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.segments = kMaxCrowdSegments + 1; }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.first = 1023; }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.first = 2000; }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.held.resize(kMaxCrowdBitmap + 1); }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.claims.resize(kMaxCrowdClaims + 1); }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.claims[0].segment = 2000; }));
  EXPECT_FALSE(changed([](CrowdEntry& e) { e.complete = true; }));
  EXPECT_FALSE(changed([](CrowdEntry& e) {
    e.complete = true;
    e.held.clear();
  })) << "claims of one who has everything";
}

}  // namespace
}  // namespace larder::peer::test
