// Which agent to talk to: --socket or LARDER_SOCKET, else the system's, else the user's own, which is started on
// demand.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/cli/client.h"
#include "base/result.h"

namespace larder::agent {

inline constexpr const char* kSystemSocket = "/run/larder/api.sock";

// Where the agent of this user keeps itself; from the environment (XDG base directories).
struct UserPaths {
  std::string runtime_directory;  // $XDG_RUNTIME_DIR/larder, else /tmp/larder-UID
  std::string state_directory;    // $XDG_STATE_HOME/larder, else ~/.local/state/larder
  std::string config_file;        // $XDG_CONFIG_HOME/larder/larder.toml; may not exist
  [[nodiscard]] std::string socket() const { return runtime_directory + "/api.sock"; }
  [[nodiscard]] std::string log_file() const { return state_directory + "/larderd.log"; }
};

struct Environment {  // what the paths depend on; read once by main, given by tests
  std::string larder_socket, xdg_runtime_dir, xdg_state_home, xdg_config_home, home;
  unsigned user = 0;
  bool runtime_dir_is_ours = false;  // xdg_runtime_dir is a directory of this user
};

[[nodiscard]] Environment read_environment();
[[nodiscard]] Result<UserPaths> user_paths(const Environment& environment);

enum class AgentKind { named, system, user };

struct Located {
  AgentKind kind = AgentKind::named;
  std::string socket;
};

// `start`: may start the user's own agent. Without it, the place where an agent would be is answered even when there is
// none (the first call then says agent_unreachable).
[[nodiscard]] Result<Located> locate_agent(const std::string& socket_option, const Environment& environment,
                                           bool start);

// The user's own agent: starts it unless it answers, and waits until it is ready. Safe to race with another.
[[nodiscard]] Status ensure_user_agent(const UserPaths& paths);

}  // namespace larder::agent
