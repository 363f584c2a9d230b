#include "agent/cli/agent_locator.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(paths->socket(), "/run/user/1000/larder/api.sock");
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
  EXPECT_EQ(paths->runtime_directory, "/tmp/larder-1000");
  EXPECT_EQ(paths->state_directory, "/home/me/.local/state/larder");
  EXPECT_EQ(paths->config_file, "/home/me/.config/larder/larder.toml");
}

TEST(UserPaths, DoNotUseTheRuntimeDirectoryOfAnother) {
  Environment environment;
  environment.home = "/home/me";
  environment.user = 0;
  environment.xdg_runtime_dir = "/run/user/1000";  // after su
  EXPECT_EQ(user_paths(environment)->runtime_directory, "/tmp/larder-0");
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
