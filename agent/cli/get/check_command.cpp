#include "agent/cli/get/check_command.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "agent/cli/get/interrupts.h"
#include "base/io/standard_streams.h"

namespace larder::agent {
namespace {

std::vector<std::string> check_environment(const std::string& path, const std::string& destination,
                                           const std::string& url) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
  out.push_back("LARDER_FILE=" + path);
  out.push_back("LARDER_DESTINATION=" + destination);
  out.push_back("LARDER_URL=" + url);
  return out;
}

}  // namespace

Result<bool> run_check(const std::string& command, const std::string& path, const std::string& destination,
                       const std::string& url) {
  const std::string doing = "check " + destination;
  std::vector<std::string> environment = check_environment(path, destination, url);
  std::vector<char*> envp;
  envp.reserve(environment.size() + 1);
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return fail(ErrorCode::hook_failed, doing, std::strerror(errno));
  if (child == 0) {
    Interrupts::unblock();
    restore_write_signals();
    ::dup2(STDERR_FILENO, STDOUT_FILENO);  // standard output is for --json
    const std::array<const char*, 6> arguments = {"sh", "-c", command.c_str(), "larder-check", path.c_str(), nullptr};
    ::execve("/bin/sh", const_cast<char* const*>(arguments.data()), envp.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return fail(ErrorCode::hook_failed, doing, std::strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status) == 0;
  const std::string how = WIFEXITED(status) ? fmt::format("ended with status {}", WEXITSTATUS(status))
                                            : fmt::format("was ended by signal {}", WTERMSIG(status));
  return fail(ErrorCode::hook_failed, doing,
              fmt::format("the command {}; only 0 (valid) and 1 (not valid) are verdicts. The content waits in the "
                          "agent: run the same command again",
                          how));
}

}  // namespace larder::agent
