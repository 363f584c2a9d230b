// Finds out whether another machine runs with this agent's own identity (a copied disk or state directory), and whether
// two machines around run with one identity. Pure; loop thread.
//
// A HELLO of the own key from elsewhere is not proof: everybody can send again what was recorded. It is proof where its
// run began after this one, or where it counts further than this agent did: nothing of that was ever sent from here. In
// any other case the catalogue at that place is asked: only who has the key answers there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

// A HELLO with the own id and a good signature, from an address that this machine does not have.
struct TwinHeard {
  Endpoint catalogue;   // there
  std::string name;     // of that machine, as it says; a copy may have the name too
  bool proven = false;  // not of this process, nor of an earlier run
};

class TwinWatch {
 public:
  static constexpr Duration kAskAgain = std::chrono::seconds(30);
  static constexpr Duration kForget = std::chrono::seconds(60);  // after its last sign; HELLOs come each 10 s
  static constexpr std::size_t kMaxPlaces = 8;
  struct Twin {
    Endpoint at;  // its catalogue
    std::string name;
    SteadyTime seen{};
  };

  // Whether the catalogue there is to be asked.
  [[nodiscard]] bool heard(const TwinHeard& what, SteadyTime now);
  // It answered with the own key, and was not this agent itself.
  void answered(const Endpoint& catalogue, SteadyTime now);
  [[nodiscard]] std::optional<Twin> twin(SteadyTime now) const;  // the one seen last
  // Whether one of them ran later than this agent, since that was asked last.
  [[nodiscard]] bool take_later() { return std::exchange(later_, false); }

 private:
  struct Place {
    Twin twin;
    SteadyTime heard{};
    std::optional<SteadyTime> asked;
    bool proven = false;
  };
  Place* place(const Endpoint& catalogue, SteadyTime now);  // null: there are too many
  std::map<Endpoint, Place> places_;
  bool later_ = false;
};

// Of other agents: HELLOs of an earlier run that go on coming from elsewhere while a later run speaks too.
class TwinsAround {
 public:
  static constexpr unsigned kTimes = 3;  // with growing numbers, within kWithin
  static constexpr Duration kWithin = std::chrono::minutes(2);
  static constexpr std::size_t kMaxAgents = 256;

  // One with a good signature, of a run before the one that is known; `known_heard`: that one's last datagram.
  void heard_earlier(const AgentId& agent, const Endpoint& from, std::uint64_t sequence, SteadyTime known_heard,
                     SteadyTime now);
  // Where the second machine is; none: there is none.
  [[nodiscard]] std::optional<Endpoint> second_place(const AgentId& agent, SteadyTime now) const;

 private:
  struct Sign {
    Endpoint at;
    SteadyTime first{}, last{};
    std::uint64_t sequence = 0;
    unsigned times = 0;
    bool both = false;  // the later run spoke meanwhile
  };
  std::map<AgentId, Sign> signs_;
};

}  // namespace larder::peer
