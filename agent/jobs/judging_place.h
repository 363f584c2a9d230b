// One content at a judge, among the few that may be there at once. Held by the callbacks of that judgement: where the
// last of them is destroyed without a call, the loss is told, so that nothing waits for it and the place is free again.
#pragma once

#include <utility>

#include "base/clock.h"
#include "base/unique_function.h"

namespace larder::agent {

class JudgingPlace {
 public:
  // `on_lost` is posted to the executor, from whichever thread destroyed the callback.
  JudgingPlace(Executor& executor, UniqueFunction<void()> on_lost)
      : executor_(executor), on_lost_(std::move(on_lost)) {}
  ~JudgingPlace() {
    if (on_lost_) executor_.post(std::move(on_lost_));
  }
  JudgingPlace(const JudgingPlace&) = delete;
  JudgingPlace& operator=(const JudgingPlace&) = delete;

  void give_back() { on_lost_ = nullptr; }  // the judgement came

 private:
  Executor& executor_;
  UniqueFunction<void()> on_lost_;
};

}  // namespace larder::agent
