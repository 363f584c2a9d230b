// When a probe asks in a plainer way, and where the next one begins.
#include "origin/rules/probe_rules.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error_table.h"

namespace larder::origin {
namespace {

using std::chrono::minutes;

constexpr ProbeStep kSteps[] = {ProbeStep::head, ProbeStep::first_byte, ProbeStep::whole};

std::set<int> statuses_after(ProbeStep step) {
  std::set<int> statuses;
  for (int status = 100; status < 600; ++status) {
    if (asks_plainer_after_status(step, status)) statuses.insert(status);
  }
  return statuses;
}

TEST(ProbeRules, NoRefusalOfAHeadIsBelievedButTheProxysAndOneForPeace) {
  std::set<int> all;
  for (int status = 400; status < 600; ++status) all.insert(status);
  all.erase(407);
  all.erase(429);
  EXPECT_EQ(statuses_after(ProbeStep::head), all);
}

TEST(ProbeRules, ARangeIsAskedForAgainWithoutItWhereTheRefusalMayBeTheRanges) {
  EXPECT_EQ(statuses_after(ProbeStep::first_byte),
            (std::set<int>{400, 403, 405, 406, 409, 411, 412, 413, 417, 500, 501}));
  EXPECT_EQ(statuses_after(ProbeStep::whole), (std::set<int>{})) << "nothing is plainer";
}

TEST(ProbeRules, OnlyAHeadThatIsRefusedForPeaceIsForNextTime) {
  for (const ProbeStep step : kSteps) {
    for (int status = 100; status < 600; ++status)
      EXPECT_EQ(is_for_next_time(step, status), step == ProbeStep::head && status == 429) << status;
  }
}

TEST(ProbeRules, WhatIsTheMatterWithTheWayIsSoForEachRequest) {
  using enum ErrorCode;
  const std::set<ErrorCode> of_the_way = {
      name_not_resolved,  network_unreachable, connect_failed, timed_out,        tls_failed, certificate_rejected,
      proxy_unauthorized, forbidden_url,       invalid_url,    invalid_argument, internal};
  const std::set<ErrorCode> of_the_range = {connection_lost, no_progress, bad_response, range_not_supported};
  for (const ErrorInfo& row : error_table()) {
    EXPECT_EQ(asks_plainer_after(ProbeStep::head, row.code), !of_the_way.contains(row.code)) << row.name;
    EXPECT_EQ(asks_plainer_after(ProbeStep::first_byte, row.code), of_the_range.contains(row.code)) << row.name;
    EXPECT_FALSE(asks_plainer_after(ProbeStep::whole, row.code)) << row.name;
  }
}

class HelperMemoryTest : public ::testing::Test {
 protected:
  void remember(const char* url, ProbeStep of_host, ProbeStep of_url) {
    memory.remember(*parse_url(url), {of_host, of_url}, now);
  }
  [[nodiscard]] ProbeStep first(const char* url) const { return memory.first_step(*parse_url(url), now); }

  HelperMemory memory;
  SteadyTime now = SteadyTime() + minutes(100);
};

TEST_F(HelperMemoryTest, TheHostIsOfAllItsFilesAndTheFileItsOwn) {
  EXPECT_EQ(first("http://h/a"), ProbeStep::head);
  remember("http://h/a", ProbeStep::first_byte, ProbeStep::whole);
  EXPECT_EQ(first("http://h/a"), ProbeStep::whole) << "the plainer of the two";
  EXPECT_EQ(first("http://h/b"), ProbeStep::first_byte);
  EXPECT_EQ(first("https://h/a"), ProbeStep::head);
  EXPECT_EQ(first("http://h:81/a"), ProbeStep::head);
  remember("http://i/a", ProbeStep::whole, ProbeStep::first_byte);
  EXPECT_EQ(first("http://i/a"), ProbeStep::whole);
}

TEST_F(HelperMemoryTest, ALaterLessonReplacesTheOneBeforeForAnHour) {
  remember("http://h/a", ProbeStep::whole, ProbeStep::head);
  now += minutes(30);
  remember("http://h/a", ProbeStep::first_byte, ProbeStep::head);
  EXPECT_EQ(first("http://h/a"), ProbeStep::first_byte);
  remember("http://h/a", ProbeStep::head, ProbeStep::head);
  EXPECT_EQ(first("http://h/a"), ProbeStep::first_byte) << "that HEAD works is no lesson";
  now += minutes(60) - Duration(1);
  EXPECT_EQ(first("http://h/a"), ProbeStep::first_byte);
  now += Duration(1);
  EXPECT_EQ(first("http://h/a"), ProbeStep::head);
}

TEST_F(HelperMemoryTest, TheOldestGoesWhereThereAreTooMany) {
  for (std::size_t i = 0; i < HelperMemory::kMaxEntries; ++i)
    remember(("http://h" + std::to_string(i) + "/").c_str(), ProbeStep::whole, ProbeStep::head);
  EXPECT_EQ(first("http://h0/"), ProbeStep::whole);
  remember("http://h1/", ProbeStep::whole, ProbeStep::head);
  EXPECT_EQ(first("http://h0/"), ProbeStep::whole) << "one that is known already takes no place";
  remember("http://another/", ProbeStep::whole, ProbeStep::head);
  EXPECT_EQ(first("http://h0/"), ProbeStep::head);
  EXPECT_EQ(first("http://h1/"), ProbeStep::whole) << "it was remembered anew";
  EXPECT_EQ(first("http://h2/"), ProbeStep::whole);
}

}  // namespace
}  // namespace larder::origin
