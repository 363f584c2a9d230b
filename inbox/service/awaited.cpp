#include "inbox/service/awaited.h"

#include <fmt/format.h>

#include <utility>

namespace larder::inbox {
namespace {

constexpr std::chrono::seconds kAskLater{5};

tl::unexpected<Refused> undecided(const UploadStatus& status) {
  return as_refused(
      {Problem::pending,
       fmt::format("cannot say yet what becomes of upload {}: all of it came, and the application has not "
                   "answered; ask again",
                   status.id),
       status, kAskLater});
}

}  // namespace

Awaited::~Awaited() {
  for (const auto& [id, waiters] : waiting_)
    for (const Waiter& waiter : waiters) timers_.cancel(waiter.timer);
}

void Awaited::add(const UploadStatus& status, Duration within, Done done) {
  Waiters& waiters = waiting_[status.id];
  const auto waiter = waiters.insert(waiters.end(), Waiter{status, std::move(done)});
  waiter->timer = timers_.after(within, [this, id = status.id, waiter] { give_up(id, waiter); });
}

void Awaited::give_up(const std::string& id, Waiters::iterator waiter) {
  Waiter ended = std::move(*waiter);
  const auto found = waiting_.find(id);
  found->second.erase(waiter);
  if (found->second.empty()) waiting_.erase(found);
  ended.done(undecided(ended.status));
}

void Awaited::tell(const std::string& id, const Outcome<UploadStatus>& answer) {
  auto found = waiting_.extract(id);
  if (!found) return;
  for (const Waiter& waiter : found.mapped()) timers_.cancel(waiter.timer);
  for (Waiter& waiter : found.mapped()) waiter.done(answer);
}

void Awaited::end_all() {
  auto ended = std::exchange(waiting_, {});
  for (const auto& [id, waiters] : ended)
    for (const Waiter& waiter : waiters) timers_.cancel(waiter.timer);
  for (auto& [id, waiters] : ended)
    for (Waiter& waiter : waiters) waiter.done(undecided(waiter.status));
}

}  // namespace larder::inbox
