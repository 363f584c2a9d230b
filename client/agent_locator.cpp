#include "client/agent_locator.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/hash/digest.h"
#include "client/agent_starter.h"
#include "client/client.h"

namespace larder::agent {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string home_in_user_database() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_dir == nullptr ? std::string() : std::string(found->pw_dir);
}

bool is_own_directory(const std::string& path) {
  struct stat info {};
  return !path.empty() && ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::getuid();
}

// Returns whether this user runs the agent: an agent of another user would get this user's credentials.
bool is_ours(int connection) {
  return peer_user(connection) == ::getuid();
}

// Returns the first line of a small file in the state directory; empty if there is none that only this user can write.
std::string read_own_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  if (info.st_uid != ::getuid() || (info.st_mode & 022) != 0) return {};
  std::array<char, 4096> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  const std::string_view all(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(all.substr(0, all.find('\n')));
}

// Returns whether the agent behind this connection holds the state directory's lock. A process of another PID namespace
// has no number here, and is accepted without this check.
bool holds_lock(int connection, const std::string& state_directory) {
  const auto process = peer_process(connection);
  if (!process) return false;
  return *process == 0 || std::to_string(*process) == read_own_file(state_directory + "/lock");
}

Status make_directory(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    ::mkdir(path.substr(0, slash).c_str(), 0700);  // an error shows at the last directory
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(ErrorCode::permission_denied, "make the directory " + path, std::strerror(errno));
}

// Checks that the directory is this user's and makes it private: in /tmp another user might have made it first.
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

bool is_for_user(const std::string& path, unsigned user) {
  if (!path.starts_with('/')) return false;
  for (std::string at = path;; at = at.substr(0, std::max<std::size_t>(at.rfind('/'), 1))) {
    struct stat info {};
    if (::stat(at.c_str(), &info) == 0) return info.st_uid == user || info.st_uid == 0;
    if (at.size() <= 1) return false;
  }
}

Environment read_environment() {
  Environment environment;
  environment.user = ::getuid();
  const auto own_directory = [&](const char* name) {
    std::string path = variable(name);
    return is_for_user(path, environment.user) ? path : std::string();
  };
  environment.larder_socket = variable("LARDER_SOCKET");
  environment.xdg_runtime_dir = variable("XDG_RUNTIME_DIR");
  environment.xdg_state_home = own_directory("XDG_STATE_HOME");
  environment.xdg_config_home = own_directory("XDG_CONFIG_HOME");
  environment.home = own_directory("HOME");
  if (environment.home.empty()) environment.home = home_in_user_database();
  environment.runtime_dir_is_ours = is_own_directory(environment.xdg_runtime_dir);
  return environment;
}

Result<UserPaths> user_paths(const Environment& environment) {
  UserPaths paths;
  const bool absolute_home = environment.home.starts_with('/');
  const auto base = [&](const std::string& set, const char* fallback) {
    if (set.starts_with('/')) return set;  // the XDG specification says to ignore relative paths
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
  const std::string former =
      runtime_usable ? environment.xdg_runtime_dir + "/larder" : fmt::format("/tmp/larder-{}", environment.user);
  paths.former_socket = former + "/api.sock";
  paths.runtime_directory = paths.state_directory;
  if (paths.socket().size() <= kMaxSocketPath) return paths;
  // One for each state directory: two agents cannot share a socket.
  const std::string suffix = "-" + to_hex(blake2b256(as_bytes(paths.state_directory))).substr(0, 8);
  paths.runtime_directory = former + suffix;
  if (paths.socket().size() > kMaxSocketPath)
    paths.runtime_directory = fmt::format("/tmp/larder-{}{}", environment.user, suffix);
  return paths;
}

std::optional<std::string> find_user_agent(const UserPaths& paths) {
  const std::string recorded = read_own_file(paths.state_directory + "/" + kSocketRecord);
  for (const std::string& socket : {recorded, paths.socket(), paths.former_socket}) {
    if (!socket.starts_with('/')) continue;
    const auto connection = connect_unix(socket);
    if (!connection || !is_ours(connection->get())) continue;
    const bool in_state = socket == paths.state_directory + "/api.sock";
    if (in_state || holds_lock(connection->get(), paths.state_directory)) return socket;
  }
  return std::nullopt;
}

Result<std::string> ensure_user_agent(const UserPaths& paths) {
  struct stat info {};
  if (::lstat(paths.state_directory.c_str(), &info) == 0) {
    if (auto checked = check_private(paths.state_directory); !checked) return tl::unexpected(checked.error());
    if (auto socket = find_user_agent(paths)) return *socket;
  }
  for (const std::string& directory : {paths.runtime_directory, paths.state_directory}) {
    if (auto made = make_directory(directory); !made) return tl::unexpected(made.error());
    if (auto checked = check_private(directory); !checked) return tl::unexpected(checked.error());
  }
  return start_user_agent(paths);
}

Result<Located> locate_agent(const std::string& socket_option, const Environment& environment, bool start) {
  if (!socket_option.empty()) return Located{AgentKind::named, socket_option, std::nullopt};
  if (!environment.larder_socket.empty()) return Located{AgentKind::named, environment.larder_socket, std::nullopt};
  // Only root can make names in /run, so the socket there is trusted whatever user runs the agent.
  if (connect_unix(kSystemSocket)) return Located{AgentKind::system, kSystemSocket, std::nullopt};
  const auto paths = user_paths(environment);
  if (!paths) return tl::unexpected(paths.error());
  if (!start) return Located{AgentKind::user, find_user_agent(*paths).value_or(paths->socket()), environment.user};
  auto socket = ensure_user_agent(*paths);
  if (!socket) return tl::unexpected(socket.error());
  return Located{AgentKind::user, std::move(*socket), environment.user};
}

}  // namespace larder::agent
