// A place, a count or a turn that a callback gives back. The callback holds the token and settles it when it is called;
// where it is destroyed uncalled, on whichever thread, the loss is posted to the loop. So nothing stays counted that
// does not go on, and nobody waits for an answer that cannot come.
//
// It says nothing of whether the owner is still there: docs/callbacks.md, "CallbackToken".
#pragma once

#include <utility>

#include "base/runtime/clock.h"
#include "base/unique_function.h"

namespace larder {

class CallbackToken {
 public:
  // `on_lost` may come after its maker is gone: it has to look.
  CallbackToken(Executor& executor, UniqueFunction<void()> on_lost)
      : executor_(executor), on_lost_(std::move(on_lost)) {}
  ~CallbackToken() {
    if (on_lost_) executor_.post(std::move(on_lost_));
  }
  CallbackToken(const CallbackToken&) = delete;
  CallbackToken& operator=(const CallbackToken&) = delete;

  void settle() { on_lost_ = nullptr; }  // the answer came

 private:
  Executor& executor_;
  UniqueFunction<void()> on_lost_;
};

}  // namespace larder
