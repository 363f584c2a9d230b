#include "peer/supply/neighbourhood.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/io/log.h"
#include "cache/cache.h"
#include "peer/messages/catalogue_paths.h"
#include "peer/supply/newest_lookup.h"
#include "peer/trust/own_attestations.h"

namespace larder::peer {

Neighbourhood::Neighbourhood(NeighbourhoodParts parts) : parts_(std::move(parts)) {
  const auto lied_here = [this](const AgentId& agent) { on_lie(agent); };
  const auto unreachable = [this](const AgentId& agent) {
    if (parts_.dials.failed) parts_.dials.failed(agent, DialEnd::silent);
    // A peer that was heard just now is reachable, and only slow.
    const KnownPeer* peer = parts_.discovery.peers().find_peer(agent);
    if (peer && parts_.runtime.clock.now() - peer->last_heard < kHeardLately) return;
    parts_.discovery.forget(agent);
    on_agent_gone(agent);
  };
  const auto found_evidence = [this](const Evidence& evidence) {
    // Posted: acting on the evidence may end the look-up that found it.
    parts_.runtime.executor.post(alive_.guard([this, evidence] { weigh(evidence); }));
  };
  make_crowds();
  supply_tools_ = std::make_shared<SupplyTools>(SupplyTools{
      parts_.link, parts_.swarm, parts_.runtime,
      [&disk = parts_.disk](Task task) { return disk.submit(std::move(task)); }, lied_here, unreachable, parts_.dials});
  lookup_tools_ = std::make_shared<LookupTools>(
      LookupTools{parts_.discovery, parts_.link, parts_.runtime, parts_.trust, parts_.members,
                  [this](const AgentId& agent) { return is_refused(agent); },
                  [this](const AgentId& agent) { return not_heard(agent); }, lied_here, unreachable, parts_.key.id(),
                  parts_.loopback, alive_.guard(found_evidence)});
}

Neighbourhood::~Neighbourhood() {
  for (auto& [url, seen] : prefetches_) {
    for (auto& waiting : seen.waiting) parts_.runtime.executor.post(std::move(waiting));
  }
  for (const auto& lookup : lookups_) lookup->stop();
  for (const auto& weak : newest_) {
    if (const auto lookup = weak.lock()) lookup->stop();
  }
  for (const auto& weak : supplies_) {
    if (const auto supply = weak.lock()) supply->close();
  }
}

bool Neighbourhood::is_refused(const AgentId& agent) const {
  return (parts_.revoked && parts_.revoked(agent)) || parts_.trust.shunned(agent, parts_.runtime.clock.wall());
}

bool Neighbourhood::not_heard(const AgentId& agent) const {
  return is_refused(agent) || !parts_.members.is_known(agent, parts_.runtime.clock.wall());
}

Trust::Circle Neighbourhood::circle() const {
  return {parts_.key.id(), parts_.group, parts_.members.size(),
          [this](const AgentId& agent) { return not_heard(agent); }};
}

bool Neighbourhood::may_share(const cache::Version& version) const {
  return parts_.trust.may_share(version_digest(version), version.url, parts_.runtime.clock.wall());
}

bool Neighbourhood::anyone() const {
  if (!using_) return false;
  const auto peers = parts_.discovery.peers().all();
  return std::any_of(peers.begin(), peers.end(),
                     [this](const KnownPeer* peer) { return peer->serving && !is_refused(peer->id); });
}

void Neighbourhood::tidy() {
  std::erase_if(lookups_, [](const auto& lookup) { return lookup->is_over(); });
  std::erase_if(supplies_, [](const auto& supply) { return supply.expired(); });
}

// Looks up the holders of any version while the origin's probe is in flight. A connection to one holder is opened
// meanwhile, since its TLS handshake costs more than the rest of a look-up.
void Neighbourhood::prefetch_lookup(const std::string& url) {
  if (!anyone()) return;
  const SteadyTime now = parts_.runtime.clock.now();
  std::erase_if(prefetches_,
                [now](const auto& item) { return now - item.second.at > kPrefetchFor && item.second.waiting.empty(); });
  if (prefetches_.contains(url) || prefetches_.size() >= kMaxPrefetches) return;
  prefetches_[url] = {now, false, {}};
  prefetches_to_ask_.push_back(url);
  if (prefetches_to_ask_.size() > 1) return;
  // Files of one job are probed together; their look-ups go into one datagram.
  parts_.runtime.timers.after(kGatherUrls, alive_.guard([this] { ask_prefetches(); }));
}

void Neighbourhood::ask_prefetches() {
  const std::vector<std::string> all = std::exchange(prefetches_to_ask_, {});
  for (std::size_t first = 0; first < all.size(); first += kMaxAskKeys) {
    const std::size_t last = std::min(all.size(), first + kMaxAskKeys);
    const std::vector<std::string> urls(all.begin() + static_cast<std::ptrdiff_t>(first),
                                        all.begin() + static_cast<std::ptrdiff_t>(last));
    std::vector<AskKey> keys;
    keys.reserve(urls.size());
    for (const std::string& url : urls) keys.push_back({KeyKind::url, parts_.offers.key().url_key(url)});
    const auto heard = [this, urls](const std::vector<Holder>& found) {
      for (std::size_t i = 0; i < urls.size(); ++i) {
        std::vector<Holder> holders;
        std::copy_if(found.begin(), found.end(), std::back_inserter(holders),
                     [i](const Holder& holder) { return holder.item.key == i; });
        on_prefetch_answer(urls[i], holders);
      }
    };
    parts_.discovery.ask(std::move(keys), alive_.guard(heard));
  }
}

void Neighbourhood::on_prefetch_answer(const std::string& url, const std::vector<Holder>& holders) {
  const auto found = prefetches_.find(url);
  if (found == prefetches_.end()) return;
  found->second.answered = true;
  found->second.holders = holders;
  const auto best = std::min_element(holders.begin(), holders.end(), [](const Holder& a, const Holder& b) {
    return std::make_pair(!a.item.complete, a.load) < std::make_pair(!b.item.complete, b.load);
  });
  if (best != holders.end()) warm_up(parts_.offers.key().url_key(url), *best);
  for (auto& waiting : std::exchange(found->second.waiting, {})) parts_.runtime.executor.post(std::move(waiting));
}

bool Neighbourhood::promising(const std::string& url) const {
  const auto found = prefetches_.find(url);
  return found != prefetches_.end() && !found->second.holders.empty();
}

void Neighbourhood::warm_up(const Digest& url_key, const Holder& holder) {
  const KnownPeer* peer = parts_.discovery.peers().find_peer(holder.agent);
  if (!peer || is_refused(holder.agent)) return;
  CatalogueCall call;
  call.to = peer->catalogue();
  call.agent = holder.agent;
  call.target = target_of(ManifestQuery{url_key, KeyKind::url, false});
  call.timeout = kPrefetchFor;
  parts_.link.call(std::move(call), [](const Result<CatalogueResponse>&) {});  // only the connection is wanted
}

std::shared_ptr<SupplyImpl> Neighbourhood::look_up(const cache::Version& version, std::vector<Holder> prefetched,
                                                   VersionLookup::Found found) {
  tidy();
  const Digest key = parts_.offers.key().version_key(version);
  auto supply = std::make_shared<SupplyImpl>(supply_tools_, version, key, parts_.group);
  auto lookup = std::make_shared<VersionLookup>(lookup_tools_, supply, std::move(prefetched), std::move(found));
  supply->set_others_listener([weak = std::weak_ptr(lookup)](const std::vector<std::byte>& body) {
    if (const auto still = weak.lock()) still->add_others(body);
  });
  supplies_.push_back(supply);
  lookups_.push_back(lookup);
  // Posted: start() may call `found` within the call.
  parts_.runtime.executor.post([weak = std::weak_ptr(lookup)] {
    if (const auto still = weak.lock()) still->start();
  });
  return supply;
}

void Neighbourhood::find_supply(NeighbourQuery query, UniqueFunction<void(std::shared_ptr<Supply>)> done) {
  const bool worthwhile = query.version.size.value_or(0) > 0 && query.version.has_validator();
  if (!worthwhile || !anyone()) return done(nullptr);
  parts_.trust.know(version_digest(query.version), query.version.url);
  if (!may_share(query.version)) return done(nullptr);
  if (const auto asked = prefetches_.find(query.version.url); asked != prefetches_.end() && !asked->second.answered) {
    // A look-up of the URL is in flight; this look-up starts with its answer instead of asking again.
    asked->second.waiting.push_back(
        [this, alive = alive_.watch(), query = std::move(query), done = std::move(done)]() mutable {
          if (alive.expired()) return done(nullptr);
          find_supply(std::move(query), std::move(done));
        });
    return;
  }
  std::vector<Holder> known;
  bool asked = false;
  if (const auto seen = prefetches_.find(query.version.url); seen != prefetches_.end() && seen->second.answered) {
    if (parts_.runtime.clock.now() - seen->second.at <= kPrefetchFor) known = std::move(seen->second.holders);
    asked = known.empty() && parts_.runtime.clock.now() - seen->second.at <= kJustAsked;
    prefetches_.erase(seen);
  }
  const auto supply =
      look_up(query.version, std::move(known),
              [done = std::move(done)](std::shared_ptr<SupplyImpl> found) mutable { done(std::move(found)); });
  if (crowd_ && query.gives) join_crowd(query, supply, *lookups_.back(), asked);
  if (!query.content.empty()) give_own(query.content, supply);
}

void Neighbourhood::give_own(const cache::ContentId& content, const std::shared_ptr<SupplyImpl>& supply) {
  const auto opened = [this, content,
                       weak = std::weak_ptr(supply)](const Result<std::shared_ptr<cache::ContentLease>>& lease) {
    // A new content has no committed segment as a rule. Nothing of it is served from here then.
    if (!lease) return;
    parts_.cache.segments(content, [weak, lease = *lease](const Result<std::vector<cache::SegmentInfo>>& segments) {
      const auto user = weak.lock();
      if (!user || !segments) return;
      std::vector<ByteRange> held;
      for (const auto& segment : *segments) held.push_back(segment.range);
      user->set_own(lease, std::move(held));
    });
  };
  parts_.cache.open_partial(content, alive_.guard(opened));
}

void Neighbourhood::find_newest(const std::string& url, UniqueFunction<void(std::optional<NewestEdition>)> done) {
  if (!anyone()) return done(std::nullopt);
  auto shared = std::make_shared<UniqueFunction<void(std::optional<NewestEdition>)>>(std::move(done));
  auto lookup = std::make_shared<NewestLookup>(
      lookup_tools_, url, parts_.offers.key().url_key(url), parts_.group,
      [this, alive = alive_.watch(), shared](std::optional<FoundEdition> edition) {
        if (alive.expired() || !edition || !may_share(edition->version)) return (*shared)(std::nullopt);
        look_up(edition->version, {}, [shared, edition = *edition](std::shared_ptr<SupplyImpl> supply) {
          if (!supply || !supply->complete()) return (*shared)(std::nullopt);
          (*shared)(NewestEdition{edition.version, edition.fetched, std::move(supply)});
        });
      });
  std::erase_if(newest_, [](const auto& one) { return one.expired(); });
  newest_.push_back(lookup);
  parts_.runtime.executor.post([lookup] { lookup->start(); });
}

void Neighbourhood::judged_bad(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) {
  const Digest digest = version_digest(version);
  std::vector<Attestation> attested;
  for (const cache::SegmentInfo& segment : segments) {
    // Attestations of other roots count too: where a segment also has bytes of the origin, the attested root may have
    // been the false one.
    const auto said = said_of(digest, segment);
    attested.insert(attested.end(), said.begin(), said.end());
  }
  log::info("content of peers was judged not valid; who attested it is remembered attestations={}", attested.size());
  parts_.trust.suspect(attested, parts_.group);
}

void Neighbourhood::fetched(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) {
  const WallTime now = parts_.runtime.clock.wall();
  const auto own = attest_own(version, segments, parts_.key, parts_.group, now);
  act_on(parts_.trust.fetched(version.url, own, circle(), now));
}

void Neighbourhood::merged(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
                           const cache::ContentId& held) {
  const WallTime now = parts_.runtime.clock.wall();
  auto vouching = std::make_shared<std::map<std::uint64_t, std::vector<Attestation>>>();
  for (const cache::SegmentInfo& segment : segments) {
    auto attested = kept_attestations(version_digest(version), segment);
    if (self_attestable(segment, cache::version_name(version)))
      attested = {attest(version, segment, parts_.key, parts_.group, now)};
    if (!attested.empty()) (*vouching)[segment.index] = std::move(attested);
  }
  if (vouching->empty()) return;
  const auto listed = [this, held, vouching](const Result<std::vector<cache::SegmentInfo>>& there) {
    if (!there) return;  // the content was dropped meanwhile: nothing is lost
    cache::Cache::Vouching kept;
    for (const cache::SegmentInfo& segment : *there) {
      const auto found = vouching->find(segment.index);
      if (found != vouching->end()) kept.emplace_back(segment.index, add_attestations(found->second, segment));
    }
    parts_.cache.set_attestations(held, std::move(kept), [held](const Status& status) {
      if (!status) log::warn("a version is not shared: {} content={}", status.error().text(), held);
    });
  };
  parts_.cache.segments(held, alive_.guard(listed));
}

void Neighbourhood::on_evidence(const AgentId& from, const EvidenceMessage& told) {
  if (is_refused(from)) return;
  const auto evidence = decode_evidence(told.bytes);
  if (!evidence) {
    log::warn("evidence that cannot be read came from agent={} error=\"{}\"", agent_name(from),
              evidence.error().text());
    return;
  }
  meet_member(*evidence, told.certificate);
  const auto outcome = parts_.trust.receive(*evidence, circle(), parts_.runtime.clock.wall());
  if (!outcome) {
    log::warn("evidence from agent={} proves nothing error=\"{}\"", agent_name(from), outcome.error().text());
    return;
  }
  act_on(*outcome);
}

// Acts on a contradiction between statements of two members: informs the group, so that no agent shares the version.
void Neighbourhood::weigh(const Evidence& evidence) {
  const auto outcome = parts_.trust.receive(evidence, circle(), parts_.runtime.clock.wall());
  if (!outcome) return;  // a signature does not hold: the evidence proves nothing
  if (!outcome->condemned.empty()) {
    // Sent both ways round: each message carries the certificate of one of the two, and receivers may know neither.
    tell_group(evidence);
    tell_group({evidence.accuser, evidence.accused});
  }
  act_on(*outcome);
}

// Remembers the certificate of an accused agent that this agent has not met, since its attestations may arrive later.
// Only with evidence that holds, so that a broken member cannot make this agent check certificates without end.
void Neighbourhood::meet_member(const Evidence& evidence, Bytes certificate) {
  const WallTime now = parts_.runtime.clock.wall();
  const AgentId& accused = evidence.accused.agent;
  if (certificate.empty() || parts_.members.is_known(accused, now) || !check_evidence(evidence, parts_.group)) return;
  if (const Status status = parts_.members.remember(accused, certificate, now); !status) {
    log::warn("the accused's certificate does not hold agent={} error=\"{}\"", agent_name(accused),
              status.error().text());
  }
}

void Neighbourhood::tell_group(const Evidence& evidence) {
  EvidenceMessage message{encode_evidence(evidence), {}};
  if (const auto* known = parts_.members.certificate(evidence.accused.agent, parts_.runtime.clock.wall())) {
    message.certificate = *known;
  }
  const auto told = parts_.discovery.tell_evidence(std::move(message));
  if (!told) log::warn("evidence was not told to the group error=\"{}\"", told.error().text());
}

void Neighbourhood::act_on(const Trust::Outcome& outcome) {
  if (outcome.empty()) return;
  for (const Evidence& evidence : outcome.evidence) tell_group(evidence);
  for (const Digest& version : outcome.condemned) {
    log::warn("agents were given different bytes under one name; it is shared no more version={}", to_hex(version));
  }
  for (const std::string& host : outcome.hosts) {
    log::warn("origin is not constant, nothing of it is shared for a while host={}", host);
  }
  for (const AgentId& agent : outcome.doubted) {
    log::warn("agent is contradicted; its word alone counts no more for a while agent={}", agent_name(agent));
  }
  for (const AgentId& agent : outcome.shunned) {
    log::warn("agent is contradicted by a share of the group; it is shunned for a while agent={}", agent_name(agent));
  }
  share_no_more(outcome.condemned);
  if (!outcome.hosts.empty()) {
    stop_supplies();
    if (parts_.offers_changed) parts_.offers_changed();
  }
  for (const AgentId& agent : outcome.doubted) on_agent_gone(agent);  // crowds no longer wait for its claims
  if (!outcome.shunned.empty() && parts_.shunned_changed) parts_.shunned_changed();
}

void Neighbourhood::share_no_more(const std::vector<Digest>& versions) {
  for (const Digest& version : versions) parts_.offers.withdraw(version);
  if (versions.empty()) return;
  parts_.swarm.end_unshared();
  stop_supplies();
}

// Closes the supplies of versions that may not be shared any more; the rest of their bytes comes from the origin.
void Neighbourhood::stop_supplies() {
  for (const auto& weak : supplies_) {
    const auto supply = weak.lock();
    if (!supply || may_share(supply->version())) continue;
    log::info("nothing more of it is taken from neighbours url={}", log::redact_url(supply->version().url));
    for (const auto& lookup : lookups_) {
      if (lookup->is_for(supply)) lookup->stop();
    }
    supply->close();
  }
}

void Neighbourhood::on_lie(const AgentId& agent) {
  if (!parts_.trust.sent_bad_block(agent, parts_.runtime.clock.wall())) return;
  log::warn("agent sent what is not attested; it is shunned for a while agent={}", agent_name(agent));
  // Posted: cutting connections must not end a call whose answer is being handled.
  parts_.runtime.executor.post(alive_.guard([this] {
    if (parts_.shunned_changed) parts_.shunned_changed();
  }));
}

}  // namespace larder::peer
