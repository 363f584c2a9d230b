// Which agents around can be reached by TCP, as tries and downloads showed it: when to try whom, and what to tell.
// Pure; loop thread.
//
// A port counts as not answering after two tries in a row failed, a moment apart, of an agent that was heard meanwhile:
// who was just switched off says nothing either. Bounded: kMaxAgents, of which the one least lately looked at goes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

struct Unreached {
  AgentId agent{};
  ReachPort port = ReachPort::catalogue;
  Endpoint at;              // with the port
  std::string reason;       // "no answer within 3 s", "connection refused"
  std::uint64_t times = 0;  // tries and downloads that failed since it answered last
};

class ReachBook {
 public:
  static constexpr std::size_t kMaxAgents = 1024;
  static constexpr unsigned kTimes = 2;
  static constexpr unsigned kDials = 5;                         // downloads in a row that its open port gave nothing
  static constexpr Duration kSoon = std::chrono::seconds(5);    // an agent that appeared is tried within
  static constexpr Duration kApart = std::chrono::seconds(1);   // from a failed try to the next
  static constexpr Duration kAgain = std::chrono::seconds(30);  // while it does not answer
  static constexpr Duration kAnswering = std::chrono::seconds(300);  // while it does; with many agents longer
  static constexpr Duration kPerAgent = std::chrono::seconds(1);     // so that one try a second is enough for all
  static constexpr Duration kSuspectAgain = std::chrono::seconds(10);
  enum class News { none, lost, back };

  // `spread`: a draw from 0 to 1, so that not all try the newcomer at once.
  void appeared(const AgentId& agent, double spread, SteadyTime now);
  // A download from it failed, or its catalogue was silent: it is tried at once, or kSuspectAgain after the last try.
  void suspect(const AgentId& agent, SteadyTime now);
  // A download could not be begun although its ports answer, or brought nothing before it was lost.
  News dial_failed(const AgentId& agent, const Endpoint& swarm, SteadyTime now);
  // It brought bytes: all is well.
  News delivered(const AgentId& agent, SteadyTime now);
  // Those to be tried now; each stands as being tried until finished().
  [[nodiscard]] std::vector<AgentId> due(std::size_t most, SteadyTime now);
  // Of one port; `reason` is empty where it answered. `began`: the try; `last_heard`: a datagram of the agent.
  News tried(const AgentId& agent, ReachPort port, const Endpoint& at, const std::string& reason, SteadyTime began,
             SteadyTime last_heard, SteadyTime now);
  void finished(const AgentId& agent, SteadyTime now);
  // The one that matters most, the catalogue before the swarm; none: it answers as far as is known.
  [[nodiscard]] std::optional<Unreached> unreached(const AgentId& agent) const;
  [[nodiscard]] bool answers(const AgentId& agent, ReachPort port) const;
  [[nodiscard]] std::vector<AgentId> all_unreached() const;  // ascending
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Port {
    Endpoint at;
    std::string reason;
    std::uint64_t times = 0;  // failed in a row
    SteadyTime first{};       // of them began
    bool lost = false;        // told
  };
  struct Entry {
    std::array<Port, 2> ports;
    SteadyTime next_try{};
    SteadyTime looked_at{};
    std::optional<SteadyTime> tried_at;
    SteadyTime last_dial{};
    unsigned dials = 0;  // downloads in a row that failed
    bool trying = false;
  };
  static Port& of(Entry& entry, ReachPort port) { return entry.ports[port == ReachPort::catalogue ? 0 : 1]; }
  static const Port& of(const Entry& entry, ReachPort port) {
    return entry.ports[port == ReachPort::catalogue ? 0 : 1];
  }
  Entry& entry(const AgentId& agent, SteadyTime now);
  static News answered(Port& port, const Endpoint& at);
  [[nodiscard]] Duration rest() const;
  std::map<AgentId, Entry> entries_;
};

// "TCP 7476 of 10.0.0.2 does not answer (no answer within 3 s, 4 times)".
[[nodiscard]] std::string unreached_text(const Unreached& what);

// Which agents say that they cannot reach this one (REACH datagrams). Pure; loop thread; bounded as the book above.
class ReachSayings {
 public:
  static constexpr Duration kValid = std::chrono::minutes(3);  // they repeat it each minute
  // Whether that changes what is told.
  bool heard(const AgentId& from, const ReachMessage& said, SteadyTime now);
  // Ports of this agent that `from` does not reach now.
  [[nodiscard]] std::vector<ReachItem> said_by(const AgentId& from, SteadyTime now) const;
  [[nodiscard]] std::vector<AgentId> all(SteadyTime now) const;  // who says so now, ascending

 private:
  struct Said {
    std::vector<ReachItem> items;  // that do not answer
    SteadyTime at{};
  };
  std::map<AgentId, Said> said_;
};

// "TCP 7475 and 7476".
[[nodiscard]] std::string ports_text(const std::vector<ReachItem>& items);

}  // namespace larder::peer
