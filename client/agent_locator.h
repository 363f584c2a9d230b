// Which agent to talk to: --socket or LARDER_SOCKET, else the system's, else the user's own, which is started on
// demand. A user's own agent is known by its state directory: its socket is in there, and where it is not, a file in
// there (kSocketRecord) tells where it is. What the environment says of the runtime directory may change between two
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

inline constexpr const char* kSocketRecord = "socket";  // in the state directory; its agent writes it
inline constexpr std::size_t kMaxSocketPath = 107;      // bytes that the address of a Unix socket holds

// Where the agent of this user keeps itself; from the environment (XDG base directories).
struct UserPaths {
  std::string state_directory;    // $XDG_STATE_HOME/larder, else ~/.local/state/larder
  std::string runtime_directory;  // of its socket: the state directory, or a short one where that is too long
  std::string config_file;        // $XDG_CONFIG_HOME/larder/larder.toml; may not exist
  std::string former_socket;      // where agents of earlier versions listen
  [[nodiscard]] std::string socket() const { return runtime_directory + "/api.sock"; }
  [[nodiscard]] std::string log_file() const { return state_directory + "/larderd.log"; }
};

struct Environment {  // what the paths depend on; read once by main, given by tests
  std::string larder_socket, xdg_runtime_dir, xdg_state_home, xdg_config_home, home;
  unsigned user = 0;
  bool runtime_dir_is_ours = false;  // xdg_runtime_dir is a directory of this user
};

// Directories of other users are left out, and where HOME is none of ours the home of the user database is taken: root
// with another user's environment (sudo -E, su) makes nothing in that user's home.
[[nodiscard]] Environment read_environment();
// The path, or the nearest directory above it that exists, belongs to `user` or to root.
[[nodiscard]] bool is_for_user(const std::string& path, unsigned user);
[[nodiscard]] Result<UserPaths> user_paths(const Environment& environment);

enum class AgentKind { named, system, user };

struct Located {
  AgentKind kind = AgentKind::named;
  std::string socket;
  std::optional<uid_t> user;  // who has to be at the other end of every connection
};

// `start`: may start the user's own agent. Without it, the place where an agent would be is answered even when there is
// none (the first call then says agent_unreachable).
[[nodiscard]] Result<Located> locate_agent(const std::string& socket_option, const Environment& environment,
                                           bool start);

// The socket of the agent that has the state directory, where one answers.
[[nodiscard]] std::optional<std::string> find_user_agent(const UserPaths& paths);
// The user's own agent: starts it unless it answers, and waits until it is ready. Safe to race with another. Its
// socket.
[[nodiscard]] Result<std::string> ensure_user_agent(const UserPaths& paths);

}  // namespace larder::agent
