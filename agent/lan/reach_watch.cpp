#include "agent/lan/reach_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "peer/group/identity.h"
#include "peer/messages/catalogue_paths.h"

namespace larder::agent {

using peer::ReachBook;
using peer::ReachPort;

// One test of both ports of an agent at one of its addresses.
struct ReachWatch::Try {
  peer::AgentId agent{};
  peer::Endpoint place;
  SteadyTime began{};
  unsigned left = 0;
  bool failed = false;
  ReachBook::News news = ReachBook::News::none;
};

ReachWatch::ReachWatch(ReachParts parts)
    : parts_(std::move(parts)), listening_(parts_.runtime, parts_.disk, parts_.not_listened, parts_.listen_anew) {}

ReachWatch::~ReachWatch() {
  parts_.runtime.timers.cancel(timer_);
}

void ReachWatch::start() {
  listening_.check_listening();
  tick();
}

void ReachWatch::network_changed() {
  listening_.check_listening();
  for (const peer::KnownPeer* peer : parts_.discovery.peers().all()) {
    if (!book_.answers(peer->id, ReachPort::catalogue) || !book_.answers(peer->id, ReachPort::swarm))
      book_.appeared(peer->id, parts_.runtime.random.unit(), now());
  }
}

void ReachWatch::tick() {
  timer_ = parts_.runtime.timers.after(kTick, [this] { tick(); });
  const bool alone = parts_.discovery.peers().size() == 0;
  if (!alone) alone_since_.reset();
  if (alone && had_company_ && !alone_since_) alone_since_ = now();
  for (const peer::AgentId& agent : book_.due(kTriesPerTick, now())) try_ports(agent);
  tell_again();
  look_at_sayings();
  look_at_twin();
}

// -- whether others are reached ---------------------------------------------------------------------------------------

void ReachWatch::appeared(const peer::KnownPeer& peer) {
  had_company_ = true;
  if (peer.serving && parts_.use()) book_.appeared(peer.id, parts_.runtime.random.unit(), now());
}

peer::DialNotes ReachWatch::dials() {
  peer::DialNotes notes;
  notes.failed = alive_.guard([this](const peer::AgentId& agent, peer::DialEnd end) {
    const peer::KnownPeer* peer = parts_.discovery.peers().find_peer(agent);
    if (end == peer::DialEnd::silent || peer == nullptr) return book_.suspect(agent, now());
    on_news(agent, book_.dial_failed(agent, peer->swarm(), now()));
  });
  notes.delivered = alive_.guard([this](const peer::AgentId& agent) { on_news(agent, book_.delivered(agent, now())); });
  return notes;
}

void ReachWatch::try_ports(const peer::AgentId& agent) {
  const peer::KnownPeer* peer = parts_.discovery.peers().find_peer(agent);
  const bool dialled = peer != nullptr && peer->serving && parts_.use() && !peer->from.is_link_local();
  if (!dialled) return book_.finished(agent, now());
  auto one = std::make_shared<Try>(Try{agent, peer->from, now()});
  std::vector<std::pair<ReachPort, std::uint16_t>> ports;
  if (peer->catalogue_port != 0) ports.emplace_back(ReachPort::catalogue, peer->catalogue_port);
  if (peer->swarm_port != 0) ports.emplace_back(ReachPort::swarm, peer->swarm_port);
  one->left = static_cast<unsigned>(ports.size());
  if (ports.empty()) return book_.finished(agent, now());
  for (const auto& [port, number] : ports) {
    parts_.connect(one->place.with_port(number),
                   alive_.guard([this, one, port = port](const std::string& reason) { tried(one, port, reason); }));
  }
}

void ReachWatch::tried(const std::shared_ptr<Try>& one, ReachPort port, const std::string& reason) {
  one->failed = one->failed || !reason.empty();
  const peer::KnownPeer* peer = parts_.discovery.peers().find_peer(one->agent);
  if (peer != nullptr) {
    const std::uint16_t number = port == ReachPort::catalogue ? peer->catalogue_port : peer->swarm_port;
    const auto what =
        book_.tried(one->agent, port, one->place.with_port(number), reason, one->began, peer->last_heard, now());
    if (what != ReachBook::News::none) one->news = what;
  }
  if (--one->left > 0) return;
  on_news(one->agent, one->news);  // for both ports at once
  book_.finished(one->agent, now());
  parts_.discovery.mark_place(one->agent, one->place, !one->failed);
  // If the agent has another address, that is tried before the agent is told.
  peer = parts_.discovery.peers().find_peer(one->agent);
  if (one->failed && peer != nullptr && peer->from != one->place) book_.appeared(one->agent, 0, now());
}

void ReachWatch::on_news(const peer::AgentId& agent, ReachBook::News what) {
  if (what == ReachBook::News::none) return;
  const auto unreached = book_.unreached(agent);
  if (what == ReachBook::News::lost && unreached) {
    log::warn("{}: what it has comes from others or the origin agent={} name={}", peer::unreached_text(*unreached),
              peer::agent_name(agent), name_of(agent));
  }
  if (what == ReachBook::News::back && !unreached)
    log::info("the ports answer again agent={} name={}", peer::agent_name(agent), name_of(agent));
  send_report(agent);
}

void ReachWatch::send_report(const peer::AgentId& agent) {
  const peer::KnownPeer* peer = parts_.discovery.peers().find_peer(agent);
  if (peer == nullptr) return;
  parts_.discovery.tell_reach(
      agent, {{{ReachPort::catalogue, book_.answers(agent, ReachPort::catalogue), peer->catalogue_port},
               {ReachPort::swarm, book_.answers(agent, ReachPort::swarm), peer->swarm_port}}});
  if (book_.unreached(agent)) {
    told_[agent] = now();
  } else {
    told_.erase(agent);
  }
}

void ReachWatch::tell_again() {
  std::vector<peer::AgentId> due;
  for (const auto& [agent, at] : told_) {
    if (now() - at >= kTellAgain) due.push_back(agent);
  }
  for (const peer::AgentId& agent : due) {
    told_.erase(agent);
    send_report(agent);
  }
}

// -- whether others reach this agent ----------------------------------------------------------------------------------

void ReachWatch::on_report(const peer::AgentId& from, const peer::ReachMessage& what) {
  if (sayings_.on_report(from, what, now())) look_at_sayings();
}

void ReachWatch::look_at_sayings() {
  const std::string text = sayings_text();
  if (!text.empty() && !sayings_told_) log::warn("{}: they get nothing from here", text);
  if (text.empty() && sayings_told_) log::info("nobody says any more that this agent's ports do not answer");
  sayings_told_ = !text.empty();
}

std::string ReachWatch::sayings_text() const {
  const auto all = sayings_.all(now());
  if (all.empty()) return {};
  std::vector<peer::ReachItem> ports;
  for (const peer::AgentId& agent : all) {
    for (const peer::ReachItem& item : sayings_.reported_by(agent, now())) {
      if (ports.size() < peer::kMaxReachItems && std::find(ports.begin(), ports.end(), item) == ports.end())
        ports.push_back(item);
    }
  }
  const std::string name = name_of(all.front());
  const std::string who = all.size() == 1 ? name : fmt::format("{} and {} more", name, all.size() - 1);
  return fmt::format("{} of this machine does not answer {}", peer::ports_text(ports), who);
}

std::string ReachWatch::name_of(const peer::AgentId& agent) const {
  const peer::KnownPeer* peer = parts_.discovery.peers().find_peer(agent);
  return peer == nullptr || peer->name.empty() ? peer::agent_name(agent)
                                               : fmt::format("{} ({})", peer->name, peer->from.host());
}

// -- whether this identity is used by one machine ---------------------------------------------------------------------

void ReachWatch::twin_heard(const peer::TwinHeard& what) {
  if (twins_.on_datagram(what, now())) ask_twin(what.catalogue);
  look_at_twin();
}

// Only a holder of this agent's key answers there. It may be this agent itself, through a router.
void ReachWatch::ask_twin(const peer::Endpoint& catalogue) {
  own_question_ = fmt::format("by={:016x}", parts_.runtime.random.next());
  was_own_question_ = false;
  peer::CatalogueCall call;
  call.to = catalogue;
  call.agent = parts_.self;
  call.target = fmt::format("{}?{}", peer::kPeersPath, own_question_);
  call.any_status = true;
  const auto answered = [this, catalogue, question = own_question_](const Result<peer::CatalogueResponse>& answer) {
    if (question != own_question_ || was_own_question_ || !answer) return;
    twins_.answered(catalogue, now());
    look_at_twin();
  };
  parts_.link.call(std::move(call), alive_.guard(answered));
}

bool ReachWatch::is_own_question(const peer::CatalogueRequest& request) {
  if (request.agent != parts_.self || own_question_.empty() || request.query != own_question_) return false;
  was_own_question_ = true;
  return true;
}

std::string ReachWatch::twin_text() const {
  const auto twin = twins_.twin(now());
  if (!twin) return {};
  const std::string name = twin->name.empty() ? "" : twin->name + " ";
  return fmt::format(
      "another machine, {}at {}, runs with this agent's identity: its disk or state directory was copied", name,
      twin->at.host());
}

std::string ReachWatch::twin_command() const {
  return fmt::format("larder group leave{} && larder group join INVITATION", parts_.authority ? " --yes" : "");
}

void ReachWatch::look_at_twin() {
  const std::string text = twin_text();
  if (!text.empty() && !twin_told_)
    log::warn("{}; the two do not share with each other: on the copy run \"{}\"", text, twin_command());
  if (text.empty() && twin_told_) log::info("no other machine runs with this agent's identity any more");
  // Agents that heard the later run ignore datagrams of this one: it must begin a new run.
  if (text.empty() && twin_told_ && twins_.take_later() && parts_.renew_run) parts_.renew_run();
  twin_told_ = !text.empty();
}

// -- facts ------------------------------------------------------------------------------------------------------------

void ReachWatch::add_to(SharingFacts& facts) const {
  facts.listening_trouble = listening_.trouble();
  facts.not_listened = listening_.missing().size();
  facts.unreached_trouble = sayings_text();
  facts.unreached_by = sayings_.all(now()).size();
  facts.copied = twin_text();
  if (!facts.copied.empty()) facts.copied_command = twin_command();
  if (alone_since_) facts.alone_for = now() - *alone_since_;
  for (PeerFact& fact : facts.peers) {
    const auto id = digest_from_hex(fact.id);
    if (!id || !fact.last_heard) continue;
    if (const auto unreached = book_.unreached(*id)) {
      fact.unreachable = peer::unreached_text(*unreached);
      ++(book_.answers(*id, ReachPort::catalogue) ? facts.unreached_swarms : facts.unreached_catalogues);
    }
    if (const auto ports = sayings_.reported_by(*id, now()); !ports.empty())
      fact.cannot_reach = peer::ports_text(ports);
    if (const auto place = parts_.discovery.second_place(*id)) fact.second_place = place->host();
  }
}

}  // namespace larder::agent
