#include "cache/write/disk_queue.h"

namespace larder::cache {
namespace {

// Polling interval while the pool is full of work of others: no own work is in flight whose return would go on.
constexpr Duration kRetryDelay = std::chrono::milliseconds(2);

}  // namespace

struct DiskQueue::Shared {
  DiskQueue* owner;  // null after its destruction; loop thread
};

DiskQueue::DiskQueue(Runtime runtime, WorkerPool& pool)
    : runtime_(runtime), pool_(pool), shared_(std::make_shared<Shared>(Shared{this})) {}

DiskQueue::~DiskQueue() {
  shared_->owner = nullptr;
  runtime_.timers.cancel(retry_);
}

void DiskQueue::submit(Work work) {
  held_back_.push_back(std::make_shared<Work>(std::move(work)));
  if (held_back_.size() == 1) pump();
}

void DiskQueue::pump() {
  while (!held_back_.empty()) {
    const bool queued = pool_.submit([work = held_back_.front(), shared = shared_, hold = running_.begin(),
                                      &executor = runtime_.executor]() mutable {
      Task then = (*work)();
      work.reset();  // frees its buffers on the disk thread
      executor.post([shared = std::move(shared), hold = std::move(hold), then = std::move(then)]() mutable {
        hold.release();
        if (shared->owner == nullptr) return;
        if (then) then();
        if (shared->owner != nullptr) shared->owner->pump();
      });
    });
    if (!queued) {
      if (running_.count() == 0) retry_later();
      return;
    }
    held_back_.pop_front();
  }
}

void DiskQueue::retry_later() {
  if (retry_ != 0) return;
  retry_ = runtime_.timers.after(kRetryDelay, [this] {
    retry_ = 0;
    pump();
  });
}

}  // namespace larder::cache
