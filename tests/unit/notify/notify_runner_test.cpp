#include "agent/notify/notify_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/io/log.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;

class NotifyRunnerTest : public testing::Test {
 protected:
  struct Run {
    NotifyCommand command;
    std::vector<std::string> environment;
    UniqueFunction<void(Status)> done;
  };

  void SetUp() override {
    log::set_level(log::Level::off);
    NotifyCommand mail;
    mail.name = "mail";
    mail.command = {"/usr/bin/mail", "admin"};
    runner_ = make_notify_runner(
        {mail}, loop_.runtime(),
        [this](const NotifyCommand& command, std::vector<std::string> environment, UniqueFunction<void(Status)> done) {
          runs_.push_back({command, std::move(environment), std::move(done)});
        });
  }
  void notify(const std::string& job_id, const std::string& command = "mail") {
    Notification what;
    what.command = command;
    what.job_id = job_id;
    what.job_name = "my job";
    what.state = "error";
    what.error_code = "http_fatal";
    what.owner = 1000;
    runner_->notify(what, [this, job_id] { done_.push_back(job_id); });
  }
  void answer(const Status& status) {
    ASSERT_FALSE(runs_.empty());
    auto done = std::move(runs_.front().done);
    runs_.pop_front();
    done(status);
  }
  static Status failure() { return fail(ErrorCode::hook_failed, "run it", "exit status 1"); }

  test::VirtualLoop loop_;
  std::deque<Run> runs_;
  std::vector<std::string> done_;
  std::unique_ptr<NotifyRunner> runner_;
};

TEST_F(NotifyRunnerTest, tells_the_command_of_the_job) {
  notify("job1");
  ASSERT_EQ(runs_.size(), 1U);
  EXPECT_THAT(runs_[0].command.command, ElementsAre("/usr/bin/mail", "admin"));
  for (const char* variable : {"LARDER_JOB=job1", "LARDER_STATE=error", "LARDER_NAME=my job",
                               "LARDER_ERROR_CODE=http_fatal", "LARDER_OWNER=1000"}) {
    EXPECT_THAT(runs_[0].environment, Contains(variable));
  }
  EXPECT_TRUE(done_.empty());
  answer({});
  EXPECT_THAT(done_, ElementsAre("job1"));
  loop_.advance(minutes(60));
  EXPECT_TRUE(runs_.empty());
}

TEST_F(NotifyRunnerTest, tries_again_with_back_off_and_gives_up) {
  notify("job1");
  Duration least = seconds(5);
  for (unsigned attempt = 1; attempt < NotifyRunner::kTries; ++attempt) {
    answer(failure());
    EXPECT_TRUE(runs_.empty());
    loop_.advance(least - seconds(1));
    EXPECT_TRUE(runs_.empty()) << attempt;
    loop_.advance(least);
    ASSERT_EQ(runs_.size(), 1U) << attempt;
    least *= 2;
  }
  EXPECT_TRUE(done_.empty());
  answer(failure());
  EXPECT_THAT(done_, ElementsAre("job1"));
  loop_.advance(minutes(60));
  EXPECT_TRUE(runs_.empty());
}

TEST_F(NotifyRunnerTest, success_after_a_failure_is_the_end) {
  notify("job1");
  answer(failure());
  loop_.advance(seconds(10));
  answer({});
  EXPECT_THAT(done_, ElementsAre("job1"));
}

TEST_F(NotifyRunnerTest, a_forgotten_job_is_not_told_again) {
  notify("running");
  runner_->forget("running");
  answer(failure());
  notify("waiting");
  answer(failure());
  runner_->forget("waiting");
  runner_->forget("unknown");
  loop_.advance(minutes(60));
  EXPECT_TRUE(runs_.empty());
  EXPECT_TRUE(done_.empty());
}

TEST_F(NotifyRunnerTest, a_late_answer_does_not_count_for_the_next_notification) {
  notify("job1");
  auto late = std::move(runs_.front().done);
  runs_.clear();
  runner_->forget("job1");
  notify("job1");
  late({});
  EXPECT_TRUE(done_.empty());
  answer({});
  EXPECT_THAT(done_, ElementsAre("job1"));
}

TEST_F(NotifyRunnerTest, a_command_that_is_no_longer_configured_ends_it) {
  notify("job1", "pigeon");
  EXPECT_TRUE(runs_.empty());
  EXPECT_THAT(done_, ElementsAre("job1"));
}

TEST_F(NotifyRunnerTest, commands_can_be_changed) {
  NotifyCommand pigeon;
  pigeon.name = "pigeon";
  runner_->set_commands({pigeon});
  EXPECT_THAT(runner_->command_names(), ElementsAre("pigeon"));
  notify("job1", "pigeon");
  EXPECT_EQ(runs_.size(), 1U);
}

TEST_F(NotifyRunnerTest, nothing_is_called_back_after_its_end) {
  notify("job1");
  runner_.reset();
  answer(failure());
  loop_.advance(minutes(60));
  EXPECT_TRUE(runs_.empty());
  EXPECT_TRUE(done_.empty());
}

}  // namespace
}  // namespace larder::agent
