// The places of requests to origins: connections in all, per host, per lane. Decides which request may begin, and which
// one gives its place up for another user. Pure: `now` and the host's present limit are arguments. One thread.
//
// Connections: `connections_of_one_user` for one user, and a reserve on top for other users, so that a user who comes
// later need not wait for another user's answer. Places of a host are what that host takes (host_lanes.h), without a
// reserve: a user who is alone may hold all of them, and gives some up when another user comes.
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
  // A user counts as present for this long after its last request: meanwhile no other user has a host for itself.
  static constexpr Duration kAbout = std::chrono::minutes(10);
  // Longest wait for a place to come free by itself, before a request of another user must yield.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  explicit OriginPlaces(std::size_t connections_of_one_user);

  // What a request needs.
  struct Need {
    std::string host;  // scheme, host and port
    const Lane* lane = nullptr;
    std::size_t host_limit = 1;  // places that the host has now
  };
  struct Places {
    FairPlaces::Place connection, host, lane;
  };

  void note_request(Owner owner, SteadyTime now);  // to be called at each request of `owner`
  [[nodiscard]] bool has_room(const Need& need, Owner owner, SteadyTime now);
  [[nodiscard]] bool host_has_room(const std::string& host, std::size_t host_limit, Owner owner, SteadyTime now);
  [[nodiscard]] std::size_t places_of_host(const std::string& host) const;
  [[nodiscard]] Places take_places(const Need& need, Owner owner);
  [[nodiscard]] const FairPlaces& connections() const { return connections_; }

  struct Running {
    std::uint64_t id = 0;
    Owner owner = 0;
    std::string host;
    SteadyTime since{};
    bool slow = false;  // below the least rate for a minute
  };
  // Returns the id of the request in `running` that must yield to a request of `owner` that has waited since `since`;
  // none: that request goes on waiting. Only a user that holds more than `owner` must yield: a slow request at once,
  // others after kGrace if their user holds too much.
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
