#include "agent/lan/listen_watch.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"

namespace larder::agent {
namespace {

std::string list_of(const std::vector<peer::Endpoint>& endpoints) {
  std::string text;
  for (const peer::Endpoint& one : endpoints) text += (text.empty() ? "" : ", ") + one.host();
  return text;
}

}  // namespace

ListenWatch::ListenWatch(Runtime runtime, WorkerPool& workers, Read read, Mend mend)
    : runtime_(runtime), workers_(workers), read_(std::move(read)), mend_(std::move(mend)) {}

ListenWatch::~ListenWatch() {
  runtime_.timers.cancel(timer_);
}

void ListenWatch::check_listening() {
  tries_ = 0;
  read_now();
}

void ListenWatch::look_in(Duration wait) {
  runtime_.timers.cancel(timer_);
  timer_ = runtime_.timers.after(wait, [this] {
    timer_ = 0;
    read_now();
  });
}

void ListenWatch::read_now() {
  if (std::exchange(reading_, true)) {
    again_ = true;
    return;
  }
  runtime_.timers.cancel(std::exchange(timer_, 0));
  auto tell = alive_.guard([this](std::vector<peer::Endpoint> missing) {
    reading_ = false;
    seen(std::move(missing));
  });
  const bool queued = workers_.submit([read = read_, tell = std::move(tell), &executor = runtime_.executor]() mutable {
    executor.post([tell = std::move(tell), missing = read()]() mutable { tell(std::move(missing)); });
  });
  if (queued) return;
  reading_ = false;
  look_in(kSoon);
}

void ListenWatch::seen(std::vector<peer::Endpoint> missing) {
  if (std::exchange(again_, false)) return read_now();
  if (missing.empty()) {
    if (!told_.empty()) log::info("the swarm listens again on addresses=\"{}\"", list_of(told_));
    told_.clear();
    tries_ = 0;
    return look_in(kInterval);
  }
  // Repeated attempts for the same addresses are not logged again.
  if (tries_ == 0 && told_.empty())
    log::info("the swarm does not listen everywhere and is told to addresses=\"{}\"", list_of(missing));
  if (tries_ >= kTries) {
    const bool news = missing != told_;
    told_ = std::move(missing);
    if (news) log::warn("{}: agents elsewhere get nothing from here at these addresses", trouble());
  }
  mend_();
  tries_ = std::min(tries_ + 1, 16U);
  look_in(std::min<Duration>(kInterval, kSoon * (1 << std::min(tries_ - 1, 5U))));
}

std::string ListenWatch::trouble() const {
  if (told_.empty()) return {};
  return "the swarm does not listen on TCP " + std::to_string(told_.front().port) + " of " + list_of(told_);
}

}  // namespace larder::agent
