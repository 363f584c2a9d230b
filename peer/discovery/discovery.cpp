#include "peer/discovery/discovery.h"

#include <algorithm>
#include <utility>

namespace larder::peer {
namespace {

// Precision of the peers' silence; looking at every peer at each wake-up would cost too much.
constexpr Duration kExpiryInterval = std::chrono::seconds(1);
constexpr auto kNever = SteadyTime::max();

// Returns the time over which answers to a probe are spread: about 200 answers a second reach the newcomer.
Duration reply_spread(std::size_t peers) {
  return std::chrono::milliseconds(std::min<std::size_t>(5000, peers * 5));
}

// Drops bitmaps so that the items fit a datagram: sixteen bitmaps do not. The catalogue names the segments too.
void fit(std::vector<HaveItem>& items) {
  constexpr std::size_t kBitmaps = 320;
  items.resize(std::min(items.size(), kMaxAskKeys));
  std::size_t used = 0;
  for (HaveItem& item : items) {
    if (used + item.segments.size() > kBitmaps || item.segments.size() > kMaxSegmentBitmap) item.segments.clear();
    used += item.segments.size();
  }
}

}  // namespace

Discovery::Discovery(DiscoverySelf self, Random& random, Holdings holdings)
    : self_(std::move(self)), random_(random), holdings_(std::move(holdings)), lookups_(random), relay_(random) {}

void Discovery::set_addresses(const std::vector<Endpoint>& addresses) {
  const auto before = addresses_;
  addresses_.configure(addresses);
  for (const Endpoint& address : addresses) {
    if (running_ && !before.contains(address) && addresses_.contains(address)) {
      outgoing_.push_back({address, hello(true)});
    }
  }
}

bool Discovery::may_be_there(const Endpoint& place) const {
  return place.is_one_machine() && (loopback_ || !place.is_loopback());
}

void Discovery::learn_address(const Endpoint& address) {
  if (!may_be_there(address)) return;
  if (addresses_.learn(address) && running_) outgoing_.push_back({address, hello(true)});
}

void Discovery::set_self(DiscoverySelf self, SteadyTime now) {
  const Hello before = hello(false);
  const std::uint32_t old_epoch = self_.key_epoch;
  self_ = std::move(self);
  if (!running_) return;
  const bool new_key = self_.key_epoch != old_epoch;
  if (new_key) say_under_old_key(old_epoch);
  if (new_key || hello(false) != before) announce(now, new_key);
  if (!new_key && self_.group_version <= before.group_version) return;
  news_.left = kNewsTimes;
  news_.at = now + kNewsApart + std::chrono::duration_cast<Duration>(kNewsApart * random_.unit());
  if (new_key) news_.old_epoch = old_epoch;
}

// Sends a HELLO under the previous key: agents that have only that key learn that there is a newer state.
void Discovery::say_under_old_key(std::uint32_t epoch) {
  outgoing_.push_back({std::nullopt, hello(false), epoch});
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast) outgoing_.push_back({peer->from, hello(false), epoch});
  }
}

bool Discovery::all_know_the_state() const {
  const auto all = peers_.all();
  return std::all_of(all.begin(), all.end(),
                     [this](const KnownPeer* peer) { return peer->group_version >= self_.group_version; });
}

// Repeats the announcement of a newer state: datagrams get lost, and a revocation must not wait for the next
// announcement. Once all peers have shown that they know the state it stops, so that a large group does not repeat it
// all at once.
void Discovery::repeat_news(SteadyTime now) {
  if (!running_ || news_.left == 0 || now < news_.at) return;
  --news_.left;
  news_.at = now + kNewsApart + std::chrono::duration_cast<Duration>(kNewsApart * random_.unit());
  if (all_know_the_state()) {
    news_.left = 0;
    return;
  }
  if (news_.old_epoch != 0) say_under_old_key(news_.old_epoch);
  announce(now, false);
}

void Discovery::start(SteadyTime now) {
  running_ = true;
  announce(now, true);
}

void Discovery::resumed(SteadyTime now) {
  if (!running_) return;
  peers_.doubt_all();
  start(now);
}

void Discovery::stop(SteadyTime) {
  if (!running_) return;
  running_ = false;
  to_everybody(Bye{});
}

void Discovery::to_everybody(const Message& message) {
  outgoing_.push_back({std::nullopt, message});
  for (const Endpoint& address : addresses_.all()) outgoing_.push_back({address, message});
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast && !addresses_.contains(peer->from)) outgoing_.push_back({peer->from, message});
  }
}

void Discovery::say_crowd(std::vector<CrowdEntry> entries) {
  if (!running_ || entries.empty()) return;
  std::vector<Endpoint> apart;  // peers without multicast; of many, different ones each time
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast) apart.push_back(peer->from);
  }
  const CrowdMessage message{std::move(entries)};
  outgoing_.push_back({std::nullopt, message});
  const std::uint64_t first = apart.size() > kMaxCrowdUnicast ? random_.below(apart.size()) : 0;
  for (std::size_t i = 0; i < std::min(apart.size(), kMaxCrowdUnicast); ++i) {
    outgoing_.push_back({apart[(first + i) % apart.size()], message});
  }
}

Hello Discovery::hello(bool probe) const {
  return Hello{self_.catalogue_port,
               self_.swarm_port,
               self_.serving,
               probe,
               self_.group_version,
               self_.name,
               self_.certificate,
               {},
               kProtocol,
               self_.version};
}

void Discovery::announce(SteadyTime now, bool probe) {
  outgoing_.push_back({std::nullopt, hello(probe)});
  for (const Endpoint& address : addresses_.announce()) outgoing_.push_back({address, hello(probe)});
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast && !addresses_.contains(peer->from)) outgoing_.push_back({peer->from, hello(false)});
  }
  // Jitter of a fifth either way, so that machines that start together do not stay together.
  const double factor = 0.8 + 0.4 * random_.unit();
  next_hello_ = now + std::chrono::duration_cast<Duration>(kHelloInterval * factor);
  since_hello_ = 0;
}

void Discovery::receive(const Incoming& incoming, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  if (!running_ || datagram.sender == self_.id) return;  // our own multicast
  if (!may_be_there(incoming.from)) return;
  if (refused_ && refused_(datagram.sender)) return;
  const bool with_signature = is_signed(datagram.message);
  receive_earlier_run(incoming, now);
  if (!replay_.fresh(datagram.sender, datagram.start_epoch, datagram.sequence, with_signature)) return;
  const auto* said = std::get_if<Hello>(&datagram.message);
  // A signed datagram that a later one has overtaken says nothing new. If it was recorded and is new here, answering it
  // would answer whatever address replays it, and take that for the agent's.
  const bool overtaken = replay_.overtaken(datagram.sender, datagram.start_epoch, datagram.sequence);
  if (with_signature && overtaken) return;
  if (incoming.key_epoch != self_.key_epoch) {
    if (said != nullptr) receive_old_hello(incoming, *said, now);
    return;
  }
  if (said != nullptr) return receive_hello(incoming, *said, now);
  const KnownPeer* peer = peers_.find_peer(datagram.sender);
  if (peer == nullptr || peer->start_epoch != datagram.start_epoch) return probe_unproven(incoming, now);
  if (with_signature) return receive_bye(incoming, now);
  // The sender's HELLOs never came from this address: the agent has moved, another member writes in its name, or a
  // stranger replays a datagram from before its first HELLO here. An overtaken datagram is no sign of a move.
  if (!peer->speaks_from(incoming.from)) {
    if (!overtaken) probe_unproven(incoming, now);
    return;
  }
  if (!replay_.accept(datagram.sender, datagram.start_epoch, datagram.sequence, now)) return;
  peers_.on_datagram(datagram.sender, now);
  receive_other(incoming, now);
}

// Notes a HELLO of an earlier run, which is not believed. If such HELLOs go on coming from another place while the
// later run is heard too, two machines have one identity.
void Discovery::receive_earlier_run(const Incoming& incoming, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  const KnownPeer* peer = peers_.find_peer(datagram.sender);
  if (!std::holds_alternative<Hello>(datagram.message) || incoming.key_epoch != self_.key_epoch) return;
  if (peer == nullptr || datagram.start_epoch >= peer->start_epoch || incoming.from.is_link_local()) return;
  const bool same_place = std::any_of(peer->places.begin(), peer->places.end(), [&](const KnownPeer::Place& place) {
    return place.at.address == incoming.from.address;
  });
  if (same_place || !twin_checks_.take_token(now)) return;
  if ((check_ ? check_(incoming) : HelloVerdict::good) != HelloVerdict::good) return;
  twins_.heard_earlier(datagram.sender, incoming.from, datagram.sequence, peer->last_heard, now);
}

void Discovery::tell_reach(const AgentId& to, ReachMessage what) {
  const KnownPeer* peer = peers_.find_peer(to);
  if (running_ && peer != nullptr) outgoing_.push_back({peer->from, std::move(what)});
}

void Discovery::mark_place(const AgentId& id, const Endpoint& place, bool answers, SteadyTime now) {
  if (!peers_.mark_place(id, place, answers, now) || !appeared_) return;
  if (const KnownPeer* peer = peers_.find_peer(id)) appeared_(*peer);
}

void Discovery::receive_bye(const Incoming& incoming, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  if ((check_ ? check_(incoming) : HelloVerdict::good) != HelloVerdict::good) return;
  if (replay_.accept_signed(datagram.sender, datagram.start_epoch, datagram.sequence, now)) drop(datagram.sender, now);
}

void Discovery::receive_other(const Incoming& incoming, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  if (const auto* asked = std::get_if<Ask>(&datagram.message)) {
    receive_ask(datagram.sender, *asked, incoming.from, now);
  } else if (const auto* have = std::get_if<Have>(&datagram.message)) {
    peers_.set_load(datagram.sender, have->load);
    lookups_.receive(datagram.sender, *have, now);
  } else if (const auto* evidence = std::get_if<EvidenceMessage>(&datagram.message)) {
    if (relay_.on_evidence(datagram.sender, *evidence, now) && evidence_) evidence_(datagram.sender, *evidence);
  } else if (const auto* crowd = std::get_if<CrowdMessage>(&datagram.message)) {
    const CrowdStamp stamp{datagram.start_epoch, datagram.sequence};
    if (crowd_) crowd_(datagram.sender, stamp, crowd->entries);
  } else if (const auto* reach = std::get_if<ReachMessage>(&datagram.message)) {
    if (reach_) reach_(datagram.sender, *reach);
  }
}

// Decides whether a HELLO is believed. One that says nothing new about a peer that was checked lately needs no check of
// its signature. It is checked all the same within kRechecks, since only a proven HELLO moves the replay window.
Discovery::Belief Discovery::believe(const Incoming& incoming, const Hello& said, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  const bool says_new = peers_.is_news(datagram.sender, datagram.start_epoch, said, incoming.from);
  const KnownPeer* peer = peers_.find_peer(datagram.sender);
  const bool far = replay_.ahead(datagram.sender, datagram.start_epoch, datagram.sequence) > ReplayGuard::kMaxAhead / 2;
  const bool due = says_new || far || now - peer->checked_at >= kCheckAgainAfter;
  if (!due && !rechecks_.take_token(now)) return Belief::assumed;
  const HelloVerdict verdict = check_ ? check_(incoming) : HelloVerdict::good;
  if (verdict == HelloVerdict::good) {
    peers_.on_checked(datagram.sender, now);
    return Belief::proven;
  }
  if (verdict == HelloVerdict::busy) return says_new ? Belief::none : Belief::assumed;  // the next HELLO is checked
  // Its certificate has expired: the peer is dropped. A bad signature says nothing about the peer, since any member can
  // write in its name.
  if (!says_new && verdict == HelloVerdict::bad_time) drop(datagram.sender, now);
  return Belief::none;
}

void Discovery::receive_hello(const Incoming& incoming, const Hello& said, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  const Belief belief = believe(incoming, said, now);
  const bool taken =
      belief == Belief::proven
          ? replay_.accept_signed(datagram.sender, datagram.start_epoch, datagram.sequence, now)
          : belief == Belief::assumed && replay_.accept(datagram.sender, datagram.start_epoch, datagram.sequence, now);
  if (!taken) return;
  addresses_.heard_from(incoming.from);
  const KnownPeer* before = peers_.find_peer(datagram.sender);
  const bool link_local_before = before != nullptr && before->from.is_link_local();
  const auto change =
      peers_.on_hello(datagram.sender, datagram.start_epoch, said, incoming.from, incoming.multicast, now);
  const bool fresh = change == PeerTable::Change::appeared || change == PeerTable::Change::restarted;
  if (fresh) peers_.on_checked(datagram.sender, now);
  // Answered at once: a probe, a newcomer, and a peer with an older group state, which would otherwise wait for the
  // next announcement.
  const bool better_place = link_local_before && !incoming.from.is_link_local();
  if (better_place) drop_link_local_replies(*before);
  if (said.probe || fresh || better_place || said.group_version < self_.group_version)
    owe_reply(incoming.from, false, now);
  tell_newer(incoming, said, now);
  if (change == PeerTable::Change::none || !appeared_) return;
  if (const KnownPeer* peer = peers_.find_peer(datagram.sender)) appeared_(*peer);
}

void Discovery::receive_old_hello(const Incoming& incoming, const Hello& said, SteadyTime now) {
  const Datagram& datagram = incoming.datagram;
  // In a large group only some agents check and answer. The machine sends its HELLO again in 10 s.
  if (random_.below(std::max<std::uint64_t>(1, peers_.size())) >= kOldKeyAnswers) return;
  if (!old_answers_.take_token(now)) return;
  if ((check_ ? check_(incoming) : HelloVerdict::good) != HelloVerdict::good) return;
  if (!replay_.accept_signed(datagram.sender, datagram.start_epoch, datagram.sequence, now)) return;
  // The sender may also know a newer state than this machine, with an older key in use by both.
  tell_newer(incoming, said, now);
  outgoing_.push_back({incoming.from, hello(false), incoming.key_epoch});
}

void Discovery::tell_newer(const Incoming& incoming, const Hello& said, SteadyTime now) {
  if (said.group_version <= self_.group_version || !newer_) return;
  heard_newer_ = {incoming.datagram.sender, incoming.from.with_port(said.catalogue_port), said.group_version};
  tell_newer_late(now);
}

// Reports a newer state at once, but at most once in kNewerInterval; one that is heard too early is reported later.
void Discovery::tell_newer_late(SteadyTime now) {
  if (!heard_newer_) return;
  const bool of_use = heard_newer_->version > self_.group_version && !(refused_ && refused_(heard_newer_->agent));
  if (of_use && told_newer_ && now - *told_newer_ < kNewerInterval) return;
  const HeardNewer heard = *std::exchange(heard_newer_, std::nullopt);
  if (!of_use) return;
  told_newer_ = now;
  newer_(heard.agent, heard.catalogue, heard.version);
}

// A HELLO comes by IPv6 and IPv4, as a rule by IPv6 first. A reply to the link-local address would show this agent's
// link-local address alone, at which libtorrent does not dial it: for 10 s the newcomer could take nothing from here.
void Discovery::drop_link_local_replies(const KnownPeer& peer) {
  for (const KnownPeer::Place& place : peer.places) {
    const auto owed = place.at.is_link_local() ? replies_.find(place.at) : replies_.end();
    if (owed != replies_.end() && !owed->second.probe) replies_.erase(owed);
  }
}

void Discovery::owe_reply(const Endpoint& to, bool probe, SteadyTime now) {
  if (replies_.size() >= kMaxReplies) return;
  const auto spread = static_cast<std::uint64_t>(reply_spread(peers_.size()).count());
  const Duration wait(static_cast<std::int64_t>(random_.below(spread)));
  auto& reply = replies_.try_emplace(to, Reply{now + wait, probe}).first->second;
  reply.probe = reply.probe || probe;
}

// Probes the sender of an unproven datagram, which only the group's key protects and which any address may replay. The
// probe is a HELLO that is no larger than the bytes that came from the address.
void Discovery::probe_unproven(const Incoming& incoming, SteadyTime now) {
  if (!addresses_.contains(incoming.from) && on_link_ && !on_link_(incoming.from)) return;
  std::erase_if(probed_, [now](const auto& item) { return now - item.second.first >= kProbeInterval; });
  if (!probed_.contains(incoming.from) && probed_.size() >= kMaxProbed) return;
  Probed& probed = probed_.try_emplace(incoming.from, Probed{now}).first->second;
  probed.bytes += incoming.size;
  if (probed.answered || probed.bytes < hello_size()) return;
  probed.answered = true;
  probed.first = now;
  owe_reply(incoming.from, true, now);
}

// Returns an upper bound of a HELLO's bytes: header, seal and signature, name and certificate.
std::size_t Discovery::hello_size() const {
  constexpr std::size_t kFixed = 256;
  return kFixed + self_.name.size() + self_.certificate.size();
}

void Discovery::send_replies(SteadyTime now) {
  for (auto reply = replies_.begin(); reply != replies_.end();) {
    if (reply->second.at > now) {
      ++reply;
      continue;
    }
    if (running_ && hello_answers_.take_token(now)) outgoing_.push_back({reply->first, hello(reply->second.probe)});
    reply = replies_.erase(reply);
  }
}

void Discovery::receive_ask(const AgentId& sender, const Ask& asked, const Endpoint& from, SteadyTime now) {
  if (!self_.serving || !answers(self_.id, sender, asked)) return;
  std::vector<HaveItem> items = holdings_ ? holdings_(asked) : std::vector<HaveItem>();
  if ((items.empty() && !asked.want_none) || !answers_.take_token(now)) return;
  fit(items);
  outgoing_.push_back({from, Have{asked.query, self_.load, std::move(items)}});
}

std::uint32_t Discovery::ask(std::vector<AskKey> keys, SteadyTime now, Answered answered) {
  std::vector<Askable> around;
  for (const KnownPeer* peer : peers_.all()) {
    if (peer->serving) around.push_back({peer->id, peer->from, peer->multicast, peer->prompt});
  }
  return lookups_.ask(std::move(keys), std::move(around), now, std::move(answered));
}

void Discovery::forget(const AgentId& id, SteadyTime now) {
  if (peers_.remove(id)) lookups_.on_agent_gone(id, now);
}

void Discovery::drop(const AgentId& id, SteadyTime now) {
  if (!peers_.remove(id)) return;
  lookups_.on_agent_gone(id, now);
  if (gone_) gone_(id);
}

void Discovery::refused_changed(SteadyTime now) {
  if (!refused_) return;
  std::vector<AgentId> refused;
  for (const KnownPeer* peer : peers_.all()) {
    if (refused_(peer->id)) refused.push_back(peer->id);
  }
  for (const AgentId& id : refused) drop(id, now);
}

void Discovery::tick(SteadyTime now) {
  if (running_ && now >= next_hello_) announce(now, false);
  repeat_news(now);
  tell_newer_late(now);
  send_replies(now);
  for (EvidenceMessage& evidence : relay_.due(now)) {
    if (running_) to_everybody(std::move(evidence));
  }
  if (now >= next_expiry_) expire(now);
  lookups_.tick(now);
  for (const AgentId& id : lookups_.take_silent()) peers_.doubt(id);
}

SteadyTime Discovery::next_wakeup() const {
  SteadyTime next = running_ ? next_hello_ : kNever;
  if (running_ && news_.left > 0) next = std::min(next, news_.at);
  if (heard_newer_ && told_newer_) next = std::min(next, *told_newer_ + kNewerInterval);
  for (const auto& [to, reply] : replies_) next = std::min(next, reply.at);
  next = std::min({next, lookups_.next_wakeup(), relay_.next_wakeup()});
  if (peers_.size() != 0) next = std::min(next, next_expiry_);
  return next;
}

void Discovery::expire(SteadyTime now) {
  next_expiry_ = now + kExpiryInterval;
  for (const AgentId& id : peers_.expire(now)) {
    lookups_.on_agent_gone(id, now);
    if (gone_) gone_(id);
  }
  refused_changed(now);
}

std::vector<Outgoing> Discovery::take_outgoing() {
  std::vector<Outgoing> all = std::exchange(outgoing_, {});
  std::vector<Outgoing> questions = lookups_.take_outgoing();
  std::move(questions.begin(), questions.end(), std::back_inserter(all));
  since_hello_ += all.size();
  if (running_ && since_hello_ > kHelloEvery) next_hello_ = SteadyTime::min();  // with the next tick
  return all;
}

}  // namespace larder::peer
