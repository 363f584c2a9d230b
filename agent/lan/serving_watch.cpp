#include "agent/lan/serving_watch.h"

#include <utility>

#include "base/io/log.h"

namespace larder::agent {
namespace {

peer::ServingRules rules(const Config& config) {
  return {config.peer_serve, config.peer_serve_metered, config.peer_min_battery};
}

}  // namespace

ServingWatch::ServingWatch(Runtime runtime, WorkerPool& workers, Read read)
    : runtime_(runtime), workers_(workers), read_(std::move(read)) {}

ServingWatch::~ServingWatch() {
  runtime_.timers.cancel(timer_);
}

void ServingWatch::read_facts() {
  runtime_.timers.cancel(timer_);
  timer_ = runtime_.timers.after(kInterval, [this] {
    timer_ = 0;
    read_facts();
  });
  if (reading_) return;
  auto tell = alive_.guard([this](const peer::ServingFacts& facts) {
    reading_ = false;
    if (facts != facts_)
      log::info("power and network metered={} on_battery={} battery={}", facts.metered, facts.on_battery,
                facts.battery);
    facts_ = facts;
  });
  // If the workers' queue is full, the next interval tries again.
  reading_ = workers_.submit([read = read_, tell = std::move(tell), &executor = runtime_.executor]() mutable {
    executor.post([tell = std::move(tell), facts = read()]() mutable { tell(facts); });
  });
}

// The configuration overrides the system's view of a network's cost.
peer::ServingFacts ServingWatch::facts(const Config& config) const {
  peer::ServingFacts facts = facts_;
  if (config.peer_metered != Metered::automatic) facts.metered = config.peer_metered == Metered::yes;
  return facts;
}

bool ServingWatch::serving(const Config& config) const {
  return peer::serving_stop(rules(config), facts(config)) == peer::ServingStop::none;
}

std::string ServingWatch::trouble(const Config& config) const {
  const auto now = facts(config);
  return peer::serving_stop_text(peer::serving_stop(rules(config), now), rules(config), now);
}

}  // namespace larder::agent
