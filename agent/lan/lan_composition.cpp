#include "agent/lan/lan_composition.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "agent/lan/config_changes.h"
#include "agent/lan/kept_trust.h"
#include "agent/lan/lan_settings.h"
#include "agent/lan/membership_group.h"
#include "agent/lan/neighbour_switch.h"
#include "agent/lan/own_addresses.h"
#include "agent/lan/reach_watch.h"
#include "agent/lan/serving_watch.h"
#include "agent/lan/sharing_facts.h"
#include "agent/lan/start_epoch.h"
#include "base/io/log.h"
#include "cache/cache.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/group/certificate.h"
#include "peer/group/identity_store.h"
#include "peer/membership/membership.h"
#include "peer/offer/catalogue_service.h"
#include "peer/offer/offer_feed.h"
#include "peer/offer/offer_table.h"
#include "peer/offer/system_facts.h"
#include "peer/supply/neighbourhood.h"
#include "peer/swarm/swarm.h"

namespace larder::agent {
namespace {

constexpr Duration kSelfInterval = std::chrono::seconds(2);  // at which load and serving are updated
constexpr std::size_t kMaxAskers = 256;

}  // namespace

struct LanComposition::State : std::enable_shared_from_this<State> {
  State(LanParts p, std::shared_ptr<const Config> c);

  // Exists while in a group. In the order of creation; destruction is in reverse order.
  struct Network {
    std::unique_ptr<peer::CatalogueLink> link;
    std::unique_ptr<peer::Swarm> swarm;
    std::unique_ptr<peer::DiscoverySocket> discovery;
    std::unique_ptr<peer::OfferTable> offers;
    std::unique_ptr<peer::OfferFeed> feed;
    std::unique_ptr<peer::Neighbourhood> neighbourhood;
    std::unique_ptr<peer::CatalogueService> service;
    std::unique_ptr<ReachWatch> reach;
  };

  void bring_up();
  Status make_network(Network& out);
  Status make_sockets(Network& out);
  void connect_parts(Network& made);
  void bring_down();
  void renew_run();
  void retry_later(const Error& error);
  void changed(const peer::MembershipChange& change);
  void group_state_changed();
  void credentials_changed();
  void serve(peer::CatalogueRequest request, UniqueFunction<void(peer::CatalogueResponse)> respond);
  void refresh_self();
  void refusals_changed();
  void known_changed();
  void met_self();
  [[nodiscard]] bool refused(const peer::AgentId& agent) const;
  [[nodiscard]] bool serving() const;
  [[nodiscard]] bool may_offer(const cache::Version& version);
  void read_offers_anew();
  [[nodiscard]] peer::DiscoverySelf self(const Network& of) const;
  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] std::vector<SeenMember> seen() const;

  LanParts parts;
  std::shared_ptr<const Config> config;
  std::shared_ptr<peer::IdentityStore> identities;
  std::unique_ptr<peer::Membership> membership;
  std::unique_ptr<MembershipGroup> group;
  KeptTrust kept;
  NeighbourSwitch neighbours{config};
  ServingWatch serving_watch;
  std::optional<Network> network;
  StartEpoch start_epoch;             // normally one for the whole run
  std::deque<peer::Endpoint> askers;  // addresses that sent catalogue requests, the latest last
  std::string trouble;
  bool started = false, stopped = false, trust_loaded = false;
  TimerId retry = 0, refresh = 0;
};

LanComposition::State::State(LanParts p, std::shared_ptr<const Config> c)
    : parts(p),
      config(std::move(c)),
      identities(std::make_shared<peer::IdentityStore>(parts.files, config->state_directory)),
      membership(std::make_unique<peer::Membership>(identities, peer::MembershipSettings{machine_name()}, parts.runtime,
                                                    parts.disk)),
      kept(parts.database, parts.runtime, config->trust_min_attesters),
      serving_watch(parts.runtime, parts.disk, [] { return peer::read_serving_facts(); }),
      start_epoch(identities, parts.disk, parts.runtime) {
  group = std::make_unique<MembershipGroup>(
      *membership, [this] { return addresses(); }, [this] { return seen(); });
  membership->set_network(membership_network(
      parts.runtime, [this] { return network ? network->link.get() : nullptr; }, [this] { return seen(); }));
  membership->observe([this](const peer::MembershipChange& change) { changed(change); });
  if (membership->problem()) {
    log::error("the identity cannot be read, this agent works alone error=\"{}\"", membership->problem()->text());
  }
}

std::vector<SeenMember> LanComposition::State::seen() const {
  return network ? seen_members(network->discovery->peers()) : std::vector<SeenMember>();
}

std::vector<std::string> LanComposition::State::addresses() const {
  return own_addresses(config->peer_listen, network ? network->link->port() : config->peer_port);
}

bool LanComposition::State::refused(const peer::AgentId& agent) const {
  return membership->refused(agent) || kept.trust.shunned(agent, parts.runtime.clock.wall());
}

bool LanComposition::State::serving() const {
  return serving_watch.serving(*config);
}

bool LanComposition::State::may_offer(const cache::Version& version) {
  if (!agent::may_offer(*config, version)) return false;
  const Digest digest = peer::version_digest(version);
  kept.trust.know(digest, version.url);
  return kept.trust.may_share(digest, version.url, parts.runtime.clock.wall());
}

void LanComposition::State::read_offers_anew() {
  if (!network) return;
  network->offers->reset(membership->identity()->group.key);
  network->service->forget_all();
  network->feed->restart();
}

// -- up and down ------------------------------------------------------------------------------------------------------

void LanComposition::State::bring_up() {
  if (network || !started || stopped || !trust_loaded || !config->peer_enabled) return;
  parts.runtime.timers.cancel(std::exchange(retry, 0));
  // Obtained before there is a group: a group's creator then has sockets when it is answered, and can invite at once.
  if (!start_epoch.value()) {
    return start_epoch.obtain([this](const Status& had) {
      if (!stopped) had ? bring_up() : retry_later(had.error());
    });
  }
  if (!membership->active()) return;
  met_self();
  Network made;
  if (auto status = make_network(made); !status) return retry_later(status.error());
  network = std::move(made);
  trouble.clear();
  connect_parts(*network);
  log::info("sharing in group=\"{}\" agent={} catalogue={} swarm={} discovery={}", membership->identity()->group.name,
            peer::agent_name(membership->identity()->id()), network->link->port(), network->swarm->port(),
            network->discovery->port());
}

void LanComposition::State::retry_later(const Error& error) {
  if (trouble != error.text()) log::warn("no sharing for now, tried again error=\"{}\"", error.text());
  trouble = error.text();
  parts.runtime.timers.cancel(retry);
  retry = parts.runtime.timers.after(kRetry, [this] {
    retry = 0;
    bring_up();
  });
}

Status LanComposition::State::make_sockets(Network& out) {
  auto linked = peer::make_catalogue_link(link_settings(*config), membership->credentials(), parts.runtime);
  if (!linked) return tl::unexpected<Error>(linked.error());
  out.link = std::move(*linked);
  out.link->set_enrolling(membership->enrolling());  // it listens already
  auto swarmed = peer::make_swarm(swarm_settings(*config), swarm_credentials(*membership), parts.runtime);
  if (!swarmed) return tl::unexpected<Error>(swarmed.error());
  out.swarm = std::move(*swarmed);
  return {};
}

Status LanComposition::State::make_network(Network& out) {
  const peer::Identity& identity = *membership->identity();
  if (auto made = make_sockets(out); !made) return made;
  out.offers = std::make_unique<peer::OfferTable>(identity.group.key,
                                                  [this](const cache::Version& version) { return may_offer(version); });
  peer::DiscoveryEvents events;
  events.holdings = [offers = out.offers.get()](const peer::Ask& ask) { return offers->answer(ask); };
  events.refused = [this](const peer::AgentId& agent) { return refused(agent); };
  events.appeared = [this](const peer::KnownPeer& peer) {
    if (!network) return;
    kept.on_member_met(peer.id, peer.certificate, parts.runtime.clock.wall());
    known_changed();
    network->reach->appeared(peer);
    membership->on_member_heard(peer.id, peer.catalogue(), peer.group_version);
  };
  events.gone = [this](const peer::AgentId& agent) {
    known_changed();
    if (network) network->neighbourhood->on_agent_gone(agent);
  };
  events.crowd = [this](const peer::AgentId& from, const peer::CrowdStamp& stamp,
                        const std::vector<peer::CrowdEntry>& entries) {
    if (network) network->neighbourhood->on_crowd_entries(from, stamp, entries);
  };
  events.newer_group = [this](const peer::AgentId& agent, const peer::Endpoint& catalogue, std::uint32_t version) {
    membership->on_member_heard(agent, catalogue, version);
  };
  events.evidence = [this](const peer::AgentId& from, const peer::EvidenceMessage& evidence) {
    if (network) network->neighbourhood->on_evidence(from, evidence);
  };
  events.reach = [this](const peer::AgentId& from, const peer::ReachMessage& what) {
    if (network) network->reach->on_report(from, what);
  };
  events.twin = [this](const peer::TwinHeard& what) {
    if (network) network->reach->twin_heard(what);
  };
  auto discovery =
      peer::make_discovery_socket(discovery_settings(*config), discovery_identity(*membership, *start_epoch.value()),
                                  self(out), std::move(events), parts.loop, parts.runtime.random);
  if (!discovery) return tl::unexpected<Error>(discovery.error());
  out.discovery = std::move(*discovery);
  return {};
}

void LanComposition::State::connect_parts(Network& made) {
  const peer::Identity& identity = *membership->identity();
  const Digest digest = peer::group_digest(identity.group.authority_pem);
  made.feed = std::make_unique<peer::OfferFeed>(parts.cache, *made.offers, parts.runtime);
  made.reach = make_reach_watch(
      parts, *membership, *config, *made.discovery, *made.link, *made.swarm, [this] { return config->peer_use; },
      [this] { renew_run(); });
  made.neighbourhood = std::make_unique<peer::Neighbourhood>(peer::NeighbourhoodParts{
      *made.discovery, *made.link, *made.swarm, parts.cache, kept.trust, kept.members, *made.offers, parts.disk,
      parts.runtime, identity.key, digest, [this](const peer::AgentId& agent) { return membership->refused(agent); },
      [this] { return serving(); }, [this] { refusals_changed(); }, peer::listens_on_loopback(config->peer_listen),
      [this] { read_offers_anew(); }, made.reach->dials()});
  made.neighbourhood->set_using(config->peer_use, config->peer_crowd);
  peer::CatalogueServiceParts service{parts.cache, *made.offers,  kept.members, *made.swarm,
                                      parts.disk,  parts.runtime, identity.key, digest};
  service.max_connections = config->peer_max_connections;
  service.group_paths = [this](const peer::CatalogueRequest& request,
                               UniqueFunction<void(peer::CatalogueResponse)>& respond) {
    return membership->handle(request, respond);
  };
  service.peers = [discovery = made.discovery.get()]() -> const peer::PeerTable& { return discovery->peers(); };
  service.refused = [this](const peer::AgentId& agent) { return refused(agent); };
  service.serving = [this] { return serving(); };
  made.service = std::make_unique<peer::CatalogueService>(std::move(service));
  made.link->set_refused([this](const peer::AgentId& agent) { return refused(agent); });
  made.link->set_handler([this](peer::CatalogueRequest request, UniqueFunction<void(peer::CatalogueResponse)> respond) {
    serve(std::move(request), std::move(respond));
  });
  parts.cache.observe([this](const cache::ContentId& id) {
    if (!network) return;
    network->feed->on_content_changed(id);
    network->service->changed(id);
  });
  made.feed->on_offered(std::bind_front(&peer::Neighbourhood::on_offered, made.neighbourhood.get()));
  made.feed->restart();
  made.discovery->start();
  made.reach->start();
  neighbours.set(made.neighbourhood.get());
  refusals_changed();
  refresh_self();
}

// Posted, since it destroys its caller.
void LanComposition::State::renew_run() {
  parts.runtime.executor.post([weak = weak_from_this()] {
    const auto state = weak.lock();
    if (!state || state->stopped) return;
    state->bring_down();
    state->start_epoch.forget();
    state->bring_up();
  });
}

void LanComposition::State::bring_down() {
  parts.runtime.timers.cancel(std::exchange(retry, 0));
  parts.runtime.timers.cancel(std::exchange(refresh, 0));
  neighbours.set(nullptr);
  if (!network) return;
  parts.cache.observe({});
  network->discovery->stop();
  // Callbacks test `network`: clear it first, so that none of them uses the parts during destruction.
  const std::unique_ptr<Network> ending = std::make_unique<Network>(std::move(*network));
  network.reset();
  ending->reach.reset();
  ending->neighbourhood.reset();
  ending->service.reset();
  ending->feed.reset();
}

// -- changes ----------------------------------------------------------------------------------------------------------

void LanComposition::State::changed(const peer::MembershipChange& change) {
  if (change.identity) {
    bring_down();
    kept.forget_all();
    log::info("group changed, {}", membership->identity() ? "sharing begins anew" : "this agent works alone");
    return bring_up();
  }
  if (!membership->active()) return bring_down();
  if (!network) return bring_up();
  if (change.certificate) credentials_changed();
  if (change.state) group_state_changed();
  if (change.enrolling) network->link->set_enrolling(membership->enrolling());
}

void LanComposition::State::credentials_changed() {
  met_self();
  network->link->set_credentials(membership->credentials());
  network->swarm->set_credentials(swarm_credentials(*membership));
  network->discovery->set_identity(discovery_identity(*membership, *start_epoch.value()));
}

void LanComposition::State::group_state_changed() {
  // In this order: datagrams under the former key must announce the newer state.
  network->discovery->set_self(self(*network));
  network->discovery->set_identity(discovery_identity(*membership, *start_epoch.value()));
  network->offers->reset(membership->identity()->group.key);  // all names on the LAN are derived from it
  network->neighbourhood->on_key_changed();
  network->service->forget_all();
  network->feed->restart();
  refusals_changed();
}

void LanComposition::State::refusals_changed() {
  if (!network) return;
  auto agents = kept.all_shunned(parts.runtime.clock.wall());
  for (const peer::Revocation& one : membership->identity()->group.state.revoked) agents.push_back(one.agent);
  network->link->cut(agents);
  network->swarm->set_refused(std::move(agents));
  network->discovery->refused_changed();
}

// Its own certificate, so that peers can believe other peers on what it attests.
void LanComposition::State::met_self() {
  const peer::Group& of = membership->identity()->group;
  kept.members.set_authority(of.authority_pem);
  if (const auto der = peer::certificate_der(of.certificate_pem))
    kept.on_member_met(membership->identity()->id(), *der, parts.runtime.clock.wall());
}

// The swarm's port accepts only agents that can have found it.
void LanComposition::State::known_changed() {
  if (!network) return;
  std::vector<peer::Endpoint> known(askers.begin(), askers.end());
  for (const peer::KnownPeer* peer : network->discovery->peers().all()) known.push_back(peer->swarm());
  network->swarm->set_known(std::move(known));
  network->neighbourhood->on_agents_changed();
}

void LanComposition::State::serve(peer::CatalogueRequest request,
                                  UniqueFunction<void(peer::CatalogueResponse)> respond) {
  if (!network) return respond({503, {}});
  (void)network->reach->is_own_question(request);
  if (request.agent) {
    const peer::Endpoint from = request.from.with_port(0);
    if (std::find(askers.begin(), askers.end(), from) == askers.end()) {
      askers.push_back(from);
      if (askers.size() > kMaxAskers) askers.pop_front();
      known_changed();
    }
  }
  network->service->handle(std::move(request), std::move(respond));
}

void LanComposition::State::refresh_self() {
  refresh = parts.runtime.timers.after(kSelfInterval, [this] { refresh_self(); });
  if (!network) return;
  if (kept.trust.tidy(parts.runtime.clock.wall())) {
    read_offers_anew();
    refusals_changed();
  }
  network->discovery->set_self(self(*network));
  network->neighbourhood->on_serving_changed();
}

peer::DiscoverySelf LanComposition::State::self(const Network& of) const {
  peer::DiscoverySelf me = discovery_self(*membership, *of.link, *of.swarm);
  me.serving = serving();
  if (of.service) me.load = of.service->load();
  return me;
}

// -- outside ----------------------------------------------------------------------------------------------------------

LanComposition::LanComposition(LanParts parts, std::shared_ptr<const Config> config)
    : state_(std::make_shared<State>(parts, std::move(config))) {}

LanComposition::~LanComposition() {
  stop();
}

void LanComposition::start() {
  state_->started = true;
  state_->serving_watch.read_facts();
  state_->kept.load(state_->parts.runtime.clock.wall(), [weak = std::weak_ptr(state_)] {
    const auto state = weak.lock();
    if (!state || state->stopped) return;
    state->trust_loaded = true;
    state->bring_up();
  });
}

void LanComposition::stop() {
  state_->stopped = true;
  state_->bring_down();
}

void LanComposition::apply(std::shared_ptr<const Config> config) {
  State& state = *state_;
  const auto before = std::exchange(state.config, std::move(config));
  state.kept.trust.set_min_attesters(state.config->trust_min_attesters);
  if (!same_network(*before, *state.config)) {
    state.bring_down();
    return state.bring_up();
  }
  if (!state.network) return state.bring_up();
  state.network->neighbourhood->set_using(state.config->peer_use, state.config->peer_crowd);
  state.network->swarm->set_rates(state.config->peer_upload_rate, 0);
  if (same_offers(*before, *state.config)) return;
  state.read_offers_anew();
}

void LanComposition::network_changed() {
  if (!state_->network) return state_->bring_up();
  state_->network->link->network_changed();
  state_->network->discovery->network_changed();
  state_->network->reach->network_changed();
}

peer::Neighbours& LanComposition::neighbours() {
  return state_->neighbours;
}

GroupService& LanComposition::group() {
  return *state_->group;
}

LanFacts LanComposition::facts() const {
  LanFacts facts;
  facts.enabled = state_->config->peer_enabled;
  facts.in_group = state_->membership->identity() != nullptr;
  facts.up = state_->network.has_value();
  facts.trouble = state_->trouble;
  if (!state_->network) return facts;
  facts.catalogue_port = state_->network->link->port();
  facts.swarm_port = state_->network->swarm->port();
  facts.discovery_port = state_->network->discovery->port();
  facts.offered = state_->network->offers->size();
  facts.offering_idle = state_->network->feed->idle();
  return facts;
}

SharingFacts LanComposition::sharing_facts() const {
  SharingFacts out = agent::sharing_facts(facts(), *state_->config, state_->serving_watch.trouble(*state_->config));
  if (const auto* identity = state_->membership->identity()) out.id = to_hex(identity->id());
  if (!state_->network) return out;
  const Clock& clock = state_->parts.runtime.clock;
  add_discovery(state_->network->discovery->figures(), out);
  add_swarm(state_->network->swarm->figures(), out);
  out.peers = peer_facts(state_->network->discovery->peers(), state_->kept.trust, clock.now(), clock.wall());
  add_trust(state_->kept.trust, clock.wall(), out);
  out.known_members = std::max<std::size_t>(state_->kept.members.size(), 1) - 1;
  state_->network->reach->add_to(out);
  return out;
}

void LanComposition::ask_catalogue(UniqueFunction<void()> answer) {
  if (!state_->network) return answer();
  state_->network->link->ask_thread(std::move(answer));
}

void LanComposition::ask_swarm(UniqueFunction<void()> answer) {
  if (!state_->network) return answer();
  state_->network->swarm->ask_thread(std::move(answer));
}

Result<PardonAnswer> LanComposition::pardon(const std::string& agent) {
  const auto id = find_agent(sharing_facts().peers, agent);
  if (!id) return tl::unexpected<Error>(id.error());
  const bool any = state_->kept.trust.pardon(*id, state_->parts.runtime.clock.wall());
  log::info("agent pardoned by an admin agent={} held_against_it={}", peer::agent_name(*id), any);
  state_->refusals_changed();
  return PardonAnswer{to_hex(*id), any};
}

}  // namespace larder::agent
