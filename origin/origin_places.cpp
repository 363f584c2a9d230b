#include "origin/origin_places.h"

#include <algorithm>
#include <tuple>

namespace larder::origin {
namespace {

constexpr std::size_t kEmptyEntries = 64;  // hosts without a request, and users, that are kept before the sweep

template <class Map>
void forget_unheld(Map& map) {
  std::erase_if(map, [](const auto& entry) { return entry.second.held() == 0; });
}

}  // namespace

OriginPlaces::OriginPlaces(std::size_t connections_of_one_user)
    : connections_(FairPlaces::with_reserve(connections_of_one_user)) {}

void OriginPlaces::note_request(Owner owner, SteadyTime now) {
  about_[owner] = now;
  if (about_.size() > kEmptyEntries)
    std::erase_if(about_, [now](const auto& one) { return one.second + kAbout < now; });
}

bool OriginPlaces::is_alone(Owner owner, SteadyTime now) const {
  if (connections_.held() > connections_.held(owner)) return false;
  return std::none_of(about_.begin(), about_.end(),
                      [&](const auto& one) { return one.first != owner && one.second + kAbout >= now; });
}

FairPlaces& OriginPlaces::host_places(const std::string& host, std::size_t limit) {
  FairPlaces& places = hosts_.try_emplace(host, limit).first->second;
  places.set_total(limit);
  return places;
}

bool OriginPlaces::lane_has_room(const Lane* lane) const {
  if (lane == nullptr) return true;
  const auto found = lanes_.find(lane);
  return found == lanes_.end() || found->second.held() < lane->most;
}

bool OriginPlaces::host_has_room(const std::string& host, std::size_t host_limit, Owner owner, SteadyTime now) {
  return host_places(host, host_limit).may_take(owner, 1, is_alone(owner, now));
}

bool OriginPlaces::has_room(const Need& need, Owner owner, SteadyTime now) {
  return connections_.may_take(owner) && lane_has_room(need.lane) &&
         host_has_room(need.host, need.host_limit, owner, now);
}

std::size_t OriginPlaces::places_of_host(const std::string& host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? 0 : found->second.held();
}

OriginPlaces::Places OriginPlaces::take_places(const Need& need, Owner owner) {
  forget_empty();
  Places held;
  held.connection = connections_.take_places(owner);
  held.host = host_places(need.host, need.host_limit).take_places(owner);
  if (need.lane != nullptr) held.lane = lanes_.try_emplace(need.lane, need.lane->most).first->second.take_places(owner);
  return held;
}

void OriginPlaces::forget_empty() {
  if (hosts_.size() > connections_.held() + kEmptyEntries) forget_unheld(hosts_);
  // Lanes are known by address: a new lane may be made where an ended one was. An entry without a holder is dropped.
  forget_unheld(lanes_);
}

std::optional<std::uint64_t> OriginPlaces::who_yields(const Need& need, Owner owner, SteadyTime since,
                                                      const std::vector<Running>& running, SteadyTime now) {
  if (!lane_has_room(need.lane)) return std::nullopt;  // another user's place would not help: the lane is its job's
  const FairPlaces& host = host_places(need.host, need.host_limit);
  const bool host_short = !host_has_room(need.host, need.host_limit, owner, now);
  if (!host_short && connections_.may_take(owner)) return std::nullopt;  // there is room
  const FairPlaces& scarce = host_short ? host : connections_;
  const std::size_t own = scarce.held(owner);
  const bool patient = now - since < kGrace;
  const Running* choice = nullptr;
  const auto rank = [&scarce](const Running& one) { return std::tuple(one.slow, scarce.held(one.owner), one.since); };
  for (const Running& one : running) {
    if (one.owner == owner || (host_short && one.host != need.host)) continue;
    const bool more = scarce.held(one.owner) > own;
    const bool too_much = !patient && scarce.holds_too_much(one.owner);
    if (!more || !(one.slow || too_much)) continue;
    if (choice == nullptr || rank(one) > rank(*choice)) choice = &one;
  }
  if (choice == nullptr) return std::nullopt;
  return choice->id;
}

}  // namespace larder::origin
