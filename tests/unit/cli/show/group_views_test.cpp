#include "agent/cli/show/group_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "agent/cli/command/invitation_text.h"
#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kGroup = R"({"name":"Office","id":"aa","role":"authority","active":true,"revoked":false,
  "holder":"aa","state_version":2,"key_epoch":3,"certificate_expires":"2027-01-01T00:00:00.000Z",
  "members":[{"id":"bbbbbbbbbbbbbbbbbbbb","name":"desk-12","address":"192.0.2.7:7475","certified_until":null},
             {"id":"cc","name":"desk\u001b[2J","address":null,"certified_until":"2027-01-01T00:00:00.000Z"}],
  "revoked_agents":[{"id":"dd","at":"2026-01-01T00:00:00.000Z"}],
  "invitations":[{"expires":"2026-02-01T00:00:00.000Z","uses_left":4}],"problem":null})";

TEST(GroupViews, ReadsAndShowsAGroup) {
  const auto group = parse_group(kGroup);
  ASSERT_TRUE(group) << group.error().text();
  EXPECT_EQ(group->members.size(), 2U);
  EXPECT_EQ(group->invitations.at(0).uses_left, 4U);
  const std::string page = group_page(*group);
  for (const char* part : {"Office", "authority: it invites", "version 2, key 3", "desk-12", "192.0.2.7:7475",
                           "not in reach", "until 2027", "for 4 more", "dd  at 2026"})
    EXPECT_THAT(page, HasSubstr(part));
  EXPECT_THAT(page, Not(HasSubstr("\x1b"))) << "names come from others";
}

TEST(GroupViews, SaysWhatIsWrong) {
  EXPECT_THAT(group_page(parse_group("{}").value()), HasSubstr("works alone"));
  EXPECT_THAT(group_page(parse_group(R"({"problem":"cannot use it: it is cut"})").value()), HasSubstr("it is cut"));
  const auto revoked = parse_group(R"({"name":"Office","role":"member","holder":"ff","revoked":true})");
  EXPECT_THAT(group_page(*revoked), HasSubstr("revoked: this agent works alone"));
  EXPECT_EQ(parse_group(R"({"name":17})").error().code, ErrorCode::agent_answer_invalid);
  EXPECT_EQ(parse_group("[").error().code, ErrorCode::agent_answer_invalid);
  EXPECT_EQ(parse_group(R"({"members":{}})").error().code, ErrorCode::agent_answer_invalid);
}

TEST(GroupViews, ReadsTheOtherAnswers) {
  const auto invited = parse_invited(R"({"invitation":"larder-invitation:x","expires":"then","uses":3})");
  ASSERT_TRUE(invited);
  EXPECT_EQ(invited->line, "larder-invitation:x");
  EXPECT_EQ(invited->uses, 3U);
  const auto revoked = parse_revoked(R"({"id":"aa","invitations_closed":2})");
  ASSERT_TRUE(revoked);
  EXPECT_EQ(revoked->invitations_closed, 2U);
  EXPECT_EQ(invite_body(2, std::chrono::minutes(1)), R"({"expires_s":60.0,"uses":2})");
}

TEST(InvitationText, ComesBackFromAFileThatOnlyItsOwnerReads) {
  const larder::test::TempDirectory directory;
  const std::string path = directory / "invitation";
  ASSERT_TRUE(write_invitation(path, "larder-invitation:abc"));
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
  EXPECT_EQ(read_invitation(path).value(), "larder-invitation:abc");
  EXPECT_EQ(write_invitation(path, "x").error().code, ErrorCode::already_exists);
  EXPECT_EQ(read_invitation(path).value(), "larder-invitation:abc");
}

TEST(InvitationText, TakesTheLineItselfAndRefusesWhatIsNone) {
  const larder::test::TempDirectory directory;
  EXPECT_EQ(read_invitation("larder-invitation:abc").value(), "larder-invitation:abc");
  EXPECT_EQ(read_invitation(directory / "none").error().code, ErrorCode::not_found);
  larder::test::write_file(directory / "big", std::string(20'000, 'x'));
  EXPECT_EQ(read_invitation(directory / "big").error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace larder::agent
