#include "peer/messages/datagram.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace larder::peer {
namespace {

AgentId id_of(std::uint8_t byte) {
  AgentId id;
  id.fill(static_cast<std::byte>(byte));
  return id;
}

Digest digest_of(std::uint8_t byte) {
  Digest digest;
  digest.fill(static_cast<std::byte>(byte));
  return digest;
}

Signature signature_of(std::uint8_t byte) {
  Signature signature;
  signature.fill(static_cast<std::byte>(byte));
  return signature;
}
EvidenceMessage evidence() {
  return EvidenceMessage{{std::byte{1}, std::byte{2}, std::byte{3}}, {}};
}

Datagram of(Message message) {
  return Datagram{id_of(0xaa), 7, 9, std::move(message), {}};
}

Hello hello() {
  return Hello{7475, 7476, true, true, 3, "desk-12", {std::byte{0x30}, std::byte{0x01}}, signature_of(0x77), 4, "1.2"};
}
Ask ask() {
  return Ask{0x01020304, 4096, true, {{KeyKind::version, digest_of(1)}, {KeyKind::url, digest_of(2)}}};
}
Have have() {
  HaveItem complete{0, true, 1'000'000, digest_of(3), {}};
  HaveItem partial{1, false, 2'000'000, digest_of(4), {std::byte{0x05}, std::byte{0x80}}};
  return Have{0x01020304, 2, {complete, partial}};
}

class EveryMessage : public ::testing::TestWithParam<Message> {};

TEST_P(EveryMessage, ComesBackAsItWasSent) {
  const auto body = encode_body(of(GetParam()));
  const auto back = decode_body(body);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->message, GetParam());
  EXPECT_EQ(back->sender, id_of(0xaa));
  EXPECT_EQ(back->start_epoch, 7u);
  EXPECT_EQ(back->sequence, 9u);
}

TEST_P(EveryMessage, CutAnywhereIsRefusedOrShorterButNeverRead) {
  const auto body = encode_body(of(GetParam()));
  for (std::size_t size = 0; size < body.size(); ++size) {
    // An earlier Larder's evidence ends before the length of its certificate.
    if (std::holds_alternative<EvidenceMessage>(GetParam()) && size + 2 == body.size()) continue;
    // Nobody relies on what follows a HELLO's signature: protocol, length and three letters.
    if (std::holds_alternative<Hello>(GetParam()) && size + 5 >= body.size()) continue;
    EXPECT_FALSE(decode_body(Bytes(body).first(size))) << size << " of " << body.size();
  }
}

TEST_P(EveryMessage, LaterFieldsAreSkipped) {
  auto body = encode_body(of(GetParam()));
  body.resize(body.size() + 5, std::byte{0x55});
  const auto back = decode_body(body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->message, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Datagram, EveryMessage,
                         ::testing::Values(Message(hello()), Message(Bye{}), Message(ask()), Message(have()),
                                           Message(Have{5, 1, {}}), Message(evidence()),
                                           Message(ReachMessage{{{ReachPort::swarm, true, 7476}}})));

// Golden bytes: a change here is a change of the wire format and needs a new format number.
TEST(Datagram, BodyBytesOfHello) {
  const Hello hello{7475, 7476, true, false, 5, "a", {std::byte{0x30}, std::byte{0x00}}, signature_of(0x99)};
  const Datagram datagram{id_of(0x11), 0x0102030405060708, 1, hello, {}};
  EXPECT_EQ(to_hex(encode_body(datagram)), "01" + std::string(64, '1') + "0102030405060708" + "0000000000000001" +
                                               "1d33" + "1d34" + "01" + "00000005" + "01" + "61" + "0002" + "3000" +
                                               std::string(128, '9'));
}

TEST(Datagram, BodyBytesOfAsk) {
  const Datagram datagram{id_of(0x11), 1, 2, Ask{7, 0xffff, true, {{KeyKind::url, digest_of(0x22)}}}, {}};
  EXPECT_EQ(to_hex(encode_body(datagram)), "03" + std::string(64, '1') + "0000000000000001" + "0000000000000002" +
                                               "00000007" + "ffff" + "01" + "01" + "02" + std::string(64, '2'));
}

TEST(Datagram, BodyBytesOfHave) {
  const HaveItem item{3, false, 0x0a0b, digest_of(0x22), {std::byte{0x05}}};
  const Datagram datagram{id_of(0x11), 1, 2, Have{7, 9, {item}}, {}};
  EXPECT_EQ(to_hex(encode_body(datagram)), "04" + std::string(64, '1') + "0000000000000001" + "0000000000000002" +
                                               "00000007" + "09" + "01" + "03" + "00" + "0000000000000a0b" +
                                               std::string(64, '2') + "01" + "05");
}

TEST(Datagram, BodyBytesOfEvidenceAndBye) {
  const std::string front = std::string(64, '1') + "0000000000000001" + "0000000000000002";
  EXPECT_EQ(to_hex(encode_body(Datagram{id_of(0x11), 1, 2, evidence(), {}})),
            "05" + front + "0003" + "010203" + "0000");
  EvidenceMessage with = evidence();
  with.certificate = {std::byte{0x30}, std::byte{0x82}};
  const auto body = encode_body(Datagram{id_of(0x11), 1, 2, with, {}});
  EXPECT_EQ(to_hex(body), "05" + front + "0003" + "010203" + "0002" + "3082");
  EXPECT_EQ(decode_body(body)->message, Message(with));
  EXPECT_EQ(to_hex(encode_body(Datagram{id_of(0x11), 1, 2, Bye{}, {}})), "02" + front + std::string(128, '0'));
}

constexpr const char* kGoldenPacket =
    "4c524452cafef00d010000045b38b249c993bd365f05880ad14b1a22e24312c60c09ee8598606cdfeb600468e17d6620"
    "b10d31ed421b7ddaff7ad296c6d7b2c57bbefe32a4ca10f880019941bc900f4c1c4a7948bcf4f33be9886cea19bd45e8"
    "5e36fb25944cb9b8a40b";

// A whole packet as another implementation would have sealed it: keys, nonce and all.
TEST(Datagram, AGoldenPacketOpens) {
  ASSERT_TRUE(initialise_crypto());
  const GroupKey key = GroupKey::from_secret(4, digest_of(0x42));
  const auto packet = from_hex(kGoldenPacket);
  ASSERT_TRUE(packet);
  const auto back = decode(*packet, key);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->sender, id_of(0x11));
  EXPECT_EQ(back->message, Message(evidence()));
}

TEST(Datagram, ASignatureCoversEverythingBeforeItAndTheKeyItGoesUnder) {
  ASSERT_TRUE(initialise_crypto());
  const AgentKey agent = AgentKey::from_seed(digest_of(7));
  Datagram said = of(hello());
  said.sender = agent.id();
  sign_datagram(said, agent, 0xcafef00d, 4);
  const auto body = encode_body(said);
  const auto back = decode_body(body);
  ASSERT_TRUE(back);
  EXPECT_TRUE(signature_holds(*back, 0xcafef00d, 4));
  EXPECT_FALSE(signature_holds(*back, 0xcafef00d, 5)) << "sealed anew under another key";
  EXPECT_FALSE(signature_holds(*back, 0xcafef00c, 4)) << "of another group";
  for (std::size_t i = 0; i < body.size(); ++i) {
    auto changed = body;
    changed[i] ^= std::byte{0x10};
    const auto other = decode_body(changed);
    if (i + 5 >= body.size()) continue;  // what follows the signature is for people
    EXPECT_FALSE(other && signature_holds(*other, 0xcafef00d, 4)) << "byte " << i;
  }
}

TEST(Datagram, AByeIsItsSendersOwn) {
  ASSERT_TRUE(initialise_crypto());
  const AgentKey agent = AgentKey::from_seed(digest_of(7));
  Datagram said = of(Bye{});
  said.sender = agent.id();
  sign_datagram(said, agent, 0xcafef00d, 4);
  const auto back = decode_body(encode_body(said));
  ASSERT_TRUE(back);
  EXPECT_TRUE(signature_holds(*back, 0xcafef00d, 4));
  EXPECT_FALSE(signature_holds(*back, 0xcafef00d, 5));
  Datagram other = said;
  other.sequence += 1;
  const auto moved = decode_body(encode_body(other));
  EXPECT_FALSE(moved && signature_holds(*moved, 0xcafef00d, 4));
  EXPECT_FALSE(signature_holds(of(ask()), 0xcafef00d, 4)) << "nothing of that kind is signed";
}

TEST(Datagram, SealedPacketOpensOnlyUnderItsKeyAndWhole) {
  ASSERT_TRUE(initialise_crypto());
  const GroupKey key = GroupKey::from_secret(4, digest_of(0x42));
  const auto packet = encode(of(hello()), 0xcafef00d, key);
  ASSERT_TRUE(packet);
  const auto envelope = read_envelope(*packet);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->group_tag, 0xcafef00du);
  EXPECT_EQ(envelope->key_epoch, 4u);
  EXPECT_TRUE(decode(*packet, key));
  EXPECT_FALSE(decode(*packet, GroupKey::from_secret(4, digest_of(0x43))));
  for (std::size_t i = 0; i < packet->size(); ++i) {
    auto changed = *packet;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(decode(changed, key)) << "byte " << i;
  }
}

TEST(Datagram, NothingOfTheMessageIsReadableOutside) {
  ASSERT_TRUE(initialise_crypto());
  const auto packet = encode(of(Hello{1, 2, true, false, 1, "secret-host", {}, {}}), 1, GroupKey::generate(1));
  ASSERT_TRUE(packet);
  const std::string text(reinterpret_cast<const char*>(packet->data()), packet->size());
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

TEST(Datagram, TheLargestAskFitsAndALargerHaveIsRefused) {
  ASSERT_TRUE(initialise_crypto());
  const GroupKey key = GroupKey::generate(1);
  Ask largest;
  largest.keys.assign(kMaxAskKeys, AskKey{KeyKind::version, digest_of(1)});
  EXPECT_TRUE(encode(of(largest), 1, key));
  Hello largest_hello = hello();
  largest_hello.name.assign(64, 'n');
  largest_hello.certificate.resize(kMaxHelloCertificate);
  EXPECT_TRUE(encode(of(largest_hello), 1, key));
  EXPECT_TRUE(encode(of(EvidenceMessage{std::vector<std::byte>(kMaxEvidence), {}}), 1, key));
  const std::vector<std::byte> rest(kMaxEvidenceWithCertificate - kMaxEvidence);
  EXPECT_TRUE(encode(of(EvidenceMessage{std::vector<std::byte>(kMaxEvidence), rest}), 1, key));
  Have too_large;
  too_large.items.assign(kMaxAskKeys, HaveItem{0, false, 1, digest_of(1), std::vector<std::byte>(kMaxSegmentBitmap)});
  const auto refused = encode(of(too_large), 1, key);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
}

TEST(Datagram, HostileFieldsAreRefused) {
  Ask none;
  EXPECT_FALSE(decode_body(encode_body(of(none))));
  Ask many;
  many.keys.assign(kMaxAskKeys + 1, AskKey{});
  EXPECT_FALSE(decode_body(encode_body(of(many))));
  Have beyond;
  beyond.items.push_back(HaveItem{kMaxAskKeys, true, 1, {}, {}});
  EXPECT_FALSE(decode_body(encode_body(of(beyond))));
  EXPECT_FALSE(decode_body(encode_body(of(EvidenceMessage{}))));
  EXPECT_FALSE(decode_body(encode_body(of(EvidenceMessage{std::vector<std::byte>(kMaxEvidence + 1), {}}))));
  EXPECT_FALSE(
      decode_body(encode_body(of(EvidenceMessage{{std::byte{1}}, std::vector<std::byte>(kMaxHelloCertificate + 1)}))));
  Hello long_certificate = hello();
  long_certificate.certificate.resize(kMaxHelloCertificate + 1);
  EXPECT_FALSE(decode_body(encode_body(of(long_certificate))));
  auto unknown = encode_body(of(Bye{}));
  unknown[0] = std::byte{0};
  EXPECT_FALSE(decode_body(unknown));
  unknown[0] = std::byte{99};
  EXPECT_FALSE(decode_body(unknown));
}

TEST(Datagram, ANameCannotCarryTerminalCodes) {
  const auto back = decode_body(encode_body(of(Hello{1, 2, true, false, 1, "a\x1b[2Jb", {}, {}})));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<Hello>(back->message).name, "a?[2Jb");
}

TEST(Datagram, AboutTheWantedNumberAnswers) {
  constexpr std::size_t kPeers = 2000;
  Ask question = ask();
  question.threshold = threshold_for(kPeers, 8);
  std::size_t total = 0;
  for (std::uint32_t query = 0; query < 50; ++query) {
    question.query = query;
    for (std::size_t i = 0; i < kPeers; ++i) {
      AgentId self{};
      self[0] = static_cast<std::byte>(i & 0xff);
      self[1] = static_cast<std::byte>(i >> 8);
      total += answers(self, id_of(1), question) ? 1U : 0U;
    }
  }
  EXPECT_NEAR(static_cast<double>(total) / 50, 8.0, 2.0);
}

TEST(Datagram, EverybodyAnswersInASmallGroup) {
  EXPECT_EQ(threshold_for(8, 8), 0xffff);
  Ask question = ask();
  question.threshold = threshold_for(3, 8);
  EXPECT_TRUE(answers(id_of(5), id_of(6), question));
}

}  // namespace
}  // namespace larder::peer
