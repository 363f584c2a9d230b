// Runs hooks: at most kMaxRunning of one user at a time, with a reserve on top for others. The next one belongs to the
// user with the fewest running. Loop thread only. A thread of its own, started with the first hook, watches the
// processes.
#pragma once

#include <memory>

#include "base/fair_places.h"
#include "base/process/hook_process.h"
#include "base/runtime/clock.h"
#include "base/unique_function.h"

namespace larder {

class HookRunner {
 public:
  static constexpr std::size_t kMaxRunning = 4;
  using Done = UniqueFunction<void(Result<HookOutcome>)>;

  explicit HookRunner(Executor& loop);
  ~HookRunner();  // kills running hooks; no `done` is called
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;

  // `content` is opened anew when the hook's turn comes; `keep` lives until the process has ended.
  struct Request {
    HookRequest process;
    int content = -1;
    std::shared_ptr<void> keep;
    Want want = {};
  };
  // Calls `done` once, on the loop thread and never from within the call.
  void run_hook(Request request, Done done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder
