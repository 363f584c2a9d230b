#include "client/agent_locator.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/temp_directory.h"
#include "tests/unit/client/fake_agent.h"

namespace larder::agent {
namespace {

TEST(UserPaths, FollowTheXdgDirectories) {
  Environment environment;
  environment.xdg_runtime_dir = "/run/user/1000";
  environment.runtime_dir_is_ours = true;
  environment.xdg_state_home = "/state";
  environment.xdg_config_home = "/config";
  environment.home = "/home/me";
  environment.user = 1000;
  const auto paths = user_paths(environment);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->socket(), "/state/larder/api.sock") << "whatever the runtime directory is";
  EXPECT_EQ(paths->former_socket, "/run/user/1000/larder/api.sock");
  EXPECT_EQ(paths->state_directory, "/state/larder");
  EXPECT_EQ(paths->config_file, "/config/larder/larder.toml");
}

TEST(UserPaths, HaveDefaults) {
  Environment environment;
  environment.home = "/home/me";
  environment.user = 1000;
  environment.xdg_state_home = "relative/is/ignored";
  const auto paths = user_paths(environment);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->runtime_directory, paths->state_directory);
  EXPECT_EQ(paths->former_socket, "/tmp/larder-1000/api.sock");
  EXPECT_EQ(paths->state_directory, "/home/me/.local/state/larder");
  EXPECT_EQ(paths->config_file, "/home/me/.config/larder/larder.toml");
}

TEST(UserPaths, DoNotUseTheRuntimeDirectoryOfAnother) {
  Environment environment;
  environment.home = "/home/me";
  environment.user = 0;
  environment.xdg_runtime_dir = "/run/user/1000";  // after su
  EXPECT_EQ(user_paths(environment)->former_socket, "/tmp/larder-0/api.sock");
  environment.xdg_state_home = "/" + std::string(120, 's');
  EXPECT_TRUE(user_paths(environment)->socket().starts_with("/tmp/larder-0-"));
}

TEST(UserPaths, HaveAShortSocketForALongStateDirectory) {
  Environment environment;
  environment.user = 1000;
  environment.xdg_runtime_dir = "/run/user/1000";
  environment.runtime_dir_is_ours = true;
  environment.xdg_state_home = "/" + std::string(120, 'a');
  const auto first = user_paths(environment);
  environment.xdg_state_home = "/" + std::string(120, 'b');
  const auto second = user_paths(environment);
  EXPECT_LE(first->socket().size(), kMaxSocketPath);
  EXPECT_TRUE(first->socket().starts_with("/run/user/1000/larder-")) << first->socket();
  EXPECT_NE(first->socket(), second->socket()) << "two agents cannot share one";
  environment.xdg_runtime_dir = "/" + std::string(120, 'r');
  EXPECT_TRUE(user_paths(environment)->socket().starts_with("/tmp/larder-1000-"));
}

TEST(Environments, UseNoDirectoryOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  test::TempDirectory directory;
  const std::string home = directory / "home";
  ASSERT_EQ(::mkdir(home.c_str(), 0755), 0);
  EXPECT_TRUE(is_for_user(home + "/.local/state", 0));
  EXPECT_TRUE(is_for_user(home + "/.local/state", 1000)) << "what root made for others";
  ASSERT_EQ(::chown(home.c_str(), 1000, 1000), 0);
  EXPECT_FALSE(is_for_user(home, 0));
  EXPECT_FALSE(is_for_user(home + "/.local/state", 0));
  EXPECT_TRUE(is_for_user(home + "/.local/state", 1000));
  EXPECT_FALSE(is_for_user(home + "/.local/state", 1001));
  EXPECT_FALSE(is_for_user("relative", 0));
  ::setenv("HOME", home.c_str(), 1);
  ::setenv("XDG_STATE_HOME", (home + "/state").c_str(), 1);
  const Environment environment = read_environment();
  EXPECT_EQ(environment.home.find(home), std::string::npos) << environment.home;
  EXPECT_EQ(environment.xdg_state_home, "");
  ::unsetenv("XDG_STATE_HOME");
  ::unsetenv("HOME");
  EXPECT_NE(read_environment().home, "") << "of the user database";
}

// An agent of this user that listens somewhere else, as the environment of its start said.
class FindUserAgent : public testing::Test {
 protected:
  FindUserAgent() {
    paths.state_directory = directory / "state";
    paths.runtime_directory = paths.state_directory;
    paths.former_socket = directory / "nowhere/api.sock";
    ::mkdir(paths.state_directory.c_str(), 0700);
  }
  void lock(long process) const { write("lock", std::to_string(process) + "\n"); }
  void record(const std::string& socket) const { write(kSocketRecord, socket + "\n"); }
  void write(const std::string& name, const std::string& text) const {
    const std::string path = paths.state_directory + "/" + name;
    test::write_file(path, text);
    ::chmod(path.c_str(), 0600);
  }

  test::TempDirectory directory;
  FakeAgent agent;
  UserPaths paths;
};

TEST_F(FindUserAgent, BelievesTheRecordOfTheStateDirectory) {
  EXPECT_FALSE(find_user_agent(paths));
  record(agent.socket_path());
  EXPECT_FALSE(find_user_agent(paths)) << "nobody holds the lock";
  lock(::getpid());
  EXPECT_EQ(find_user_agent(paths), agent.socket_path());
}

TEST_F(FindUserAgent, TakesNoAgentOfAnotherStateDirectory) {
  record(agent.socket_path());
  lock(::getpid() + 1);
  EXPECT_FALSE(find_user_agent(paths)) << "a record that is out of date";
  paths.former_socket = agent.socket_path();
  EXPECT_FALSE(find_user_agent(paths));
  lock(::getpid());
  EXPECT_EQ(find_user_agent(paths), agent.socket_path());
}

TEST_F(FindUserAgent, BelievesNoRecordThatOthersMayWrite) {
  record(agent.socket_path());
  lock(::getpid());
  const std::string path = paths.state_directory + "/" + kSocketRecord;
  ::chmod(path.c_str(), 0622);
  EXPECT_FALSE(find_user_agent(paths));
  ::unlink(path.c_str());
  ASSERT_EQ(::symlink((directory / "link").c_str(), path.c_str()), 0);
  test::write_file(directory / "link", agent.socket_path() + "\n");
  EXPECT_FALSE(find_user_agent(paths));
}

// The connection that carries the request is the one that is looked at.
TEST_F(FindUserAgent, AClientTalksToThatUserOnly) {
  agent.put(0, "x");
  Client ours(agent.socket_path(), ::getuid()), anybodys(agent.socket_path()),
      others(agent.socket_path(), ::getuid() + 1);
  EXPECT_TRUE(ours.reach());
  EXPECT_TRUE(anybodys.reach());
  EXPECT_FALSE(others.reach());
  const auto answer = others.call("GET", "/v1/status");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::permission_denied);
  const auto stream = others.stream("/v1/events");
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, ErrorCode::permission_denied);
}

TEST(UserPaths, SayWhatIsMissing) {
  const auto paths = user_paths({});
  ASSERT_FALSE(paths);
  EXPECT_NE(paths.error().text().find("HOME"), std::string::npos);
}

TEST(LocateAgent, TakesTheOneThatIsNamed) {
  Environment environment;
  environment.larder_socket = "/from/environment";
  EXPECT_EQ(locate_agent("/named", environment, true)->socket, "/named");
  EXPECT_EQ(locate_agent("", environment, true)->socket, "/from/environment");
}

}  // namespace
}  // namespace larder::agent
