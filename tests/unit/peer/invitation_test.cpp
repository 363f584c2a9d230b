#include "peer/invitation.h"

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
  EXPECT_TRUE(book.redeem("t", at(1)));
  EXPECT_TRUE(book.redeem("t", at(2)));
  const auto third = book.redeem("t", at(3));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::permission_denied);
}

TEST(InvitationBook, ExpiredAndUnknownLookTheSame) {
  InvitationBook book;
  ASSERT_TRUE(book.issue("t", at(100), 1, at(0)));
  const auto expired = book.redeem("t", at(100));
  const auto unknown = book.redeem("other", at(50));
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
  EXPECT_TRUE(reloaded.redeem("token", at(1)));
}

TEST(InvitationBook, UselessAndTooManyAreRefused) {
  InvitationBook book;
  EXPECT_FALSE(book.issue("t", at(0), 1, at(0)));
  EXPECT_FALSE(book.issue("t", at(1), 0, at(0)));
  for (std::size_t i = 0; i < InvitationBook::kMaxOpen; ++i)
    ASSERT_TRUE(book.issue(std::to_string(i), at(10), 1, at(0)));
  EXPECT_EQ(book.issue("one more", at(10), 1, at(0)).error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(book.issue("one more", at(20), 1, at(11))) << "the expired ones made room";
}

}  // namespace
}  // namespace larder::peer
