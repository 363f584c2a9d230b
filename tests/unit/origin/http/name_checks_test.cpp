// A name that does not exist is told from one that nobody can say anything about.
#include "origin/http/name_checks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

namespace larder::origin {
namespace {

Status unresolved(const std::string& name) {
  return fail(ErrorCode::name_not_resolved, "fetch from " + name, "the name " + name + " is not known");
}

class NameChecksTest : public ::testing::Test {
 protected:
  // What comes until `count` are told; `now` stands still.
  std::vector<NameChecks::Answered> take(NameChecks& checks, std::size_t count) {
    std::vector<NameChecks::Answered> all;
    std::unique_lock lock(mutex_);
    while (all.size() < count) {
      lock.unlock();
      for (NameChecks::Answered& told : checks.take_answered(now)) all.push_back(std::move(told));
      lock.lock();
      if (all.size() >= count) break;
      if (!woken_.wait_for(lock, std::chrono::seconds(20), [this] { return wakes_ > 0; })) break;
      wakes_ = 0;
    }
    EXPECT_EQ(all.size(), count);
    return all;
  }
  std::function<void()> wake() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++wakes_;
      woken_.notify_all();
    };
  }

  SteadyTime now = SteadyTime{} + std::chrono::hours(5);

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
};

TEST_F(NameChecksTest, TellsWhatTheResolverSays) {
  NameChecks checks(wake(), [](const std::string& name) {
    return name == "absent" ? NameFact::absent : name == "there" ? NameFact::exists : NameFact::unknown;
  });
  HttpId id = 0;
  for (const char* name : {"absent", "there", "silent"}) checks.check_name(++id, name, unresolved(name), now);
  const auto told = take(checks, 3);
  for (const NameChecks::Answered& one : told) {
    const ErrorCode code = one.status.error().code;
    EXPECT_EQ(code, one.id == 1 ? ErrorCode::name_not_resolved : ErrorCode::network_unreachable) << one.id;
    if (one.id == 3) {
      EXPECT_NE(one.status.error().detail.find("silent"), std::string::npos);
      EXPECT_NE(one.status.error().detail.find("name server"), std::string::npos);
    }
  }
  EXPECT_EQ(checks.next(), SteadyTime::max());
}

TEST_F(NameChecksTest, WaitsForNobodyLongerThanItsPatience) {
  std::promise<void> hold;
  const std::shared_future<void> held = hold.get_future().share();
  NameChecks checks(wake(), [held](const std::string&) {
    held.wait();
    return NameFact::absent;
  });
  checks.check_name(1, "slow", unresolved("slow"), now);
  checks.check_name(2, "left", unresolved("left"), now);
  checks.cancel(2);
  EXPECT_TRUE(checks.take_answered(now).empty());
  EXPECT_EQ(checks.next(), now + NameChecks::kPatience);
  now += NameChecks::kPatience;
  const auto told = checks.take_answered(now);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].status.error().code, ErrorCode::network_unreachable);
  hold.set_value();
}

TEST_F(NameChecksTest, AsksForSoManyAtATime) {
  std::promise<void> hold;
  const std::shared_future<void> held = hold.get_future().share();
  const auto asked = std::make_shared<std::atomic<std::size_t>>(0);
  NameChecks checks(wake(), [held, asked](const std::string&) {
    ++*asked;
    held.wait();
    return NameFact::absent;
  });
  for (HttpId id = 1; id <= NameChecks::kMost + 5; ++id) checks.check_name(id, "n", unresolved("n"), now);
  EXPECT_EQ(checks.take_answered(now).size(), 5U) << "the others are told at once that nothing is certain";
  hold.set_value();
  EXPECT_EQ(take(checks, NameChecks::kMost).size(), NameChecks::kMost);
  EXPECT_EQ(*asked, NameChecks::kMost);
}

TEST_F(NameChecksTest, MayGoWhileItIsAsked) {
  std::promise<void> hold;
  const std::shared_future<void> held = hold.get_future().share();
  std::promise<void> answered;
  {
    NameChecks checks(wake(), [held, &answered](const std::string&) {
      held.wait();
      answered.set_value();
      return NameFact::absent;
    });
    checks.check_name(1, "slow", unresolved("slow"), now);
  }
  hold.set_value();
  answered.get_future().wait();
}

TEST(AskResolver, KnowsThisMachine) {
  EXPECT_EQ(ask_resolver("localhost"), NameFact::exists);
  EXPECT_EQ(ask_resolver("127.0.0.1"), NameFact::exists);
  EXPECT_EQ(ask_resolver("no-such-host.invalid"), NameFact::absent) << "with or without a name server";
}

}  // namespace
}  // namespace larder::origin
