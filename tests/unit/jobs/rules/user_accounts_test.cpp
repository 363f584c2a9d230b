#include "agent/jobs/rules/user_accounts.h"

#include <gtest/gtest.h>

#include "base/io/log.h"
#include "base/process/user_name.h"

namespace larder::agent {
namespace {

std::optional<uid_t> known(const std::string& name) {
  if (name == "alice") return 1000;
  if (name == "bob" || name == "1001") return 1001;
  return std::nullopt;
}

TEST(user_accounts, subordinate_ids_count_as_their_owner) {
  const auto accounts = UserAccounts::parse("alice:100000:65536\nbob:165536:65536\n1001:300000:10\n", known);
  EXPECT_EQ(accounts.account_of(1000), 1000U);
  EXPECT_EQ(accounts.account_of(99'999), 99'999U);
  EXPECT_EQ(accounts.account_of(100'000), 1000U);
  EXPECT_EQ(accounts.account_of(165'535), 1000U);
  EXPECT_EQ(accounts.account_of(165'536), 1001U);
  EXPECT_EQ(accounts.account_of(231'072), 231'072U);
  EXPECT_EQ(accounts.account_of(300'009), 1001U);
  EXPECT_EQ(accounts.account_of(300'010), 300'010U);
  EXPECT_EQ(accounts.account_of(0), 0U);
}

TEST(user_accounts, without_a_file_everybody_counts_for_themselves) {
  EXPECT_EQ(UserAccounts().account_of(100'000), 100'000U);
  EXPECT_EQ(UserAccounts::read("/nonexistent/subuid").account_of(100'000), 100'000U);
}

TEST(user_accounts, what_is_no_range_is_left_out) {
  const auto accounts = UserAccounts::parse(
      "# "
      "comment\n\nalice\nalice:\nalice:x:1\nalice:200000x:1\nalice:200000:1x\nalice:200000\nalice:200000:0\nalice:"
      "200000:-1\nnobody-knows:200000:10\n"
      "alice:0:65536\nalice:99999999999:5\nalice:4294967290:99999999999999\nalice:400000:1",
      known);
  EXPECT_EQ(accounts.account_of(200'000), 200'000U);
  EXPECT_EQ(accounts.account_of(0), 0U) << "root's id is nobody else's";
  EXPECT_EQ(accounts.account_of(1001), 1001U);
  EXPECT_EQ(accounts.account_of(4294967290U), 1000U) << "a range that goes beyond all ids ends with them";
  EXPECT_EQ(accounts.account_of(4294967295U), 4294967295U) << "nobody's";
  EXPECT_EQ(accounts.account_of(400'000), 1000U) << "the last line without its end";
}

TEST(user_accounts, of_ranges_that_overlap_the_first_has_what_both_name) {
  const auto accounts = UserAccounts::parse("bob:100005:10\nalice:100000:10\nbob:100001:2\n", known);
  EXPECT_EQ(accounts.account_of(100'002), 1000U);
  EXPECT_EQ(accounts.account_of(100'009), 1000U);
  EXPECT_EQ(accounts.account_of(100'010), 1001U);
  EXPECT_EQ(accounts.account_of(100'014), 1001U);
  EXPECT_EQ(accounts.account_of(100'015), 100'015U);
}

TEST(user_accounts, a_range_begins_where_the_one_before_ends_and_not_on_its_last_id) {
  const auto accounts = UserAccounts::parse("alice:100000:10\nbob:100009:5\n", known);
  EXPECT_EQ(accounts.account_of(100'009), 1000U);
  EXPECT_EQ(accounts.account_of(100'010), 1001U);
}

TEST(user_accounts, of_ranges_that_begin_at_the_same_id_the_first_in_the_file_has_it) {
  EXPECT_EQ(UserAccounts::parse("alice:100000:10\nbob:100000:10\n", known).account_of(100'000), 1000U);
  EXPECT_EQ(UserAccounts::parse("bob:100000:10\nalice:100000:10\n", known).account_of(100'000), 1001U);
}

TEST(user_accounts, the_last_id_is_the_one_before_nobodys) {
  const auto accounts = UserAccounts::parse("alice:4294967294:5\n", known);
  EXPECT_EQ(accounts.account_of(4294967294U), 1000U);
  EXPECT_EQ(accounts.account_of(4294967295U), 4294967295U);
  EXPECT_EQ(find_user("4294967294"), 4294967294U);
  EXPECT_FALSE(find_user("4294967295"));
}

TEST(user_accounts, nothing_is_read_behind_the_end_of_the_text) {
  const std::string_view longer = "alice:100000:109";
  const auto accounts = UserAccounts::parse(longer.substr(0, longer.size() - 1), known);
  EXPECT_EQ(accounts.account_of(100'009), 1000U);
  EXPECT_EQ(accounts.account_of(100'010), 100'010U);
}

TEST(user_accounts, a_file_that_is_there_and_cannot_be_read_is_reported) {
  log::set_level(log::Level::info);  // another test may have silenced it
  testing::internal::CaptureStderr();
  EXPECT_EQ(UserAccounts::read("/nonexistent/subuid").account_of(100'000), 100'000U);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "most systems without such users have no file";
  testing::internal::CaptureStderr();
  EXPECT_EQ(UserAccounts::read("/").account_of(100'000), 100'000U);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("subordinate user ids count for themselves"),
            std::string::npos);
}

TEST(user_accounts, users_are_found_by_name_where_there_are_such) {
  EXPECT_EQ(find_user("root"), 0U);
  EXPECT_FALSE(find_user("larder-knows-no-such-user"));
}

}  // namespace
}  // namespace larder::agent
