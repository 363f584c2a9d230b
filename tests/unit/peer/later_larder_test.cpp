// Messages of a later Larder, as it would send them, read by this one: what is not known is passed over, what is known
// is read. And what this one sends, as an earlier one expects it. Bytes are written out: they are the recorded
// messages.
#include <gtest/gtest.h>

#include "peer/messages/catalogue_paths.h"
#include "peer/messages/catalogue_wire.h"
#include "peer/messages/datagram.h"
#include "peer/offer/offer_table.h"

namespace larder::peer {
namespace {

std::string repeated(const std::string& digit, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += digit;
  return out;
}

Result<Datagram> read(const std::string& hex) {
  return decode_body(*from_hex(hex));
}

// Sender 11…, start epoch 1, sequence 2.
const std::string kFront = repeated("1", 64) + "0000000000000001" + "0000000000000002";
// Ports, flags, version of the state, name "a", a certificate of two bytes, a signature.
const std::string kHelloFields =
    std::string("1d33") + "1d34" + "01" + "00000005" + "01" + "61" + "0002" + "3000" + repeated("9", 128);

TEST(LaterLarder, AHelloWithMoreFlagsAndFieldsIsRead) {
  // Flags 5 to 7 are set; protocol 9, version "2.0", and nine bytes of whatever comes then.
  const std::string fields = std::string("1d33") + "1d34" + "e1" + "00000005" + "01" + "61" + "0002" + "3000" +
                             repeated("9", 128) + "09" + "03" + "322e30" + "0102030405060708ff";
  const auto said = read("01" + kFront + fields);
  ASSERT_TRUE(said) << said.error().text();
  const auto& hello = std::get<Hello>(said->message);
  EXPECT_TRUE(hello.serving);
  EXPECT_FALSE(hello.probe);
  EXPECT_EQ(hello.catalogue_port, 7475);
  EXPECT_EQ(hello.group_version, 5U);
  EXPECT_EQ(hello.protocol, 9);
  EXPECT_EQ(hello.version, "2.0");
}

TEST(LaterLarder, AVersionThatCannotBeReadIsNoReasonToRefuseAHello) {
  for (const std::string tail : {"09", "09ff41", "0003414243"}) {
    const auto said = read("01" + kFront + kHelloFields + tail);
    ASSERT_TRUE(said) << tail;
    EXPECT_EQ(std::get<Hello>(said->message).version, "") << tail;
    EXPECT_EQ(std::get<Hello>(said->message).protocol, 0) << tail;
  }
  // Longer than it may be, and nothing for a terminal to obey.
  const auto said = read("01" + kFront + kHelloFields + "02" + "20" + repeated("1b", 32));
  ASSERT_TRUE(said);
  EXPECT_EQ(std::get<Hello>(said->message).version, std::string(kMaxHelloVersion, '?'));
}

TEST(LaterLarder, AKindThatIsNotKnownIsNoDatagram) {
  for (const std::string kind : {"08", "7f", "ff"}) EXPECT_FALSE(read(kind + kFront + "00")) << kind;
}

TEST(LaterLarder, AnAskForKeysOfAnotherKindKeepsItsNumbers) {
  const std::string fields = std::string("00000007") + "ffff" + "fd" + "03" +  // unknown flags, and "also none"
                             "09" + repeated("3", 64) + "02" + repeated("2", 64) + "01" + repeated("4", 64);
  const auto said = read("03" + kFront + fields + "aabbcc");
  ASSERT_TRUE(said) << said.error().text();
  const auto& ask = std::get<Ask>(said->message);
  EXPECT_TRUE(ask.want_none);
  ASSERT_EQ(ask.keys.size(), 3U);
  EXPECT_EQ(ask.keys[1].kind, KeyKind::url);
  EXPECT_EQ(to_hex(ask.keys[1].key), repeated("2", 64));
  EXPECT_EQ(ask.keys[2].kind, KeyKind::version);
  const OfferTable offers(GroupKey{}, [](const cache::Version&) { return true; });
  EXPECT_TRUE(offers.answer(ask).empty());
  EXPECT_FALSE(offers.find_offer(ask.keys[0].kind, ask.keys[0].key));
}

TEST(LaterLarder, AHaveWithMoreFlagsAndFieldsIsRead) {
  const std::string item = std::string("03") + "fe" + "0000000000000a0b" + repeated("2", 64) + "01" + "05";
  const auto said = read("04" + kFront + "00000007" + "09" + "01" + item + "ffff");
  ASSERT_TRUE(said);
  const auto& have = std::get<Have>(said->message);
  ASSERT_EQ(have.items.size(), 1U);
  EXPECT_FALSE(have.items[0].complete);
  EXPECT_EQ(have.items[0].size, 0x0a0bU);
}

TEST(LaterLarder, ACrowdWithMoreFlagsIsRead) {
  const auto said = read("06" + kFront + "01" + repeated("2", 64) + "f5" + "aabb");  // wants it, one segment
  ASSERT_TRUE(said) << said.error().text();
  const auto& crowd = std::get<CrowdMessage>(said->message);
  ASSERT_EQ(crowd.entries.size(), 1U);
  EXPECT_TRUE(crowd.entries[0].wants);
  EXPECT_FALSE(crowd.entries[0].complete);
}

TEST(LaterLarder, WhatIsSaidOfPortsThatAreNotKnownIsPassedOver) {
  const auto said =
      read("07" + kFront + "03" + "01" + "01" + "1d33" + "05" + "00" + "2222" + "02" + "fe" + "1d34" + "99");
  ASSERT_TRUE(said);
  const ReachMessage wanted{{{ReachPort::catalogue, true, 7475}, {ReachPort::swarm, false, 7476}}};
  EXPECT_EQ(std::get<ReachMessage>(said->message), wanted);
}

TEST(LaterLarder, CatalogueAnswersMayHaveMoreFlagsAndFields) {
  // Format 1, flags "complete" and unknown ones, size 5, no validators, root, no segments, others, certificates.
  const std::string manifest =
      std::string("01") + "f1" + "0000000000000005" + "0000" + "0000" + repeated("6", 64) + "00000000" + "00" + "00";
  const auto read_manifest = decode_manifest(*from_hex(manifest + "0102030405"));
  ASSERT_TRUE(read_manifest) << read_manifest.error().text();
  EXPECT_TRUE(read_manifest->complete);
  EXPECT_EQ(read_manifest->size, 5U);
  EXPECT_FALSE(read_manifest->bytes);
  const auto leaves = decode_leaves(*from_hex("01" + std::string("00000001") + repeated("7", 64) + "ffffff"));
  ASSERT_TRUE(leaves);
  EXPECT_EQ(leaves->size(), 1U);
  EXPECT_TRUE(decode_holders(*from_hex("0100ffff")));
  EXPECT_TRUE(decode_known_peers(*from_hex("0100ffff")));
  EXPECT_FALSE(decode_leaves(*from_hex("02" + std::string("00000000")))) << "another format is another message";
  const auto query = parse_manifest_query("/v1/versions/" + repeated("a", 64), "kind=url&of_tomorrow=x&inline=1");
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->with_bytes);
}

// An earlier Larder reads a HELLO up to its signature, and what that covers ends before it.
TEST(EarlierLarder, FindsAHelloAsItWasWithMoreBehindIt) {
  ASSERT_TRUE(initialise_crypto());
  const AgentKey agent = AgentKey::generate();
  Hello hello{7475, 7476, true, false, 5, "a", {std::byte{0x30}, std::byte{0x00}}, {}};
  Datagram plain{agent.id(), 1, 2, hello, {}};
  hello.protocol = kProtocol;
  hello.version = "0.1.0";
  Datagram today{agent.id(), 1, 2, hello, {}};
  sign_datagram(plain, agent, 7, 3);
  sign_datagram(today, agent, 7, 3);
  const auto before = encode_body(plain);
  auto now = encode_body(today);
  ASSERT_GT(now.size(), before.size());
  const auto back = decode_body(now);
  ASSERT_TRUE(back);
  EXPECT_TRUE(signature_holds(*back, 7, 3));
  now.resize(before.size());
  EXPECT_EQ(now, before);
}

}  // namespace
}  // namespace larder::peer
