#include "base/error_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace larder {
namespace {

TEST(ErrorTable, HasOneRowPerCode) {
  ASSERT_EQ(error_table().size(), static_cast<std::size_t>(ErrorCode::internal) + 1);
  for (std::size_t i = 0; i < error_table().size(); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(error_info(code).code, code);
  }
}

TEST(ErrorTable, NamesAreStableWordsAndUnique) {
  std::set<std::string_view> names;
  for (const ErrorInfo& row : error_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(std::ranges::all_of(row.name, [](char c) { return std::islower(c) != 0 || c == '_'; })) << row.name;
    EXPECT_EQ(error_code_from_name(row.name), row.code);
  }
  EXPECT_FALSE(error_code_from_name(""));
  EXPECT_FALSE(error_code_from_name("no_such_error"));
}

TEST(ErrorTable, StatusesAreInTheirRanges) {
  for (const ErrorInfo& row : error_table()) {
    EXPECT_GE(row.exit_status, 1) << row.name;
    EXPECT_LT(row.exit_status, 64) << row.name;
    EXPECT_GE(row.http_status, 400) << row.name;
    EXPECT_LE(row.http_status, 599) << row.name;
  }
}

TEST(ErrorTable, InternalAndUsageKeepTheirExitStatuses) {
  for (const ErrorInfo& row : error_table()) {
    EXPECT_EQ(row.exit_status == 1, row.code == ErrorCode::internal) << row.name;
    EXPECT_EQ(row.exit_status == 2, row.code == ErrorCode::invalid_argument) << row.name;
  }
}

TEST(ErrorTable, OnlyRelatedCodesShareAnExitStatus) {
  std::map<int, std::set<ErrorCode>> codes;
  for (const ErrorInfo& row : error_table()) codes[row.exit_status].insert(row.code);
  for (const auto& [status, sharing] : codes) {
    if (sharing.size() == 1) continue;
    const bool known = sharing == std::set{ErrorCode::limit_exceeded, ErrorCode::too_large} ||
                       sharing == std::set{ErrorCode::timed_out, ErrorCode::no_progress};
    EXPECT_TRUE(known) << "exit status " << status;
  }
}

// What a job waits out and what it gives up on is a promise to its owner: a change here is a decision.
TEST(ErrorTable, RetryableIsExactlyThis) {
  const std::set<ErrorCode> retryable = {ErrorCode::blocked_by_policy, ErrorCode::network_unreachable,
                                         ErrorCode::name_not_resolved, ErrorCode::connect_failed,
                                         ErrorCode::connection_lost,   ErrorCode::timed_out,
                                         ErrorCode::no_progress,       ErrorCode::tls_failed,
                                         ErrorCode::http_transient,    ErrorCode::hook_failed,
                                         ErrorCode::disk_full,         ErrorCode::content_damaged,
                                         ErrorCode::agent_unreachable, ErrorCode::busy};
  for (const ErrorInfo& row : error_table()) EXPECT_EQ(row.retryable, retryable.contains(row.code)) << row.name;
}

TEST(ErrorTable, ACodeFromNowhereIsInternal) {
  EXPECT_EQ(error_info(static_cast<ErrorCode>(1000)).code, ErrorCode::internal);
}

TEST(Error, TextSaysWhatCannotBeDone) {
  EXPECT_EQ((Error{ErrorCode::not_found, "open /x", "no such file"}).text(), "cannot open /x: no such file");
  EXPECT_EQ((Error{ErrorCode::not_found, "open /x", ""}).text(), "cannot open /x");
}

TEST(Error, FailMakesAnUnexpected) {
  const Result<int> result = fail(ErrorCode::disk_full, "write", "no room");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::disk_full);
  EXPECT_FALSE(result.error().retry_after);
}

}  // namespace
}  // namespace larder
