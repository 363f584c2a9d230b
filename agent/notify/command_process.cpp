#include "agent/notify/command_process.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/io/unique_fd.h"
#include "base/process/hook_runner.h"

namespace larder::agent {
namespace {

Status status_of(const std::string& name, const Result<HookOutcome>& outcome) {
  const std::string doing = "run the notify command " + name;
  if (!outcome) return fail(ErrorCode::hook_failed, doing, outcome.error().detail);
  std::string said = outcome->output;
  while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.pop_back();
  if (!said.empty()) said = "; it said: " + said;
  switch (outcome->how) {
    case HookOutcome::How::exited:
      if (outcome->status == 0) return {};
      return fail(ErrorCode::hook_failed, doing, fmt::format("its exit status is {}{}", outcome->status, said));
    case HookOutcome::How::signalled:
      return fail(ErrorCode::hook_failed, doing, fmt::format("it was ended by signal {}{}", outcome->status, said));
    case HookOutcome::How::timed_out:
      return fail(ErrorCode::hook_failed, doing, "it took longer than its time-out and was ended" + said);
  }
  return fail(ErrorCode::internal, doing, "it ended in an unknown way");
}

}  // namespace

RunCommand run_as_process(Executor& loop) {
  return [runner = std::make_shared<HookRunner>(loop)](
             const NotifyCommand& command, std::vector<std::string> environment, UniqueFunction<void(Status)> done) {
    UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!nothing) {
      const int number = errno;
      return done(fail(ErrorCode::hook_failed, "run the notify command " + command.name,
                       fmt::format("/dev/null: {}", std::strerror(number))));
    }
    HookRunner::Request request;
    request.process.name = command.name;
    request.process.command = command.command;
    request.process.environment = std::move(environment);
    request.process.timeout = command.timeout;
    request.content = nothing.get();
    request.keep = std::make_shared<UniqueFd>(std::move(nothing));
    runner->run_hook(std::move(request), [name = command.name, done = std::move(done)](
                                             Result<HookOutcome> outcome) mutable { done(status_of(name, outcome)); });
  };
}

}  // namespace larder::agent
