// A queue of tasks from other threads to the loop, in order; many posts wake the loop once. Any thread may post. The
// owner closes it on the loop thread: tasks that have not run are destroyed then, and later ones are dropped.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/runtime/clock.h"

namespace larder::peer {

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  explicit Mailbox(Executor& loop) : loop_(loop) {}
  void post(Task task);
  void close();  // loop thread

 private:
  void drain();

  Executor& loop_;
  std::mutex mutex_;  // guards the members below
  std::vector<Task> tasks_;
  bool closed_ = false;
};

}  // namespace larder::peer
