#include "peer/discovery.h"

#include <algorithm>
#include <limits>

namespace larder::peer {
namespace {

// How exactly silence is measured; looking at every peer at each wake-up would cost more than it tells.
constexpr Duration kExpiryInterval = std::chrono::seconds(1);
constexpr auto kNever = SteadyTime::max();
constexpr std::uint16_t kEverybody = std::numeric_limits<std::uint16_t>::max();

// An answer to a probe waits a little where many would answer at once: about 200 answers a second reach the newcomer.
Duration reply_spread(std::size_t peers) {
  return std::chrono::milliseconds(std::min<std::size_t>(5000, peers * 5));
}

}  // namespace

Discovery::Discovery(DiscoverySelf self, Random& random, Holdings holdings)
    : self_(std::move(self)), random_(random), holdings_(std::move(holdings)) {}

void Discovery::set_addresses(std::vector<Endpoint> addresses) {
  addresses_.clear();
  for (const Endpoint& address : addresses) learn_address(address);
}

void Discovery::learn_address(const Endpoint& address) {
  if (addresses_.size() < kMaxKnownAddresses && addresses_.insert(address).second && running_) {
    outgoing_.push_back({address, hello(true)});
  }
}

void Discovery::set_self(DiscoverySelf self, SteadyTime now) {
  const bool differs = hello(false) != [&] {
    std::swap(self_, self);
    return hello(false);
  }();
  if (differs && running_) announce(now, false);
}

void Discovery::start(SteadyTime now) {
  running_ = true;
  announce(now, true);
}

void Discovery::stop(SteadyTime) {
  if (!running_) return;
  running_ = false;
  outgoing_.push_back({std::nullopt, Bye{}});
  for (const Endpoint& address : addresses_) outgoing_.push_back({address, Bye{}});
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast && !addresses_.contains(peer->from)) outgoing_.push_back({peer->from, Bye{}});
  }
}

Hello Discovery::hello(bool probe) const {
  return Hello{self_.catalogue_port, self_.swarm_port, self_.serving, probe, self_.group_version, self_.name};
}

void Discovery::announce(SteadyTime now, bool probe) {
  outgoing_.push_back({std::nullopt, hello(probe)});
  for (const Endpoint& address : addresses_) outgoing_.push_back({address, hello(probe)});
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast && !addresses_.contains(peer->from)) outgoing_.push_back({peer->from, hello(false)});
  }
  // Jitter of a fifth either way, so that machines that start together do not stay together.
  const double factor = 0.8 + 0.4 * random_.unit();
  next_hello_ = now + std::chrono::duration_cast<Duration>(kHelloInterval * factor);
}

void Discovery::receive(const Datagram& datagram, const Endpoint& from, bool multicast, SteadyTime now) {
  if (datagram.sender == self_.id) return;  // our own multicast
  if (refused_ && refused_(datagram.sender)) return;
  if (!replay_.accept(datagram.sender, datagram.start_epoch, datagram.sequence, now)) return;
  if (const auto* said = std::get_if<Hello>(&datagram.message)) {
    return receive_hello(datagram, *said, from, multicast, now);
  }
  if (std::holds_alternative<Bye>(datagram.message)) {
    if (peers_.remove(datagram.sender) && gone_) gone_(datagram.sender);
    return;
  }
  peers_.heard(datagram.sender, from, now);
  if (const auto* asked = std::get_if<Ask>(&datagram.message)) return receive_ask(datagram.sender, *asked, from, now);
  if (const auto* have = std::get_if<Have>(&datagram.message)) return receive_have(datagram.sender, *have);
}

void Discovery::receive_hello(const Datagram& datagram, const Hello& said, const Endpoint& from, bool multicast,
                              SteadyTime now) {
  const auto change = peers_.heard_hello(datagram.sender, datagram.start_epoch, said, from, multicast, now);
  const bool fresh = change == PeerTable::Change::appeared || change == PeerTable::Change::restarted;
  // A newcomer that did not ask still wants to know us before our next announcement.
  if ((said.probe || fresh) && running_ && replies_.size() < kMaxQueries) {
    const auto spread = reply_spread(peers_.size());
    const auto wait =
        spread == Duration{}
            ? Duration{}
            : Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(spread.count()))));
    replies_.emplace(from, now + wait);
  }
  if (change != PeerTable::Change::none && appeared_) {
    if (const KnownPeer* peer = peers_.find(datagram.sender)) appeared_(*peer);
  }
}

void Discovery::receive_ask(const AgentId& sender, const Ask& asked, const Endpoint& from, SteadyTime now) {
  if (!running_ || !self_.serving || !answers(self_.id, sender, asked)) return;
  std::vector<HaveItem> items = holdings_(asked);
  if (items.empty() || !answers_.take(now)) return;
  outgoing_.push_back({from, Have{asked.query, self_.load, std::move(items)}});
}

void Discovery::receive_have(const AgentId& sender, const Have& have) {
  const auto found = queries_.find(have.query);
  if (found == queries_.end() || !found->second.heard.insert(sender).second) return;
  peers_.set_load(sender, have.load);
  Query& query = found->second;
  for (const HaveItem& item : have.items) {
    if (item.key < query.ask.keys.size()) query.holders.push_back(Holder{sender, have.load, item});
  }
  if (satisfied(query)) finish(have.query);
}

std::size_t Discovery::askable() const {
  std::size_t count = 0;
  for (const KnownPeer* peer : peers_.all()) count += peer->serving ? 1U : 0U;
  return count;
}

bool Discovery::satisfied(const Query& query) const {
  if (query.wide && query.heard.size() >= askable()) return true;
  const bool complete = std::any_of(query.holders.begin(), query.holders.end(),
                                    [](const Holder& holder) { return holder.item.complete; });
  return complete && query.heard.size() >= std::min(kWantedAnswers, std::max<std::size_t>(1, askable()));
}

std::uint32_t Discovery::ask(std::vector<AskKey> keys, SteadyTime now, Answered answered) {
  const std::size_t known = askable();
  if (known == 0 || keys.empty() || queries_.size() >= kMaxQueries) {
    answered({});
    return 0;
  }
  std::uint32_t number = 0;
  while (number == 0 || queries_.contains(number)) number = static_cast<std::uint32_t>(random_.next());
  keys.resize(std::min(keys.size(), kMaxAskKeys));
  Query query;
  query.ask = Ask{number, threshold_for(known, kWantedAnswers), std::move(keys)};
  query.wide = query.ask.threshold == kEverybody;
  query.widen_at = query.wide ? kNever : now + kWidenAfter;
  query.give_up_at = now + kGiveUpAfter;
  query.answered = std::move(answered);
  send_question(query.ask);
  queries_.emplace(number, std::move(query));
  return number;
}

void Discovery::send_question(const Ask& question) {
  outgoing_.push_back({std::nullopt, question});
  for (const KnownPeer* peer : peers_.all()) {
    if (!peer->multicast && peer->serving) outgoing_.push_back({peer->from, question});
  }
}

void Discovery::cancel(std::uint32_t query) {
  queries_.erase(query);
}

void Discovery::finish(std::uint32_t number) {
  const auto found = queries_.find(number);
  if (found == queries_.end()) return;
  Answered answered = std::move(found->second.answered);
  std::vector<Holder> holders = std::move(found->second.holders);
  queries_.erase(found);
  answered(std::move(holders));
}

void Discovery::tick(SteadyTime now) {
  if (running_ && now >= next_hello_) announce(now, false);
  for (auto reply = replies_.begin(); reply != replies_.end();) {
    if (reply->second > now) {
      ++reply;
      continue;
    }
    if (running_ && answers_.take(now)) outgoing_.push_back({reply->first, hello(false)});
    reply = replies_.erase(reply);
  }
  if (now >= next_expiry_) expire(now);
  std::vector<std::uint32_t> over;
  for (auto& [number, query] : queries_) {
    if (now >= query.give_up_at) {
      over.push_back(number);
    } else if (now >= query.widen_at) {
      query.widen_at = kNever;
      query.wide = true;
      // Those who answered already are not asked to be silent: a HAVE twice is ignored.
      if (query.holders.empty()) {
        query.ask.threshold = kEverybody;
        send_question(query.ask);
      }
    }
  }
  for (const std::uint32_t number : over) finish(number);
}

SteadyTime Discovery::next_wakeup() const {
  SteadyTime next = running_ ? next_hello_ : kNever;
  for (const auto& [to, when] : replies_) next = std::min(next, when);
  for (const auto& [number, query] : queries_) next = std::min({next, query.widen_at, query.give_up_at});
  if (peers_.size() != 0) next = std::min(next, next_expiry_);
  return next;
}

void Discovery::expire(SteadyTime now) {
  next_expiry_ = now + kExpiryInterval;
  for (const AgentId& id : peers_.expire(now)) {
    if (gone_) gone_(id);
  }
}

std::vector<Outgoing> Discovery::take_outgoing() {
  return std::exchange(outgoing_, {});
}

}  // namespace larder::peer
