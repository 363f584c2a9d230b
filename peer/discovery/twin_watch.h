// Finds out whether another machine runs with this agent's own identity (a copied disk or state directory), and whether
// two other machines run with one identity. Pure; loop thread.
//
// A HELLO with the own key from another address is no proof, since any machine can replay a recorded one. It is proof
// where its run began after this one, or its sequence number is higher than this agent's: this process never sent it.
// Otherwise the catalogue at that address is asked, which only a machine with the key can answer.
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
  Endpoint catalogue;   // at that address
  std::string name;     // stated by that machine; a copy may have the same name
  bool proven = false;  // sent neither by this process nor by an earlier run
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

  // Records a HELLO. True: the catalogue at that address is to be asked.
  [[nodiscard]] bool on_datagram(const TwinHeard& what, SteadyTime now);
  // Records that a catalogue answered with the own key and is not this agent itself.
  void answered(const Endpoint& catalogue, SteadyTime now);
  [[nodiscard]] std::optional<Twin> twin(SteadyTime now) const;  // the one seen last
  // Returns whether a proven HELLO was heard since the last call.
  [[nodiscard]] bool take_later() { return std::exchange(later_, false); }

 private:
  struct Place {
    Twin twin;
    SteadyTime heard{};
    std::optional<SteadyTime> asked;
    bool proven = false;
  };
  Place* place(const Endpoint& catalogue, SteadyTime now);  // null: there are kMaxPlaces already
  std::map<Endpoint, Place> places_;
  bool later_ = false;
};

// The signs that two machines use another agent's identity: HELLOs of an earlier run go on coming from another address
// while a later run is heard too.
class TwinsAround {
 public:
  static constexpr unsigned kTimes = 3;  // HELLOs with growing sequence numbers, each within kWithin of the last
  static constexpr Duration kWithin = std::chrono::minutes(2);
  static constexpr std::size_t kMaxAgents = 256;

  // Records a HELLO with a good signature of an earlier run. `known_heard`: the last datagram of the known, later run.
  void heard_earlier(const AgentId& agent, const Endpoint& from, std::uint64_t sequence, SteadyTime known_heard,
                     SteadyTime now);
  // Returns the address of the second machine; nullopt: there is none.
  [[nodiscard]] std::optional<Endpoint> second_place(const AgentId& agent, SteadyTime now) const;

 private:
  struct Sign {
    Endpoint at;
    SteadyTime first{}, last{};
    std::uint64_t sequence = 0;
    unsigned times = 0;
    bool both = false;  // the later run was heard meanwhile
  };
  std::map<AgentId, Sign> signs_;
};

}  // namespace larder::peer
