#include "inbox/service/awaited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class AwaitedTest : public testing::Test {
 protected:
  void add(const std::string& id, Duration within, const std::string& who) {
    UploadStatus status;
    status.id = id;
    status.state = UploadState::delivering;
    status.offset = 7;
    awaited.add(status, within, [this, who](const Outcome<UploadStatus>& said) {
      heard.push_back(who + (said ? " yes" : said.error().problem == Problem::pending ? " pending" : " no"));
      if (!said && said.error().problem == Problem::pending) {
        EXPECT_EQ(said.error().upload->offset, 7U);
      }
    });
  }
  test::VirtualLoop loop;
  Awaited awaited{loop};
  std::vector<std::string> heard;
};

TEST_F(AwaitedTest, AllWhoWaitForAnUploadHearItsWord) {
  add("a", 60s, "first");
  add("a", 60s, "second");
  add("b", 60s, "other");
  awaited.tell("a", UploadStatus{});
  EXPECT_THAT(heard, ElementsAre("first yes", "second yes"));
  awaited.tell("b", as_refused({Problem::rejected, "", std::nullopt, std::nullopt}));
  EXPECT_THAT(heard, ElementsAre("first yes", "second yes", "other no"));
  EXPECT_EQ(loop.timers(), 0U);
  awaited.tell("a", UploadStatus{});
  EXPECT_EQ(heard.size(), 3U);
}

TEST_F(AwaitedTest, NobodyWaitsLongerThanItsTime) {
  add("a", 60s, "first");
  loop.advance(30s);
  add("a", 60s, "second");
  loop.advance(30s);
  EXPECT_THAT(heard, ElementsAre("first pending"));
  EXPECT_TRUE(awaited.has("a"));
  loop.advance(30s);
  EXPECT_THAT(heard, ElementsAre("first pending", "second pending"));
  EXPECT_FALSE(awaited.has("a"));
}

TEST_F(AwaitedTest, AServiceThatStopsKeepsNobodyWaiting) {
  add("a", 60s, "first");
  add("b", 60s, "second");
  awaited.end_all();
  EXPECT_THAT(heard, ElementsAre("first pending", "second pending"));
  EXPECT_EQ(loop.timers(), 0U);
}

TEST_F(AwaitedTest, ItsEndLeavesNoTimer) {
  auto other = std::make_unique<Awaited>(loop);
  UploadStatus status;
  status.id = "a";
  other->add(status, 60s, [](const Outcome<UploadStatus>&) { FAIL(); });
  other.reset();
  loop.advance(90s);
}

// An inbox whose clients wait.
class WaitingInboxTest : public ServiceTest {
 protected:
  WaitingInboxTest() : ServiceTest(waiting()) {}
  static UploadSettings waiting() {
    UploadSettings settings;
    settings.keep_free = 0;
    settings.wait_for_application = 60s;
    return settings;
  }
  UploadRow row(const std::string& id) {
    return ask<Outcome<UploadRow>>([&](auto done) { ledger_->find(id, std::nullopt, std::move(done)); })->value();
  }
  std::string whole() {
    const std::string id = make(4, "key");
    const auto status = append(id, 0, "0123");
    EXPECT_TRUE(status);
    EXPECT_EQ(status->state, UploadState::accepted);
    EXPECT_FALSE(status->answer) << "the client is not told of success";
    return id;
  }
  UploadRow claim() {
    Claim wanted;
    wanted.inbox = row(accepted_.at(0)).inbox;
    wanted.holder = "node";
    wanted.now = loop_.wall();
    wanted.lease = 10min;
    return ask<Outcome<std::optional<UploadRow>>>([&](auto done) { ledger_->claim(wanted, std::move(done)); })
        ->value()
        .value();
  }
  std::shared_ptr<std::optional<Outcome<UploadStatus>>> await(const std::string& id) {
    auto heard = std::make_shared<std::optional<Outcome<UploadStatus>>>();
    uploads_->await_application(anna_, status_of(row(id)),
                                [heard](Outcome<UploadStatus> said) { heard->emplace(said); });
    return heard;
  }
};

TEST_F(WaitingInboxTest, TheApplicationsWordIsTheAnswer) {
  const std::string id = whole();
  const auto heard = await(id);
  (void)claim();
  EXPECT_FALSE(*heard);
  const auto acknowledged = ask<Outcome<UploadRow>>(
      [&](auto done) { ledger_->acknowledge(id, "fine", std::string(kReplyInStore), loop_.wall(), std::move(done)); });
  uploads_->note_settled(acknowledged->value());
  ASSERT_TRUE(*heard && **heard);
  EXPECT_EQ((**heard)->state, UploadState::delivered);
  EXPECT_TRUE((**heard)->answer);
  EXPECT_TRUE((**heard)->has_reply);
}

TEST_F(WaitingInboxTest, AWordThatCameBeforeIsHeard) {
  const std::string id = whole();
  const UploadStatus before = status_of(row(id));
  (void)claim();
  (void)ask<Outcome<UploadRow>>([&](auto done) {
    ledger_->reject(id, "no", StoredAnswer{403, "no"}, loop_.wall(), std::move(done));
  });
  std::optional<Outcome<UploadStatus>> heard;
  uploads_->await_application(anna_, before, [&](Outcome<UploadStatus> said) { heard.emplace(std::move(said)); });
  ASSERT_TRUE(loop_.wait_for([&] { return heard.has_value(); }));
  EXPECT_EQ(problem_of(*heard), Problem::rejected);
}

TEST_F(WaitingInboxTest, WhoWaitedLongEnoughIsToldToAskAgain) {
  const std::string id = whole();
  const auto heard = await(id);
  (void)row(id);
  loop_.advance(60s);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(problem_of(**heard), Problem::pending);
  EXPECT_TRUE((*heard)->error().retry_after);
}

}  // namespace
}  // namespace larder::inbox
