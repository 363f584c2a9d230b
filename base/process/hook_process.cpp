#include "base/process/hook_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace larder {
namespace {

tl::unexpected<Error> hook_error(const std::string& name, const std::string& what, int number) {
  return fail(ErrorCode::hook_failed, "run the hook " + name, what + ": " + std::strerror(number));
}

// Moves a descriptor above 0 to 3, which the child fills one after the other.
bool move_up(UniqueFd& descriptor) {
  descriptor = UniqueFd(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 10));
  return descriptor.valid();
}

struct Attributes {
  Attributes() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~Attributes() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

int spawn_child(HookRequest& request, const UniqueFd& output, pid_t& pid) {
  Attributes how;
  posix_spawn_file_actions_adddup2(&how.actions, request.content.get(), 0);
  posix_spawn_file_actions_adddup2(&how.actions, output.get(), 1);
  posix_spawn_file_actions_adddup2(&how.actions, output.get(), 2);
  posix_spawn_file_actions_adddup2(&how.actions, request.content_again.get(), 3);
  posix_spawn_file_actions_addclosefrom_np(&how.actions, 4);
  posix_spawn_file_actions_addchdir_np(&how.actions, "/");
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&how.attributes, &none);
  posix_spawnattr_setsigdefault(&how.attributes, &all);
  posix_spawnattr_setpgroup(&how.attributes, 0);
  posix_spawnattr_setflags(&how.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return ::posix_spawn(&pid, request.command.front().c_str(), &how.actions, &how.attributes,
                       pointers(request.command).data(), pointers(request.environment).data());
}

}  // namespace

Result<std::unique_ptr<HookProcess>> HookProcess::spawn(HookRequest request) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return hook_error(request.name, "no pipe for its output", errno);
  // `into` is closed on return: the child has its own copies, and the output ends when the last of those is closed.
  UniqueFd output(ends[0]), into(ends[1]);
  if (!move_up(into) || !move_up(request.content) || !move_up(request.content_again))
    return hook_error(request.name, request.command.front(), EMFILE);
  pid_t pid = -1;
  if (const int failure = spawn_child(request, into, pid); failure != 0)
    return hook_error(request.name, request.command.front(), failure);
  std::unique_ptr<HookProcess> process(new HookProcess());
  process->pid_ = pid;
  process->output_ = std::move(output);
  ::fcntl(process->output_.get(), F_SETFL, O_NONBLOCK);
  process->pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process->pidfd_) return hook_error(request.name, "it cannot be watched", errno);
  return process;
}

HookProcess::~HookProcess() {
  if (!reaped_ && pid_ > 0) {
    kill();
    (void)reap();
  }
}

void HookProcess::read_output() {
  char buffer[4096];
  while (output_) {
    const ssize_t got = ::read(output_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return output_.reset();
    const std::size_t room = kMaxOutput - text_.size();
    text_.append(buffer, std::min(room, static_cast<std::size_t>(got)));
    // One read per turn of the watcher from a program that writes without end.
    if (text_.size() == kMaxOutput) return;
  }
}

void HookProcess::kill() {
  killed_ = true;
  ::kill(-pid_, SIGKILL);
}

HookOutcome HookProcess::reap() {
  // Before the process is reaped: until then its group number cannot be reused.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  read_output();
  HookOutcome outcome;
  outcome.output = std::move(text_);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  const auto how = WIFEXITED(status) ? HookOutcome::How::exited : HookOutcome::How::signalled;
  outcome.how = killed_ && how == HookOutcome::How::signalled ? HookOutcome::How::timed_out : how;
  return outcome;
}

}  // namespace larder
