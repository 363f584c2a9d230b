// Tests whether this agent and its peers reach each other, while it is in a group: its swarm listens on all addresses
// (listen_watch.h), the ports of serving agents accept connections (peer/reach/reach_book.h), and one machine alone
// uses the identity (peer/discovery/twin_watch.h). Repairs what it can, tells agents whose ports do not answer, and
// reports to people: one log line for each change, GET /v1/peers, metrics. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/lan/listen_watch.h"
#include "agent/peer_facts.h"
#include "base/runtime/alive.h"
#include "base/runtime/worker_pool.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/discovery/twin_watch.h"
#include "peer/reach/dial_notes.h"
#include "peer/reach/reach_book.h"
#include "peer/swarm/swarm.h"

namespace larder::agent {

struct ReachParts {  // all outlive it
  peer::DiscoverySocket& discovery;
  peer::CatalogueLink& link;
  WorkerPool& disk;
  Runtime runtime;
  peer::AgentId self{};
  bool authority = false;     // of the group: leaving it needs a confirmation
  std::function<bool()> use;  // whether bytes are taken from peers; otherwise no ports are tried
  ListenWatch::Read not_listened;
  ListenWatch::Mend listen_anew;
  // Tries a TCP port; an empty reason: it accepts connections (peer/reach/tcp_probe.h).
  std::function<void(const peer::Endpoint&, UniqueFunction<void(const std::string& reason)>)> connect;
  // A machine with this identity and a later start epoch is gone, so this agent needs a later one from now on. Called
  // from within this object, which must not be destroyed in the call.
  std::function<void()> renew_run{};
};

class ReachWatch {
 public:
  static constexpr Duration kTick = std::chrono::seconds(1);
  static constexpr std::size_t kTriesPerTick = 4;
  static constexpr Duration kTellAgain = std::chrono::minutes(1);  // for agents whose ports do not answer

  explicit ReachWatch(ReachParts parts);
  ~ReachWatch();
  ReachWatch(const ReachWatch&) = delete;
  ReachWatch& operator=(const ReachWatch&) = delete;

  void start();
  void network_changed();
  void appeared(const peer::KnownPeer& peer);  // also for a peer that changed
  // Takes an agent's report about this agent's ports.
  void on_report(const peer::AgentId& from, const peer::ReachMessage& what);
  void twin_heard(const peer::TwinHeard& what);
  [[nodiscard]] peer::DialNotes dials();  // for downloads; they do nothing once this object is destroyed
  // For the catalogue's server: true for this agent's own question to the address of a possible twin.
  [[nodiscard]] bool is_own_question(const peer::CatalogueRequest& request);
  void add_to(SharingFacts& facts) const;

 private:
  struct Try;
  void tick();
  void try_ports(const peer::AgentId& agent);
  void tried(const std::shared_ptr<Try>& one, peer::ReachPort port, const std::string& reason);
  void on_news(const peer::AgentId& agent, peer::ReachBook::News what);
  void send_report(const peer::AgentId& agent);
  void tell_again();
  void ask_twin(const peer::Endpoint& catalogue);
  void look_at_sayings();
  void look_at_twin();
  [[nodiscard]] std::string name_of(const peer::AgentId& agent) const;
  [[nodiscard]] std::string sayings_text() const;
  [[nodiscard]] std::string twin_text() const;
  [[nodiscard]] std::string twin_command() const;
  [[nodiscard]] SteadyTime now() const { return parts_.runtime.clock.now(); }

  ReachParts parts_;
  ListenWatch listening_;
  peer::ReachBook book_;
  peer::ReachReports sayings_;
  peer::TwinWatch twins_;
  std::map<peer::AgentId, SteadyTime> told_;  // agents whose ports do not answer: when they were last told
  std::string own_question_;                  // query of the question in flight
  bool was_own_question_ = false;
  bool sayings_told_ = false, twin_told_ = false;
  std::optional<SteadyTime> alone_since_;  // no peer is present, although one was
  bool had_company_ = false;
  TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace larder::agent
