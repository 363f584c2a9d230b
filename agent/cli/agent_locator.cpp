#include "agent/cli/agent_locator.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "agent/cli/agent_starter.h"

namespace larder::agent {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool is_own_directory(const std::string& path) {
  struct stat info {};
  return !path.empty() && ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::getuid();
}

bool answers(const std::string& socket) {
  return connect_unix(socket).has_value();
}

// A socket of somebody else in our place would be given our credentials.
Status check_peer(const std::string& socket) {
  auto connection = connect_unix(socket);
  if (!connection) return tl::unexpected(connection.error());
  const auto user = peer_user(connection->get());
  if (user && (*user == ::getuid() || *user == 0)) return {};
  return fail(ErrorCode::permission_denied, fmt::format("trust the agent at {}", socket),
              "another user runs it; remove the socket or name the agent to use with --socket");
}

Status make_directory(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    ::mkdir(path.substr(0, slash).c_str(), 0700);  // what is wrong shows at the last one
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(ErrorCode::permission_denied, "make the directory " + path, std::strerror(errno));
}

// Ours alone: in /tmp anybody might have made it first.
Status check_private(const std::string& path) {
  struct stat info {};
  const std::string doing = "use the directory " + path;
  if (::lstat(path.c_str(), &info) != 0) return fail(ErrorCode::permission_denied, doing, std::strerror(errno));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid())
    return fail(ErrorCode::permission_denied, doing,
                "it is not a directory of yours; remove it or set XDG_RUNTIME_DIR to one that is");
  if ((info.st_mode & 077) != 0 && ::chmod(path.c_str(), 0700) != 0)
    return fail(ErrorCode::permission_denied, doing, std::strerror(errno));
  return {};
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.larder_socket = variable("LARDER_SOCKET");
  environment.xdg_runtime_dir = variable("XDG_RUNTIME_DIR");
  environment.xdg_state_home = variable("XDG_STATE_HOME");
  environment.xdg_config_home = variable("XDG_CONFIG_HOME");
  environment.home = variable("HOME");
  environment.user = ::getuid();
  environment.runtime_dir_is_ours = is_own_directory(environment.xdg_runtime_dir);
  return environment;
}

Result<UserPaths> user_paths(const Environment& environment) {
  UserPaths paths;
  const bool absolute_home = environment.home.starts_with('/');
  const auto base = [&](const std::string& set, const char* fallback) {
    if (set.starts_with('/')) return set;  // the specification says to ignore relative ones
    return absolute_home ? environment.home + fallback : std::string();
  };
  const std::string state = base(environment.xdg_state_home, "/.local/state");
  const std::string config = base(environment.xdg_config_home, "/.config");
  if (state.empty())
    return fail(ErrorCode::invalid_argument, "find a place for your agent's state",
                "neither HOME nor XDG_STATE_HOME is set to an absolute path");
  paths.state_directory = state + "/larder";
  if (!config.empty()) paths.config_file = config + "/larder/larder.toml";
  const bool runtime_usable = environment.xdg_runtime_dir.starts_with('/') && environment.runtime_dir_is_ours;
  paths.runtime_directory =
      runtime_usable ? environment.xdg_runtime_dir + "/larder" : fmt::format("/tmp/larder-{}", environment.user);
  return paths;
}

Status ensure_user_agent(const UserPaths& paths) {
  if (answers(paths.socket())) return check_peer(paths.socket());
  for (const std::string& directory : {paths.runtime_directory, paths.state_directory}) {
    if (auto made = make_directory(directory); !made) return made;
    if (auto checked = check_private(directory); !checked) return checked;
  }
  if (auto started = start_user_agent(paths); !started) return started;
  return check_peer(paths.socket());
}

Result<Located> locate_agent(const std::string& socket_option, const Environment& environment, bool start) {
  if (!socket_option.empty()) return Located{AgentKind::named, socket_option};
  if (!environment.larder_socket.empty()) return Located{AgentKind::named, environment.larder_socket};
  if (answers(kSystemSocket)) return Located{AgentKind::system, kSystemSocket};
  const auto paths = user_paths(environment);
  if (!paths) return tl::unexpected(paths.error());
  if (start) {
    if (auto ready = ensure_user_agent(*paths); !ready) return tl::unexpected(ready.error());
  } else if (answers(paths->socket())) {
    if (auto trusted = check_peer(paths->socket()); !trusted) return tl::unexpected(trusted.error());
  }
  return Located{AgentKind::user, paths->socket()};
}

}  // namespace larder::agent
