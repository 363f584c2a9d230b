// Which agent to talk to: --socket or LARDER_SOCKET, else the system's, else the user's own, which is started on
// demand. A user's own agent is identified by its state directory, which holds its socket or a file with the socket's
// path (kSocketRecord). The runtime directory of the environment does not identify it, since it may change between two
// commands.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "client/client.h"

namespace larder::agent {

inline constexpr const char* kSystemSocket = "/run/larder/api.sock";

inline constexpr const char* kSocketRecord = "socket";  // in the state directory; written by the agent
inline constexpr std::size_t kMaxSocketPath = 107;      // bytes that the address of a Unix socket holds

// Paths of this user's own agent, by the environment (XDG base directories).
struct UserPaths {
  std::string state_directory;    // $XDG_STATE_HOME/larder, else ~/.local/state/larder
  std::string runtime_directory;  // of its socket: the state directory, or a shorter path if that is too long
  std::string config_file;        // $XDG_CONFIG_HOME/larder/larder.toml; may not exist
  std::string former_socket;      // where agents of earlier versions listen
  [[nodiscard]] std::string socket() const { return runtime_directory + "/api.sock"; }
  [[nodiscard]] std::string log_file() const { return state_directory + "/larderd.log"; }
};

struct Environment {  // the inputs of the paths; read once by main, given by tests
  std::string larder_socket, xdg_runtime_dir, xdg_state_home, xdg_config_home, home;
  unsigned user = 0;
  bool runtime_dir_is_ours = false;  // xdg_runtime_dir is a directory of this user
};

// Reads the environment, without state, configuration and home directories of other users. If HOME is another user's,
// the home in the user database is used: root with another user's environment (sudo -E, su) makes nothing in that
// user's home.
[[nodiscard]] Environment read_environment();
// Returns whether the path, or the nearest existing directory above it, belongs to `user` or to root.
[[nodiscard]] bool is_for_user(const std::string& path, unsigned user);
[[nodiscard]] Result<UserPaths> user_paths(const Environment& environment);

enum class AgentKind { named, system, user };

struct Located {
  AgentKind kind = AgentKind::named;
  std::string socket;
  std::optional<uid_t> user;  // the user who must run the agent, checked at every connection; absent: any
};

// `start`: may start the user's own agent. Otherwise returns the place where an agent would be, even if none runs there
// (the first call of the client then returns agent_unreachable).
[[nodiscard]] Result<Located> locate_agent(const std::string& socket_option, const Environment& environment,
                                           bool start);

// Returns the socket of the running agent that owns the state directory, if there is one.
[[nodiscard]] std::optional<std::string> find_user_agent(const UserPaths& paths);
// Starts the user's own agent unless it runs, and waits until it is ready. Returns its socket. Safe if several
// processes call it at the same time.
[[nodiscard]] Result<std::string> ensure_user_agent(const UserPaths& paths);

}  // namespace larder::agent
