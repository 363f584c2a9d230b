// The places of requests to origins: connections in all, of one host, of one lane. Who may begin, and who gives its
// place up for another user. Pure: `now` and the host's present limit are arguments. One thread.
//
// Connections: kOfOne for one user, and a reserve on top for others, so that whoever comes never waits for somebody
// else's answer. Places of one host are what that host can be expected to take, without anything on top: one user alone
// has them all, and gives some up when another comes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fair_places.h"
#include "base/runtime/clock.h"
#include "origin/http/http_client.h"

namespace larder::origin {

class OriginPlaces {
 public:
  // So long after its last request a user still counts as being about: what is kept for it is there at once.
  static constexpr Duration kAbout = std::chrono::minutes(10);
  // So long a request waits for a place that comes free by itself, before another user's request gives one up.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  explicit OriginPlaces(std::size_t connections_of_one_user);

  // What a request needs.
  struct Need {
    std::string host;  // scheme, host and port
    const Lane* lane = nullptr;
    std::size_t host_limit = 1;  // places that the host has now
  };
  struct Held {
    FairPlaces::Place connection, host, lane;
  };

  void seen(Owner owner, SteadyTime now);  // it asks for something
  [[nodiscard]] bool has_room(const Need& need, Owner owner, SteadyTime now);
  [[nodiscard]] bool host_has_room(const std::string& host, std::size_t host_limit, Owner owner, SteadyTime now);
  [[nodiscard]] std::size_t held_of_host(const std::string& host) const;
  [[nodiscard]] Held take(const Need& need, Owner owner);
  [[nodiscard]] const FairPlaces& connections() const { return connections_; }

  struct Running {
    std::uint64_t id = 0;
    Owner owner = 0;
    std::string host;
    SteadyTime since{};
    bool slow = false;  // below the least rate for a minute
  };
  // Which of `running` gives its place up for `owner`, who has waited since `since` for what it needs; none: it goes on
  // waiting. Never one of a user that holds no more than `owner`.
  [[nodiscard]] std::optional<std::uint64_t> who_yields(const Need& need, Owner owner, SteadyTime since,
                                                        const std::vector<Running>& running, SteadyTime now);

 private:
  [[nodiscard]] bool is_alone(Owner owner, SteadyTime now) const;
  [[nodiscard]] FairPlaces& host_places(const std::string& host, std::size_t limit);
  [[nodiscard]] bool lane_has_room(const Lane* lane) const;
  void forget_empty();

  FairPlaces connections_;
  std::map<std::string, FairPlaces> hosts_;
  std::map<const Lane*, FairPlaces> lanes_;
  std::map<Owner, SteadyTime> about_;
};

}  // namespace larder::origin
