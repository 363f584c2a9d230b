#include "client/agent_starter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "base/hash/digest.h"
#include "client/agent_locator.h"

namespace larder::agent {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kReadyWithin{20};
constexpr off_t kMaxLog = 4 * 1024 * 1024;

// A datagram socket in the abstract namespace with a name that cannot be guessed.
Result<UniqueFd> readiness_socket(std::string& name) {
  name = "larder-ready-" + random_id();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return fail(ErrorCode::internal, "start an agent", std::strerror(errno));
  return fd;
}

Result<UniqueFd> open_log(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && info.st_size > kMaxLog) ::rename(path.c_str(), (path + ".1").c_str());
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(ErrorCode::disk_error, "open the agent's log " + path, std::strerror(errno));
  return fd;
}

std::vector<std::string> environment_with(const std::string& notify_name) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    // These belong to the calling session, not to the agent.
    if (text.starts_with("NOTIFY_SOCKET=") || text.starts_with("JOURNAL_STREAM=") || text.starts_with("WATCHDOG_"))
      continue;
    out.emplace_back(text);
  }
  out.push_back("NOTIFY_SOCKET=@" + notify_name);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// In the child between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment, int log) {
  ::setsid();  // Ctrl-C of this terminal does not reach the agent
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::close_range(3, UINT_MAX, 0);
  if (::chdir("/") != 0) ::_exit(126);
  ::execve(program, arguments, environment);
  ::_exit(127);
}

bool says_ready(int socket) {
  std::array<char, 512> text{};
  const ssize_t size = ::recv(socket, text.data(), text.size(), 0);
  return size > 0 &&
         std::string_view(text.data(), static_cast<std::size_t>(size)).find("READY=1") != std::string_view::npos;
}

std::string last_lines(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  const off_t size = fd ? ::lseek(fd.get(), 0, SEEK_END) : 0;
  const off_t from = size > 600 ? size - 600 : 0;
  const ssize_t got = fd ? ::pread(fd.get(), text.data(), 600, from) : 0;
  if (got <= 0) return {};
  std::string_view tail(text.data(), static_cast<std::size_t>(got));
  while (tail.ends_with('\n')) tail.remove_suffix(1);
  const auto line = tail.rfind('\n');
  return std::string(line == std::string_view::npos ? tail : tail.substr(line + 1));
}

// Waits for another process's agent: the child of a lost race ends at the state directory's lock, and the winner
// answers soon.
std::optional<std::string> answers_soon(const UserPaths& paths) {
  const auto until = steady_clock::now() + std::chrono::seconds(3);
  do {
    if (auto socket = find_user_agent(paths)) return socket;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it notifies the process that started it
  } while (steady_clock::now() < until);
  return std::nullopt;
}

Result<std::string> wait_until_ready(pid_t child, int socket, const UserPaths& paths) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const auto until = steady_clock::now() + kReadyWithin;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (left <= 0)
      return fail(ErrorCode::agent_unreachable, "start an agent for you",
                  fmt::format("it was not ready within {} s; see {}", kReadyWithin.count(), paths.log_file()));
    std::array<pollfd, 2> waited{pollfd{socket, POLLIN, 0}, pollfd{process.get(), POLLIN, 0}};
    if (::poll(waited.data(), waited.size(), static_cast<int>(left)) < 0 && errno != EINTR)
      return fail(ErrorCode::internal, "start an agent for you", std::strerror(errno));
    if ((waited[0].revents & POLLIN) != 0 && says_ready(socket)) return paths.socket();
    if ((waited[1].revents & POLLIN) == 0) continue;
    ::waitpid(child, nullptr, WNOHANG);
    if (auto other = answers_soon(paths)) return *other;
    return fail(ErrorCode::agent_unreachable, "start an agent for you",
                fmt::format("it ended at once; {} says: {}", paths.log_file(), last_lines(paths.log_file())));
  }
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string find_larderd() {
  std::array<char, PATH_MAX> self{};
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (size > 0) {
    const std::string program(self.data(), static_cast<std::size_t>(size));
    std::string beside = program.substr(0, program.rfind('/')) + "/larderd";
    if (is_program(beside)) return beside;
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    std::string candidate(rest.substr(0, colon));
    candidate += "/larderd";
    if (candidate[0] == '/' && is_program(candidate)) return candidate;  // a relative entry may be another user's
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  return {};
}

Result<std::string> start_user_agent(const UserPaths& paths) {
  const std::string program = find_larderd();
  if (program.empty())
    return fail(
        ErrorCode::agent_unreachable, "start an agent for you",
        "larderd is neither beside this program nor in PATH; install it, or name a running agent with --socket");
  std::string notify_name;
  auto ready = readiness_socket(notify_name);
  if (!ready) return tl::unexpected(ready.error());
  auto log = open_log(paths.log_file());
  if (!log) return tl::unexpected(log.error());
  std::vector<std::string> arguments = {program, "--state-directory=" + paths.state_directory,
                                        "--runtime-directory=" + paths.runtime_directory, "--idle-exit=10m",
                                        "--trust-environment"};
  // Never the system's configuration: its socket and limits are not for this user.
  arguments.push_back("--config=" + (paths.config_file.empty() ? "/dev/null" : paths.config_file));
  arguments.push_back("--config-optional");
  std::vector<std::string> environment = environment_with(notify_name);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  const pid_t child = ::fork();
  if (child < 0) return fail(ErrorCode::internal, "start an agent for you", std::strerror(errno));
  if (child == 0) become(program.c_str(), argv.data(), envp.data(), log->get());
  return wait_until_ready(child, ready->get(), paths);
}

}  // namespace larder::agent
