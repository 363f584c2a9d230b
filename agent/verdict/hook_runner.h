// Runs hooks, at most kMaxRunning of one user at a time and a reserve on top for others; the next one is a user's who
// has fewest running. Loop thread only; one thread of its own watches the processes and is started with the first of
// them.
#pragma once

#include <memory>

#include "agent/verdict/hook_process.h"
#include "base/fair_places.h"
#include "base/runtime/clock.h"
#include "base/unique_function.h"

namespace larder::agent {

class HookRunner {
 public:
  static constexpr std::size_t kMaxRunning = 4;
  using Done = UniqueFunction<void(Result<HookOutcome>)>;

  explicit HookRunner(Executor& loop);
  ~HookRunner();  // kills what runs; nothing is called back
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;

  // `content` is opened anew when its turn comes; `keep` lives until the process has ended.
  struct Request {
    HookRequest process;
    int content = -1;
    std::shared_ptr<void> keep;
    Want want = {};
  };
  void run(Request request, Done done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder::agent
