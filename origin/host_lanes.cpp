#include "origin/host_lanes.h"

#include <algorithm>

namespace larder::origin {

// Widens the host for each quiet time that has passed. A host that has all of its places again is forgotten.
HostLanes::Host* HostLanes::find_host(const std::string& name, SteadyTime now) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return nullptr;
  Host& host = found->second;
  while (now - std::max(host.refused_at, host.narrowed_at) >= host.quiet) {
    host.narrowed_at = std::max(host.refused_at, host.narrowed_at) + host.quiet;
    host.places *= 2;
    host.gap = {};
    host.widened = true;
    if (host.places < most_) continue;
    hosts_.erase(found);
    return nullptr;
  }
  return &host;
}

void HostLanes::make_room() {
  if (hosts_.size() < kMaxHosts) return;
  hosts_.erase(std::min_element(hosts_.begin(), hosts_.end(), [](const auto& a, const auto& b) {
    return a.second.refused_at < b.second.refused_at;
  }));
}

void HostLanes::on_refused(const std::string& name, const Refusal& refusal, SteadyTime now) {
  Host* host = find_host(name, now);
  const bool fresh = host == nullptr;
  if (fresh) {
    make_room();
    host = &hosts_[name];
    host->places = most_;
  }
  host->refused_at = now;
  host->served_in_a_row = 0;
  if (refusal.retry_after) {
    const Duration pause = std::clamp<Duration>(*refusal.retry_after, Duration::zero(), kLongestPause);
    host->paused_until = std::max(host->paused_until, now + pause);
  }
  if (!fresh && refusal.begun_at < host->narrowed_at) return;  // begun before the last change
  if (host->widened) host->quiet = std::min(host->quiet * 2, kLongestQuiet);
  host->widened = false;
  host->narrowed_at = now;
  if (host->places == 1) {
    host->gap = std::clamp(host->gap * 2, kFirstGap, kLongestGap);
    return;
  }
  const std::size_t half = std::max<std::size_t>(1, host->places / 2);
  // A request that was refused alone says nothing of how many the host takes: halve.
  host->places = refusal.active > 1 ? std::clamp<std::size_t>(refusal.served, 1, half) : half;
}

void HostLanes::served(const std::string& name, SteadyTime now) {
  Host* host = find_host(name, now);
  if (host == nullptr) return;
  host->served_at = now;
  if (++host->served_in_a_row % kServedBeforeFaster == 0) host->gap = host->gap * 3 / 4;
}

void HostLanes::began(const std::string& name, SteadyTime now) {
  if (Host* host = find_host(name, now)) host->began_at = now;
}

SteadyTime HostLanes::open_at(const Host& host) {
  return std::max(host.paused_until, host.gap == Duration::zero() ? SteadyTime{} : host.began_at + host.gap);
}

bool HostLanes::may_begin(const std::string& name, std::size_t active, SteadyTime now) {
  const Host* host = find_host(name, now);
  return host == nullptr || (active < host->places && now >= open_at(*host));
}

SteadyTime HostLanes::next_change(const std::string& name) const {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return SteadyTime::max();
  return open_at(found->second);
}

bool HostLanes::narrowed_since(const std::string& name, SteadyTime then) const {
  const auto found = hosts_.find(name);
  return found != hosts_.end() && found->second.narrowed_at > then;
}

bool HostLanes::served_since(const std::string& name, SteadyTime then) const {
  const auto found = hosts_.find(name);
  return found != hosts_.end() && found->second.served_at > then;
}

std::size_t HostLanes::places(const std::string& name, SteadyTime now) {
  const Host* host = find_host(name, now);
  return host == nullptr ? most_ : std::min(host->places, most_);
}

}  // namespace larder::origin
