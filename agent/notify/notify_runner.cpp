#include "agent/notify/notify_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "agent/notify/command_process.h"
#include "base/io/log.h"
#include "base/runtime/alive.h"
#include "origin/rules/retry.h"

namespace larder::agent {
namespace {

std::vector<std::string> environment_of(const Notification& what) {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "LARDER_JOB=" + what.job_id,
          "LARDER_STATE=" + what.state,
          "LARDER_NAME=" + what.job_name,
          "LARDER_ERROR_CODE=" + what.error_code,
          fmt::format("LARDER_OWNER={}", what.owner)};
}

class Runner final : public NotifyRunner {
 public:
  Runner(std::vector<NotifyCommand> commands, Runtime runtime, RunCommand run)
      : commands_(std::move(commands)), runtime_(runtime), run_(std::move(run)) {}

  void set_commands(std::vector<NotifyCommand> commands) override { commands_ = std::move(commands); }

  std::vector<std::string> command_names() const override {
    std::vector<std::string> names;
    for (const NotifyCommand& command : commands_) names.push_back(command.name);
    return names;
  }

  void notify(Notification what, UniqueFunction<void()> done) override {
    forget(what.job_id);
    Pending& pending = pending_[what.job_id];
    pending.number = ++last_number_;
    pending.what = std::move(what);
    pending.done = std::move(done);
    attempt(pending);
  }

  void forget(const std::string& job_id) override {
    const auto found = pending_.find(job_id);
    if (found == pending_.end()) return;
    if (found->second.timer != 0) runtime_.timers.cancel(found->second.timer);
    pending_.erase(found);
  }

 private:
  struct Pending {
    std::uint64_t number = 0;  // differs from earlier notifications of the same job
    Notification what;
    UniqueFunction<void()> done;
    unsigned failures = 0;
    TimerId timer = 0;
  };

  void attempt(Pending& pending) {
    const std::string& name = pending.what.command;
    const auto command =
        std::find_if(commands_.begin(), commands_.end(), [&](const NotifyCommand& each) { return each.name == name; });
    if (command == commands_.end()) {
      log::error("no notification job={}: no command {} is configured", pending.what.job_id, name);
      return finish(pending);
    }
    log::info("notification job={} command={} try={}", pending.what.job_id, name, pending.failures + 1);
    const auto ended = [this, job_id = pending.what.job_id, number = pending.number](const Status& status) {
      if (Pending* present = find(job_id, number)) over(*present, status);
    };
    run_(*command, environment_of(pending.what), alive_.guard(ended));
  }

  void over(Pending& pending, const Status& status) {
    if (status) return finish(pending);
    ++pending.failures;
    if (pending.failures >= kTries) {
      log::error("notification given up job={} after {} tries: {}", pending.what.job_id, kTries, status.error().text());
      return finish(pending);
    }
    const Duration delay = origin::retry_delay(origin::RetryRule{}, pending.failures, std::nullopt, runtime_.random);
    log::warn("notification failed job={} tries={}: {}", pending.what.job_id, pending.failures, status.error().text());
    pending.timer =
        runtime_.timers.after(delay, alive_.guard([this, job_id = pending.what.job_id, number = pending.number] {
          Pending* present = find(job_id, number);
          if (present == nullptr) return;
          present->timer = 0;
          attempt(*present);
        }));
  }

  void finish(Pending& pending) {
    auto done = std::move(pending.done);
    const std::string job_id = std::move(pending.what.job_id);
    pending_.erase(job_id);
    done();
  }

  Pending* find(const std::string& job_id, std::uint64_t number) {
    const auto found = pending_.find(job_id);
    return found == pending_.end() || found->second.number != number ? nullptr : &found->second;
  }

  std::vector<NotifyCommand> commands_;
  Runtime runtime_;
  RunCommand run_;
  std::unordered_map<std::string, Pending> pending_;  // by job
  std::uint64_t last_number_ = 0;
  Alive alive_;
};

}  // namespace

std::unique_ptr<NotifyRunner> make_notify_runner(std::vector<NotifyCommand> commands, Runtime runtime) {
  return make_notify_runner(std::move(commands), runtime, run_as_process(runtime.executor));
}

std::unique_ptr<NotifyRunner> make_notify_runner(std::vector<NotifyCommand> commands, Runtime runtime, RunCommand run) {
  return std::make_unique<Runner>(std::move(commands), runtime, std::move(run));
}

}  // namespace larder::agent
