#include "peer/swarm/mailbox.h"

#include <utility>

namespace larder::peer {

void Mailbox::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  // Under the lock: after close() loop_ may be destroyed.
  if (tasks_.size() == 1) loop_.post([self = shared_from_this()] { self->drain(); });
}

void Mailbox::close() {
  std::vector<Task> dying;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dying.swap(tasks_);
}

void Mailbox::drain() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
    }
    task();
  }
}

}  // namespace larder::peer
