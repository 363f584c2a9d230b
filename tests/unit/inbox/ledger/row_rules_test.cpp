#include "inbox/ledger/row_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kNow = WallTime(1'000'000s);

UploadRow receiving(std::uint64_t offset = 10, std::optional<std::uint64_t> size = 100) {
  UploadRow row;
  row.id = "up";
  row.offset = offset;
  row.size = size;
  row.epoch = 3;
  row.holder = "node";
  row.expires_at = kNow + 24h;
  return row;
}

UploadRow in_state(UploadState state) {
  UploadRow row = receiving(100);
  row.state = state;
  if (was_accepted(state)) {
    row.delivery.emplace();
    row.delivery->attempt = 1;
    row.delivery->accepted_at = kNow;
    if (state == UploadState::accepted) row.delivery->next_at = kNow;
    if (state == UploadState::delivering) row.delivery->lease_until = kNow + 30s;
  }
  return row;
}

Problem problem(const Outcome<Change>& outcome) {
  EXPECT_FALSE(outcome.has_value());
  return outcome ? Problem::failed : outcome.error().problem;
}

constexpr std::array kAll = {UploadState::receiving,  UploadState::sealed,    UploadState::accepted,
                             UploadState::delivering, UploadState::delivered, UploadState::rejected,
                             UploadState::failed,     UploadState::cancelled, UploadState::expired};

// The rules and the table say the same: in no state does a rule do what the table refuses, or another thing.
TEST(RowRules, FollowTheTable) {
  const StoredAnswer answer{204, "fine"};
  struct Case {
    UploadEvent event;
    std::function<Outcome<Change>(UploadRow&)> rule;
  };
  const std::vector<Case> cases = {
      {UploadEvent::accept, [&](UploadRow& row) { return accept(row, 3, answer, kNow); }},
      {UploadEvent::wrong_content,
       [&](UploadRow& row) { return refuse(row, 3, UploadEvent::wrong_content, answer, kNow); }},
      {UploadEvent::scanner_refused,
       [&](UploadRow& row) { return refuse(row, 3, UploadEvent::scanner_refused, answer, kNow); }},
      {UploadEvent::cancel, [&](UploadRow& row) { return cancel(row, kNow); }},
      {UploadEvent::expire, [&](UploadRow& row) { return expire(row, kNow + 24h); }},
      {UploadEvent::claim, [&](UploadRow& row) { return claim(row, "node", kNow, 30s); }},
      {UploadEvent::application_took, [&](UploadRow& row) { return acknowledge(row, "", "", kNow); }},
      {UploadEvent::application_refused, [&](UploadRow& row) { return reject(row, "", answer, kNow); }},
      {UploadEvent::attempt_ended, [&](UploadRow& row) { return end_attempt(row, 1, "", kNow, {}); }},
  };
  for (const Case& one : cases) {
    for (const UploadState state : kAll) {
      UploadRow row = in_state(state);
      const auto changed = one.rule(row);
      const auto expected = next_state(state, one.event);
      EXPECT_EQ(changed.has_value(), expected.has_value()) << event_name(one.event) << " while " << state_name(state);
      EXPECT_EQ(state_name(row.state), state_name(expected.value_or(state))) << event_name(one.event);
      EXPECT_EQ(changed && *changed == Change::made, row.state != state) << event_name(one.event);
    }
  }
}

TEST(RowRules, AWriterOfAnOldEpochChangesNothing) {
  UploadRow row = receiving();
  ASSERT_EQ(take(row, "node").value(), Change::none) << "one process orders its writers itself";
  ASSERT_EQ(take(row, "other").value(), Change::made);
  EXPECT_EQ(row.epoch, 4U);
  const UploadRow before = row;
  EXPECT_EQ(problem(advance(row, 3, {10, 20, kNow, kNow})), Problem::superseded);
  EXPECT_EQ(problem(declare(row, 3, {100, {}})), Problem::superseded);
  EXPECT_EQ(problem(seal(row, 3, {10, 100, {}, kNow, std::nullopt})), Problem::superseded);
  EXPECT_EQ(problem(refuse(row, 3, UploadEvent::wrong_content, {}, kNow)), Problem::superseded);
  EXPECT_EQ(row.offset, before.offset);
  EXPECT_EQ(row.state, UploadState::receiving);
  ASSERT_TRUE(advance(row, 4, {10, 20, kNow, kNow}));
  EXPECT_EQ(row.offset, 20U);
}

TEST(RowRules, OnlyWhatIsReceivingIsTaken) {
  UploadRow row = in_state(UploadState::sealed);
  ASSERT_EQ(take(row, "other").value(), Change::none);
  EXPECT_EQ(row.epoch, 3U);
}

TEST(RowRules, AnAdvanceBeginsAtTheOffsetAndEndsWithinTheSize) {
  UploadRow row = receiving();
  const auto gap = advance(row, 3, {11, 20, kNow, kNow});
  EXPECT_EQ(problem(gap), Problem::wrong_offset);
  EXPECT_EQ(gap.error().upload->offset, 10U);
  EXPECT_EQ(problem(advance(row, 3, {9, 20, kNow, kNow})), Problem::wrong_offset);
  EXPECT_EQ(problem(advance(row, 3, {10, 101, kNow, kNow})), Problem::wrong_size);
  EXPECT_EQ(problem(advance(row, 3, {10, 9, kNow, kNow})), Problem::wrong_size);
  EXPECT_EQ(advance(row, 3, {10, 10, kNow, kNow + 48h}).value(), Change::none);
  EXPECT_EQ(row.expires_at, kNow + 24h) << "no progress";
  EXPECT_EQ(advance(row, 3, {10, 100, kNow + 1h, kNow + 48h}).value(), Change::made);
  EXPECT_EQ(row.offset, 100U);
  EXPECT_EQ(row.progressed_at, kNow + 1h);
  EXPECT_EQ(row.expires_at, kNow + 48h);
  EXPECT_EQ(row.state, UploadState::receiving) << "not complete by its offset";
}

TEST(RowRules, ASizeIsSaidOnce) {
  UploadRow row = receiving(10, std::nullopt);
  EXPECT_EQ(problem(declare(row, 3, {9, {}})), Problem::wrong_size);
  EXPECT_EQ(declare(row, 3, {10, {}}).value(), Change::made);
  EXPECT_EQ(declare(row, 3, {10, {}}).value(), Change::none);
  EXPECT_EQ(problem(declare(row, 3, {11, {}})), Problem::wrong_size);
  EXPECT_EQ(row.size, 10U);
}

TEST(RowRules, ADigestMayComeWithTheSize) {
  UploadRow row = receiving(10, std::nullopt);
  ASSERT_EQ(declare(row, 3, {100, sha256(as_bytes("a"))}).value(), Change::made);
  EXPECT_EQ(row.declared, sha256(as_bytes("a")));
  EXPECT_EQ(declare(row, 3, {100, sha256(as_bytes("a"))}).value(), Change::none);
  EXPECT_EQ(problem(declare(row, 3, {100, sha256(as_bytes("b"))})), Problem::bad_request);
  UploadRow sized = receiving();
  ASSERT_EQ(declare(sized, 3, {100, sha256(as_bytes("a"))}).value(), Change::made);
  EXPECT_EQ(sized.declared, sha256(as_bytes("a")));
}

TEST(RowRules, ASealWantsTheSizeAndTheDigest) {
  const Digest right = sha256(as_bytes("right"));
  UploadRow row = receiving();
  row.declared = right;
  EXPECT_EQ(problem(seal(row, 3, {10, 99, right, kNow, std::nullopt})), Problem::wrong_size);
  EXPECT_EQ(problem(seal(row, 3, {9, 100, right, kNow, std::nullopt})), Problem::wrong_offset);
  EXPECT_EQ(problem(seal(row, 3, {10, 100, sha256(as_bytes("wrong")), kNow, std::nullopt})), Problem::content_digest);
  EXPECT_EQ(row.offset, 10U);
  ASSERT_TRUE(seal(row, 3, {10, 100, right, kNow, std::nullopt}));
  EXPECT_EQ(row.state, UploadState::sealed);
  EXPECT_EQ(row.offset, 100U);
  EXPECT_EQ(row.computed, right);
  EXPECT_FALSE(row.delivery);

  UploadRow unknown = receiving(10, std::nullopt);
  EXPECT_EQ(problem(seal(unknown, 3, {10, 10, right, kNow, std::nullopt})), Problem::wrong_size);
}

TEST(RowRules, ASealMayAcceptAtOnce) {
  UploadRow row = receiving();
  ASSERT_TRUE(seal(row, 3, {10, 100, {}, kNow, StoredAnswer{204, "taken"}}));
  EXPECT_EQ(row.state, UploadState::accepted);
  ASSERT_TRUE(row.delivery);
  EXPECT_EQ(row.delivery->next_at, kNow);
  EXPECT_EQ(row.answer->text, "taken");
}

// An inbox whose clients wait for the application.
TEST(RowRules, AnAnswerMayComeWithTheApplications) {
  UploadRow row = receiving();
  ASSERT_TRUE(seal(row, 3, {10, 100, {}, kNow, StoredAnswer{204, "taken"}, true}));
  EXPECT_EQ(row.state, UploadState::accepted);
  EXPECT_FALSE(row.answer) << "nobody is told of success yet";
  UploadRow refused = row;
  ASSERT_TRUE(claim(row, "node", kNow, 1h));
  ASSERT_TRUE(acknowledge(row, "fine", std::string(kReplyInStore), kNow));
  EXPECT_EQ(row.answer->status, StoredAnswer{}.status);
  ASSERT_TRUE(claim(refused, "node", kNow, 1h));
  ASSERT_TRUE(reject(refused, "no", StoredAnswer{403, "no"}, kNow));
  EXPECT_EQ(refused.answer->status, 403);
}

TEST(RowRules, AReplyGoesWithTheContentAndAUrlStays) {
  UploadRow row = in_state(UploadState::delivered);
  EXPECT_FALSE(status_of(row).has_reply);
  row.delivery->reply = kReplyInStore;
  EXPECT_TRUE(status_of(row).has_reply);
  EXPECT_EQ(status_of(row).reply_at, "");
  row.has_content = false;
  EXPECT_FALSE(status_of(row).has_reply);
  row.delivery->reply = "https://app.example/r/1";
  EXPECT_TRUE(status_of(row).has_reply);
  EXPECT_EQ(status_of(row).reply_at, "https://app.example/r/1");
}

TEST(RowRules, AWishToWaitCountsUpToTheLongest) {
  RetryRules rules;
  rules.least = 90s;
  EXPECT_EQ(wait_before_attempt(1, rules), 90s);
  EXPECT_EQ(wait_before_attempt(9, rules), 256s);
  rules.least = 9999s;
  EXPECT_EQ(wait_before_attempt(1, rules), rules.longest);
}

TEST(RowRules, ItExpiresNotBeforeItsTime) {
  UploadRow row = receiving();
  EXPECT_FALSE(expire(row, kNow + 24h - 1ns));
  EXPECT_TRUE(expire(row, kNow + 24h));
  EXPECT_EQ(row.settled_at, kNow + 24h);
}

TEST(RowRules, AClaimIsALease) {
  UploadRow row = in_state(UploadState::accepted);
  row.delivery->attempt = 0;
  row.delivery->next_at = kNow + 5s;
  EXPECT_EQ(problem(acknowledge(row, "", "", kNow)), Problem::already_settled) << "it was never given";
  EXPECT_EQ(problem(reject(row, "", {}, kNow)), Problem::already_settled);
  EXPECT_EQ(problem(claim(row, "node", kNow + 4s, 30s)), Problem::pending);
  ASSERT_TRUE(claim(row, "worker", kNow + 5s, 30s));
  EXPECT_EQ(row.delivery->attempt, 1U);
  EXPECT_EQ(row.epoch, 4U);
  EXPECT_EQ(row.delivery->lease_until, kNow + 35s);
  EXPECT_FALSE(row.delivery->next_at);
  EXPECT_EQ(row.delivery->holder, "worker");
  EXPECT_EQ(problem(renew(row, 2, kNow + 60s)), Problem::superseded);
  ASSERT_TRUE(renew(row, 1, kNow + 60s));
  EXPECT_EQ(row.delivery->lease_until, kNow + 60s);
  EXPECT_EQ(end_attempt(row, 2, "", kNow, {}).value(), Change::none) << "another attempt is not concerned";
  ASSERT_TRUE(acknowledge(row, "stored as 7", "reply-1", kNow + 40s));
  EXPECT_EQ(row.delivery->result, "stored as 7");
  EXPECT_TRUE(status_of(row).has_reply);
  EXPECT_FALSE(row.delivery->lease_until);
  EXPECT_EQ(row.settled_at, kNow + 40s);
}

TEST(RowRules, TheWaitDoublesUpToAnHour) {
  EXPECT_EQ(wait_before_attempt(1, {}), 1s);
  EXPECT_EQ(wait_before_attempt(2, {}), 2s);
  EXPECT_EQ(wait_before_attempt(12, {}), 2048s);
  EXPECT_EQ(wait_before_attempt(13, {}), 3600s);
  EXPECT_EQ(wait_before_attempt(4'000'000'000U, {}), 3600s);
}

TEST(RowRules, TooManyAttemptsOrTooLateIsRejected) {
  RetryRules rules;
  rules.attempts = 3;
  UploadRow row = in_state(UploadState::delivering);
  row.delivery->attempt = 2;
  ASSERT_TRUE(end_attempt(row, 2, "no answer", kNow + 9s, rules));
  EXPECT_EQ(row.state, UploadState::accepted);
  EXPECT_EQ(row.delivery->next_at, kNow + 11s);
  EXPECT_EQ(row.delivery->result, "no answer");
  ASSERT_TRUE(claim(row, "node", kNow + 11s, 30s));
  ASSERT_TRUE(end_attempt(row, 3, "no answer", kNow + 12s, rules));
  EXPECT_EQ(row.state, UploadState::rejected);
  EXPECT_THAT(row.answer->text, HasSubstr("3 attempts"));
  EXPECT_FALSE(row.delivery->next_at);

  UploadRow late = in_state(UploadState::delivering);
  ASSERT_TRUE(end_attempt(late, 1, "", kNow + rules.age, rules));
  EXPECT_EQ(late.state, UploadState::rejected);
}

TEST(RowRules, AResultIsBoundedAndStaysUtf8) {
  UploadRow row = in_state(UploadState::delivering);
  ASSERT_TRUE(acknowledge(row, std::string(kMaxResult - 1, 'a') + "é", "", kNow));
  EXPECT_EQ(row.delivery->result, std::string(kMaxResult - 1, 'a'));
}

TEST(RowRules, AKeyMeansOneContent) {
  UploadRow row = receiving();
  row.key = "k";
  row.declared = sha256(as_bytes("a"));
  CreateUpload again;
  EXPECT_FALSE(refuse_other_content(row, again));
  again.size = 100;
  again.sha256 = row.declared;
  EXPECT_FALSE(refuse_other_content(row, again));
  again.size = 101;
  EXPECT_EQ(refuse_other_content(row, again)->problem, Problem::key_conflict);
  again.size = 100;
  again.sha256 = sha256(as_bytes("b"));
  EXPECT_EQ(refuse_other_content(row, again)->problem, Problem::key_conflict);
  row.declared.reset();
  EXPECT_FALSE(refuse_other_content(row, again));
  row.computed = sha256(as_bytes("a"));
  EXPECT_EQ(refuse_other_content(row, again)->problem, Problem::key_conflict);
  row.size.reset();
  again.sha256.reset();
  EXPECT_FALSE(refuse_other_content(row, again));
}

TEST(RowRules, TheClientIsToldWhatItMayKnow) {
  UploadRow row = receiving();
  row.declared = sha256(as_bytes("said"));
  EXPECT_EQ(status_of(row).expires_at, row.expires_at);
  EXPECT_EQ(status_of(row).sha256, row.declared);
  row.computed = sha256(as_bytes("is"));
  row.state = UploadState::sealed;
  EXPECT_EQ(status_of(row).sha256, row.computed);
  EXPECT_FALSE(status_of(row).expires_at);
}

}  // namespace
}  // namespace larder::inbox
