// Real processes: only programs that are on every system.
#include "agent/notify/command_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;

class CommandProcessTest : public testing::Test {
 protected:
  Status run(std::vector<std::string> command, std::vector<std::string> environment = {},
             Duration timeout = std::chrono::seconds(20)) {
    NotifyCommand configured;
    configured.name = "test";
    configured.command = std::move(command);
    configured.timeout = timeout;
    std::optional<Status> answer;
    run_(configured, std::move(environment), [&](Status status) { answer = std::move(status); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return answer.value_or(Status{});
  }

  test::VirtualLoop loop_;
  test::TempDirectory directory_;
  RunCommand run_ = run_as_process(loop_);
};

TEST_F(CommandProcessTest, gives_the_command_its_environment_and_nothing_to_read) {
  const std::string out = directory_ / "out";
  ASSERT_TRUE(run({"/bin/sh", "-c", "cat; echo \"$LARDER_JOB $LARDER_STATE ${HOME-none}\" > " + out},
                  {"PATH=/usr/bin:/bin", "LARDER_JOB=1", "LARDER_STATE=error"}));
  EXPECT_EQ(test::read_file(out), "1 error none\n");
}

TEST_F(CommandProcessTest, uses_no_shell) {
  const auto status = run({"/bin/sh -c true"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::hook_failed);
  EXPECT_THAT(status.error().text(), HasSubstr("run the notify command test"));
}

TEST_F(CommandProcessTest, tells_exit_status_and_what_was_said) {
  const auto status = run({"/bin/sh", "-c", "echo no route >&2; exit 3"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().detail, "its exit status is 3; it said: no route");
}

TEST_F(CommandProcessTest, tells_a_signal) {
  const auto status = run({"/bin/sh", "-c", "kill -TERM $$"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().detail, "it was ended by signal 15");
}

TEST_F(CommandProcessTest, ends_what_takes_too_long) {
  const auto status = run({"/bin/sh", "-c", "exec sleep 600"}, {"PATH=/usr/bin:/bin"}, std::chrono::milliseconds(50));
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().detail, HasSubstr("time-out"));
}

}  // namespace
}  // namespace larder::agent
