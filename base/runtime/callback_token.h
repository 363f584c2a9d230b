// A token for a place or a turn that a callback gives back. The callback holds the token and marks it answered when it
// is called. If the callback is destroyed uncalled, on any thread, `on_lost` is posted to the loop. So no lost callback
// leaves a place taken or a caller waiting. InFlight is for a plain count.
//
// It does not tell whether the owner still lives: docs/callbacks.md, "CallbackToken".
#pragma once

#include <utility>

#include "base/runtime/clock.h"
#include "base/unique_function.h"

namespace larder {

class CallbackToken {
 public:
  // `on_lost` may be called after its maker was destroyed: it must check.
  CallbackToken(Executor& executor, UniqueFunction<void()> on_lost)
      : executor_(executor), on_lost_(std::move(on_lost)) {}
  ~CallbackToken() {
    if (on_lost_) executor_.post(std::move(on_lost_));
  }
  CallbackToken(const CallbackToken&) = delete;
  CallbackToken& operator=(const CallbackToken&) = delete;

  void mark_answered() { on_lost_ = nullptr; }  // to be called when the answer came

 private:
  Executor& executor_;
  UniqueFunction<void()> on_lost_;
};

}  // namespace larder
