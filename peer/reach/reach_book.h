// The record of which agents around can be reached by TCP, from tries and downloads. It decides when to try which
// agent, and what to report. Pure; loop thread.
//
// A port counts as not answering after two failed tries in a row, kApart apart, if the agent was heard meanwhile: an
// agent that was just switched off is silent altogether. Bounded: kMaxAgents, of which the one unused for longest goes.
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
  std::uint64_t times = 0;  // tries and downloads that failed since the last answer
};

class ReachBook {
 public:
  static constexpr std::size_t kMaxAgents = 1024;
  static constexpr unsigned kTimes = 2;
  static constexpr unsigned kDials = 5;                         // failed downloads in a row although the port is open
  static constexpr Duration kSoon = std::chrono::seconds(5);    // within which an agent that appeared is tried
  static constexpr Duration kApart = std::chrono::seconds(1);   // from a failed try to the next
  static constexpr Duration kAgain = std::chrono::seconds(30);  // between tries of a port that does not answer
  static constexpr Duration kAnswering = std::chrono::seconds(300);  // of ports that answer; with many agents longer
  static constexpr Duration kPerAgent = std::chrono::seconds(1);     // at least one second of rest for each agent
  static constexpr Duration kSuspectAgain = std::chrono::seconds(10);
  enum class News { none, lost, back };

  // Schedules a try of an agent that appeared. `spread`: a draw from 0 to 1, so that not all agents try it at once.
  void appeared(const AgentId& agent, double spread, SteadyTime now);
  // Schedules a try after a failed download or a silent catalogue: at once, or kSuspectAgain after the last try.
  // Ignored while a port counts as not answering.
  void suspect(const AgentId& agent, SteadyTime now);
  // Records a download that could not begin although the ports answer, or that delivered nothing before it was lost.
  News dial_failed(const AgentId& agent, const Endpoint& swarm, SteadyTime now);
  // Records that a download delivered bytes: the swarm's port counts as answering.
  News delivered(const AgentId& agent, SteadyTime now);
  // Returns the agents to try now; each counts as being tried until finished().
  [[nodiscard]] std::vector<AgentId> due(std::size_t most, SteadyTime now);
  // Records a try of one port; `reason` is empty where it answered. `began`: the start of the try; `last_heard`: the
  // time of the agent's last datagram.
  News tried(const AgentId& agent, ReachPort port, const Endpoint& at, const std::string& reason, SteadyTime began,
             SteadyTime last_heard, SteadyTime now);
  void finished(const AgentId& agent, SteadyTime now);
  // Returns the port that does not answer, the catalogue's before the swarm's; nullopt: both answer as far as is known.
  [[nodiscard]] std::optional<Unreached> unreached(const AgentId& agent) const;
  [[nodiscard]] bool answers(const AgentId& agent, ReachPort port) const;
  [[nodiscard]] std::vector<AgentId> all_unreached() const;  // ascending
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Port {
    Endpoint at;
    std::string reason;
    std::uint64_t times = 0;  // failed in a row
    SteadyTime first{};       // start of the first of these
    bool lost = false;        // reported as not answering
  };
  struct Entry {
    std::array<Port, 2> ports;
    SteadyTime next_try{};
    SteadyTime looked_at{};
    std::optional<SteadyTime> tried_at;
    SteadyTime last_dial{};
    unsigned dials = 0;  // failed downloads in a row
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

// Returns "TCP 7476 of 10.0.0.2 does not answer (no answer within 3 s, 4 times)".
[[nodiscard]] std::string unreached_text(const Unreached& what);

// The agents that report that they cannot reach this one (REACH datagrams). Pure; loop thread; bounded as ReachBook.
class ReachReports {
 public:
  static constexpr Duration kValid = std::chrono::minutes(3);  // agents repeat the report each minute
  // Records a report. True: reported_by() changes.
  bool on_report(const AgentId& from, const ReachMessage& said, SteadyTime now);
  // Returns the ports of this agent that `from` does not reach now.
  [[nodiscard]] std::vector<ReachItem> reported_by(const AgentId& from, SteadyTime now) const;
  [[nodiscard]] std::vector<AgentId> all(SteadyTime now) const;  // agents with a valid report, ascending

 private:
  struct Report {
    std::vector<ReachItem> items;  // ports that do not answer
    SteadyTime at{};
  };
  std::map<AgentId, Report> reports_;
};

// Returns "TCP 7475 and 7476".
[[nodiscard]] std::string ports_text(const std::vector<ReachItem>& items);

}  // namespace larder::peer
