#include "peer/group/invitation.h"

#include <gtest/gtest.h>

namespace larder::peer {
namespace {

constexpr WallTime at(int seconds) {
  return WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

Invitation sample() {
  return Invitation{"Office",
                    "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
                    std::string(32, 'a'),
                    {"192.0.2.7:7475", "[2001:db8::7]:7475"},
                    at(600)};
}

AgentId agent(int number) {
  AgentId id{};
  id[0] = static_cast<std::byte>(number);
  return id;
}

TEST(Invitation, ComesBackAsItWasMade) {
  const auto back = decode_invitation(encode_invitation(sample()));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, sample());
}

TEST(Invitation, LineBreaksOfMailProgramsDoNotHurt) {
  std::string line = encode_invitation(sample());
  for (std::size_t i = 20; i < line.size(); i += 40) line.insert(i, "\r\n ");
  EXPECT_TRUE(decode_invitation("\n  " + line + "\n"));
}

TEST(Invitation, CutOrMistypedIsToldSo) {
  const std::string line = encode_invitation(sample());
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{30}, line.size() / 2, line.size() - 4}) {
    EXPECT_FALSE(decode_invitation(line.substr(0, size))) << size;
  }
  std::string mistyped = line;
  mistyped[40] = mistyped[40] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(decode_invitation(mistyped));
  EXPECT_FALSE(decode_invitation(std::string(kMaxInvitation + 1, 'A')));
}

TEST(InvitationBook, ATokenWorksAsOftenAsItMay) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("t", at(100), 2, at(0)));
  EXPECT_TRUE(book.redeem("t", agent(1), at(1)));
  EXPECT_TRUE(book.redeem("t", agent(2), at(2)));
  const auto third = book.redeem("t", agent(3), at(3));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::permission_denied);
}

TEST(InvitationBook, WhoAsksAgainTakesNoOtherUse) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("t", at(100), 1, at(0)));
  EXPECT_TRUE(book.redeem("t", agent(1), at(1)));
  EXPECT_TRUE(book.redeem("t", agent(1), at(2))) << "its answer was lost on the way";
  EXPECT_FALSE(book.redeem("t", agent(2), at(3)));
  EXPECT_FALSE(book.redeem("t", agent(1), at(100))) << "expired is expired";
}

TEST(InvitationBook, RemembersOnlyTheLastUsers) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("t", at(100), 100, at(0)));
  for (int i = 1; i <= 40; ++i) ASSERT_TRUE(book.redeem("t", agent(i), at(1)));
  EXPECT_EQ(book.tokens()[0].users.size(), IssuedToken::kMaxUsers);
  EXPECT_EQ(book.tokens()[0].uses_left, 60u);
  ASSERT_TRUE(book.redeem("t", agent(40), at(2)));
  EXPECT_EQ(book.tokens()[0].uses_left, 60u);
  ASSERT_TRUE(book.redeem("t", agent(1), at(2)));
  EXPECT_EQ(book.tokens()[0].uses_left, 59u) << "forgotten: it takes one more";
}

TEST(InvitationBook, ClosedOnesAdmitNobody) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("open", at(100), 2, at(0)));
  ASSERT_TRUE(book.issue("used", at(100), 1, at(0)));
  ASSERT_TRUE(book.issue("short", at(10), 1, at(0)));
  ASSERT_TRUE(book.redeem("used", agent(1), at(1)));
  EXPECT_TRUE(book.any_open(at(99)));
  EXPECT_FALSE(book.any_open(at(100)));
  EXPECT_EQ(book.close_all(at(20)), 1u);
  EXPECT_FALSE(book.any_open(at(1)));
  EXPECT_FALSE(book.redeem("open", agent(2), at(21)));
  EXPECT_FALSE(book.redeem("used", agent(1), at(21)));
}

TEST(InvitationBook, ExpiredAndUnknownLookTheSame) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("t", at(100), 1, at(0)));
  const auto expired = book.redeem("t", agent(1), at(100));
  const auto unknown = book.redeem("other", agent(1), at(50));
  ASSERT_FALSE(expired);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(expired.error().text(), unknown.error().text());
}

TEST(InvitationBook, TheBookDoesNotHoldTheToken) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("token", at(100), 1, at(0)));
  ASSERT_EQ(book.tokens().size(), 1u);
  EXPECT_NE(book.tokens()[0].token_digest, sha256(as_bytes("token")));
  InvitationBook reloaded(book.tokens());
  EXPECT_TRUE(reloaded.redeem("token", agent(1), at(1)));
}

TEST(InvitationBook, UselessAndTooManyAreRefused) {
  InvitationBook book;
  EXPECT_FALSE(book.issue("t", at(0), 1, at(0)));
  EXPECT_FALSE(book.issue("t", at(1), 0, at(0)));
  EXPECT_FALSE(book.issue("t", at(1), InvitationBook::kMaxUses + 1, at(0)));
  for (std::size_t i = 0; i < InvitationBook::kMaxOpen; ++i)
    ASSERT_TRUE(book.issue(std::to_string(i), at(10), 1, at(0)));
  EXPECT_EQ(book.issue("one more", at(10), 1, at(0)).error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(book.issue("one more", at(20), 1, at(11))) << "the expired ones made room";
}

}  // namespace
}  // namespace larder::peer
