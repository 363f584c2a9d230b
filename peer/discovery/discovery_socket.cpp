#include "peer/discovery/discovery_socket.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/io/log.h"
#include "base/runtime/suspend_clock.h"
#include "peer/common/token_bucket.h"
#include "peer/discovery/discovery_channels.h"
#include "peer/discovery/hello_check.h"
#include "peer/discovery/interfaces.h"
#include "peer/discovery/receive_budget.h"
#include "peer/discovery/wake_watch.h"
#include "peer/group/certificate.h"
#include "peer/group/key_ring.h"

namespace larder::peer {
namespace {

constexpr Duration kSettle = std::chrono::milliseconds(200);  // one link that comes up causes several reports

class Socket final : public DiscoverySocket {
 public:
  Socket(DiscoverySettings settings, DiscoveryIdentity identity, DiscoverySelf self, DiscoveryEvents events, Loop& loop,
         Random& random, std::unique_ptr<DiscoveryChannels> channels)
      : settings_(std::move(settings)),
        events_(std::move(events)),
        loop_(loop),
        channels_(std::move(channels)),
        names_(loop, settings_.names),
        identity_(std::move(identity)),
        ring_(identity_.current, identity_.old),
        check_(identity_.authority_pem, identity_.group_tag),
        self_(with_identity(std::move(self))),
        discovery_(self_, random, events_.holdings) {
    discovery_.set_check([this](const Incoming& incoming) { return check(incoming); });
    discovery_.set_refused(events_.refused);
    discovery_.allow_loopback(listens_on_loopback(settings_.listen));
    discovery_.set_on_link([this](const Endpoint& from) { return is_on_link(from); });
    discovery_.on_appeared([this](const KnownPeer& peer) {
      addresses_stale_ = true;
      if (events_.appeared) events_.appeared(peer);
    });
    discovery_.on_gone([this](const AgentId& agent) {
      addresses_stale_ = true;
      if (events_.gone) events_.gone(agent);
    });
    discovery_.on_newer_group(events_.newer_group);
    discovery_.on_evidence(events_.evidence);
    discovery_.on_crowd(events_.crowd);
    discovery_.on_reach(events_.reach);
  }

  ~Socket() override {
    for (const TimerId timer : {timer_, watch_timer_, names_timer_, network_timer_}) {
      if (timer != 0) loop_.cancel(timer);
    }
    channels_->close();
  }

  [[nodiscard]] std::uint16_t port() const override { return channels_->port(); }

  void start() override {
    if (running_ || stopped_) return;
    running_ = true;
    channels_->receive(
        [this](Bytes packet, const Endpoint& from, bool multicast) { receive(packet, from, multicast); });
    discovery_.set_addresses(endpoints_in_numbers(settings_.addresses));  // they wait for no name server
    discovery_.start(loop_.now());
    pump();
    look();
    look_up_names();
  }

  void stop() override {
    if (!running_) return;
    running_ = false;
    stopped_ = true;
    discovery_.stop(loop_.now());
    flush();
    channels_->close();
    names_.give_up();
  }

  void set_self(DiscoverySelf self) override {
    self_ = with_identity(std::move(self));
    discovery_.set_self(self_, loop_.now());
    pump();
  }

  void set_identity(DiscoveryIdentity identity) override {
    identity.start_epoch = identity_.start_epoch;
    const bool same_group =
        identity.authority_pem == identity_.authority_pem && identity.key.id() == identity_.key.id();
    if (!same_group) {
      log::error("discovery keeps its group: another one needs another socket");
      return;
    }
    identity_ = std::move(identity);
    ring_ = KeyRing(identity_.current, identity_.old);
    set_self(self_);
  }

  void refused_changed() override {
    discovery_.refused_changed(loop_.now());
    pump();
  }

  void network_changed() override {
    if (network_timer_ != 0 || !running_) return;
    network_timer_ = loop_.after(kSettle, [this] {
      network_timer_ = 0;
      if (!running_) return;
      channels_->refresh();
      discovery_.start(loop_.now());
      pump();
      look_up_names();
    });
  }

  void learn_address(const Endpoint& address) override {
    discovery_.learn_address(address);
    pump();
  }

  std::uint32_t ask(std::vector<AskKey> keys, Discovery::Answered answered) override {
    const std::uint32_t query = discovery_.ask(std::move(keys), loop_.now(), std::move(answered));
    pump();
    return query;
  }

  void cancel(std::uint32_t query) override { discovery_.cancel(query); }

  Status tell_evidence(EvidenceMessage evidence) override {
    const std::size_t size = evidence.bytes.size();
    if (size == 0 || size > kMaxEvidence) {
      return fail(ErrorCode::invalid_argument, "tell the group of evidence",
                  "it has " + std::to_string(size) + " bytes, not 1 to " + std::to_string(kMaxEvidence));
    }
    if (size + evidence.certificate.size() > kMaxEvidenceWithCertificate) evidence.certificate.clear();
    discovery_.tell_evidence(std::move(evidence), loop_.now());
    pump();
    return {};
  }

  void say_crowd(std::vector<CrowdEntry> entries) override {
    discovery_.say_crowd(std::move(entries));
    pump();
  }

  void forget(const AgentId& agent) override {
    discovery_.forget(agent, loop_.now());
    addresses_stale_ = true;
    pump();
  }

  void tell_reach(const AgentId& to, ReachMessage what) override {
    discovery_.tell_reach(to, std::move(what));
    pump();
  }

  void mark_place(const AgentId& agent, const Endpoint& place, bool answers) override {
    discovery_.mark_place(agent, place, answers, loop_.now());
  }

  [[nodiscard]] std::optional<Endpoint> second_place(const AgentId& agent) const override {
    return discovery_.twins().second_place(agent, loop_.now());
  }

  [[nodiscard]] const PeerTable& peers() const override { return discovery_.peers(); }

  [[nodiscard]] DiscoveryFigures figures() const override {
    DiscoveryFigures figures = figures_;
    figures.multicast_interfaces = settings_.multicast ? channels_->interfaces() : 0;
    figures.trouble = channels_->trouble();
    if (!name_trouble_.empty()) figures.trouble += (figures.trouble.empty() ? "" : "; ") + name_trouble_;
    return figures;
  }

 private:
  DiscoverySelf with_identity(DiscoverySelf self) const {
    self.id = identity_.key.id();
    self.key_epoch = identity_.current.epoch();
    if (auto der = certificate_der(identity_.certificate_pem); der && der->size() <= kMaxHelloCertificate) {
      self.certificate = std::move(*der);
    } else {
      log::error("the agent's certificate does not fit a datagram: others will not hear this agent");
    }
    return self;
  }

  HelloVerdict check(const Incoming& incoming) {
    const HelloVerdict verdict = check_.check(incoming.datagram, incoming.key_epoch, loop_.now(), loop_.wall());
    if (verdict == HelloVerdict::bad_time) ++figures_.clock_rejections;
    return verdict;
  }

  void receive(Bytes packet, const Endpoint& from, bool multicast) {
    const auto envelope = read_envelope(packet);
    const GroupKey* key =
        envelope && envelope->group_tag == identity_.group_tag ? ring_.find_key(envelope->key_epoch) : nullptr;
    if (key == nullptr) {
      ++figures_.foreign;
      return;
    }
    const SteadyTime now = loop_.now();
    if (!budget_.admit_datagram(from, is_known(from), now)) {
      ++figures_.over_budget;
      return;
    }
    auto datagram = decode(packet, *key);
    if (!datagram) {
      ++figures_.foreign;
      return;
    }
    if (datagram->sender == identity_.key.id()) return heard_self(*datagram, from, key->epoch(), now);
    ++figures_.received;
    if (std::holds_alternative<Hello>(datagram->message)) {
      ++(multicast ? figures_.multicast_hellos : figures_.unicast_hellos);
    }
    discovery_.receive(Incoming{std::move(*datagram), from, multicast, key->epoch(), packet.size()}, now);
    pump();
  }

  // Called for datagrams with this agent's own id: usually its own multicast. From an address that this machine does
  // not have, another machine may have the same identity.
  void heard_self(const Datagram& datagram, const Endpoint& from, std::uint32_t key_epoch, SteadyTime now) {
    const auto* hello = std::get_if<Hello>(&datagram.message);
    if (hello == nullptr || !events_.twin || is_own_address(networks(), settings_.listen, from)) return;
    if (!from.is_one_machine() || from.is_link_local() || !twin_checks_.take_token(now)) return;
    if (check_.check(datagram, key_epoch, now, loop_.wall()) != HelloVerdict::good) return;
    const bool later = datagram.start_epoch > identity_.start_epoch;
    const bool further = datagram.start_epoch == identity_.start_epoch && datagram.sequence > sequence_;
    events_.twin({from.with_port(hello->catalogue_port), hello->name, later || further});
  }

  // Rarely called: for unsigned datagrams from a new place.
  bool is_on_link(const Endpoint& from) { return on_link(networks(), from); }

  const std::vector<Interface>& networks() {
    const SteadyTime now = loop_.now();
    if (!networks_ || now - networks_at_ >= kNetworksFor) {
      auto all = list_interfaces();
      networks_ = all ? std::move(*all) : std::vector<Interface>();
      networks_at_ = now;
    }
    return *networks_;
  }

  bool is_known(const Endpoint& from) {
    if (std::exchange(addresses_stale_, false)) {
      known_.clear();
      for (const KnownPeer* peer : discovery_.peers().all()) known_.insert(peer->from.address);
    }
    return known_.contains(from.address);
  }

  // Does what is due, sends, and sets the timer for the next wake-up.
  void pump() {
    if (!running_) return;
    const SteadyTime now = loop_.now();
    if (discovery_.next_wakeup() <= now) discovery_.tick(now);
    flush();
    if (!running_) return;  // a callback stopped it
    const SteadyTime next = discovery_.next_wakeup();
    if (timer_ != 0 && next == timer_at_) return;
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = 0;
    timer_at_ = next;
    if (next == SteadyTime::max()) return;
    timer_ = loop_.after(std::max(Duration{}, Duration(next - now)), [this] {
      timer_ = 0;
      pump();
    });
  }

  void flush() {
    for (Outgoing& out : discovery_.take_outgoing()) send(std::move(out));
  }

  void send(Outgoing out) {
    const GroupKey* key = out.key_epoch == 0 ? &ring_.current() : ring_.find_key(out.key_epoch);
    if (key == nullptr) return;  // the older key was dropped meanwhile
    if (!out.to && !settings_.multicast) return;
    // Each copy of a HELLO shows a place of this agent, so each has a sequence number of its own. The IPv4 copy is sent
    // last and overtakes the other, since agents are usually reached by IPv4. Other messages are taken once if they
    // come by both families.
    if (!out.to && std::holds_alternative<Hello>(out.message)) {
      for (const bool v4 : {false, true}) {
        if (const auto packet = seal(out.message, *key)) channels_->send_multicast(*packet, v4);
      }
      return;
    }
    const auto packet = seal(std::move(out.message), *key);
    if (!packet) return;
    if (out.to) return channels_->send(*packet, *out.to);
    const PeerTable::Families needed = discovery_.peers().families(loop_.now());
    if (needed.v6) channels_->send_multicast(*packet, false);
    if (needed.v4) channels_->send_multicast(*packet, true);
  }

  // Signs and encrypts the message as this agent's next datagram.
  std::optional<std::vector<std::byte>> seal(Message message, const GroupKey& key) {
    Datagram datagram{identity_.key.id(), identity_.start_epoch, ++sequence_, std::move(message), {}};
    if (is_signed(datagram.message)) {
      sign_datagram(datagram, identity_.key, identity_.group_tag, key.epoch());
    }
    auto packet = encode(datagram, identity_.group_tag, key);
    if (!packet) {
      log::error("a datagram was not sent error=\"{}\"", packet.error().text());
      return std::nullopt;
    }
    ++figures_.sent;
    return std::move(*packet);
  }

  // Looks about every second whether the machine was suspended, and every 30th time whether the interfaces changed.
  void look() {
    if (!running_) return;
    if (watch_.notice_wake(loop_.now(), time_suspended())) {
      log::info("discovery starts anew after a standstill");
      channels_->refresh();
      discovery_.resumed(loop_.now());
      pump();
      look_up_names();
    } else if (++looks_ % kLooksPerRefresh == 0 && channels_->refresh()) {
      discovery_.start(loop_.now());
      pump();
    }
    watch_timer_ = loop_.after(WakeWatch::kLookEvery, [this] { look(); });
  }

  void look_up_names() {
    if (!running_ || (settings_.addresses.empty() && settings_.srv.empty())) return;
    if (names_timer_ != 0) loop_.cancel(names_timer_);
    names_timer_ = 0;
    names_.start(settings_.addresses, settings_.srv, [this](ResolvedNames names) {
      if (names.trouble != name_trouble_ && !names.trouble.empty()) {
        log::warn("names of peers are not resolved error=\"{}\"", names.trouble);
      }
      name_trouble_ = names.trouble;
      discovery_.set_addresses(names.endpoints);
      pump();
      if (!running_) return;  // a callback stopped it
      names_timer_ = loop_.after(names.valid, [this] {
        names_timer_ = 0;
        look_up_names();
      });
    });
  }

  static constexpr unsigned kLooksPerRefresh = 30;

  DiscoverySettings settings_;
  DiscoveryEvents events_;
  Loop& loop_;
  std::unique_ptr<DiscoveryChannels> channels_;
  SrvLookup names_;
  DiscoveryIdentity identity_;
  KeyRing ring_;
  HelloCheck check_;
  DiscoverySelf self_;
  Discovery discovery_;
  ReceiveBudget budget_;
  WakeWatch watch_;
  DiscoveryFigures figures_;
  std::string name_trouble_;
  std::set<std::array<std::byte, 16>> known_;  // addresses of peers
  std::uint64_t sequence_ = 0;
  SteadyTime timer_at_{};
  TimerId timer_ = 0, watch_timer_ = 0, names_timer_ = 0, network_timer_ = 0;
  unsigned looks_ = 0;
  static constexpr Duration kNetworksFor = std::chrono::seconds(5);
  std::optional<std::vector<Interface>> networks_;  // as they were at networks_at_
  SteadyTime networks_at_{};
  TokenBucket twin_checks_{1, 4};  // for signatures of HELLOs in this agent's own name
  bool addresses_stale_ = false;
  bool running_ = false;
  bool stopped_ = false;
};

Result<std::vector<Endpoint>> parse_listen(const std::vector<std::string>& listen) {
  std::vector<Endpoint> parsed;
  for (const std::string& text : listen) {
    const bool v6 = text.find(':') != std::string::npos;
    const auto endpoint = parse_endpoint((v6 ? "[" + text + "]" : text) + ":0");
    if (!endpoint) {
      return fail(ErrorCode::invalid_argument, "listen for peers at " + text, "it is not an address in numbers");
    }
    parsed.push_back(*endpoint);
  }
  return parsed;
}

}  // namespace

Result<std::unique_ptr<DiscoverySocket>> make_discovery_socket(const DiscoverySettings& settings,
                                                               DiscoveryIdentity identity, DiscoverySelf self,
                                                               DiscoveryEvents events, Loop& loop, Random& random) {
  const auto listen = parse_listen(settings.listen);
  if (!listen) return tl::unexpected<Error>(listen.error());
  std::uint16_t group_port = settings.multicast_port != 0 ? settings.multicast_port : settings.port;
  if (group_port == 0) group_port = DiscoverySettings::kDefaultPort;
  auto channels = DiscoveryChannels::open(*listen, settings.port, group_port, settings.multicast, loop);
  if (!channels) return tl::unexpected<Error>(channels.error());
  return std::make_unique<Socket>(settings, std::move(identity), std::move(self), std::move(events), loop, random,
                                  std::move(*channels));
}

}  // namespace larder::peer
