#include "agent/uploads/farewells.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"

namespace larder::agent {

void Farewells::tell(origin::UploadJob job) {
  if (entries_.size() >= kMax) forget(entries_.begin());
  job.source.reset();
  entries_.push_back({++last_number_, std::move(job), runtime_.clock.now() + kLongest, kFirstWait, 0});
  ask(last_number_);
}

Farewells::Place Farewells::find_entry(std::uint64_t number) {
  return std::find_if(entries_.begin(), entries_.end(),
                      [number](const Entry& entry) { return entry.number == number; });
}

void Farewells::forget(Place entry) {
  if (entry->timer != 0) runtime_.timers.cancel(entry->timer);
  entries_.erase(entry);
}

void Farewells::ask(std::uint64_t number) {
  const Place entry = find_entry(number);
  if (entry == entries_.end()) return;
  entry->timer = 0;
  uploads_.cancel(entry->job, alive_.guard([this, number](bool nothing_left) { on_answer(number, nothing_left); }));
}

void Farewells::on_answer(std::uint64_t number, bool nothing_left) {
  const Place entry = find_entry(number);
  if (entry == entries_.end()) return;
  const Duration wait = std::exchange(entry->wait, std::min(entry->wait * 2, kLongestWait));
  if (nothing_left || runtime_.clock.now() + wait > entry->until) {
    if (!nothing_left) log::info("server not told of a cancelled upload: it lets it expire");
    return forget(entry);
  }
  entry->timer = runtime_.timers.after(wait, alive_.guard([this, number] { ask(number); }));
}

}  // namespace larder::agent
