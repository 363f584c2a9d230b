#include "peer/offer/catalogue_service.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/io/log.h"
#include "cache/cache.h"
#include "peer/offer/inline_share.h"
#include "peer/swarm/segment_leaves.h"
#include "peer/trust/attesters.h"
#include "peer/trust/own_attestations.h"

namespace larder::peer {
namespace {

constexpr unsigned kOk = 200, kBadRequest = 400, kForbidden = 403, kNotFound = 404, kNoSuchMethod = 405, kBusy = 503;

// The manifest of one version that is here, without the parts that differ from asker to asker.
struct Described {
  cache::ContentId content;
  Manifest manifest;
  std::vector<AgentId> attesters;  // their certificates are sent along
  std::uint64_t change = 0;        // Impl::changes when it began to be read
};

// Returns the version with this key among those that a content is known for.
std::optional<cache::Version> named(const cache::ContentInfo& info, const GroupKey& key, const Digest& version_key) {
  for (const cache::Version& version : info.versions) {
    if (key.version_key(version) == version_key) return version;
  }
  return std::nullopt;
}

// Describes a segment with its attestations, this agent's own first. It attests a segment only for the version as which
// it fetched the segment. A content whose bytes turned out to be those of another version keeps that version's
// attestations in its segments.
ManifestSegment describe(const cache::SegmentInfo& segment, const cache::Version& as, const Digest& digest,
                         const AgentKey& key, const Digest& group, WallTime now) {
  auto attestations = kept_attestations(digest, segment);
  if (self_attestable(segment, cache::version_name(as))) {
    std::erase_if(attestations, [&key](const Attestation& one) { return one.agent == key.id(); });
    attestations.insert(attestations.begin(), attest(as, segment, key, group, now));
  }
  attestations.resize(std::min(attestations.size(), kMaxAttestations));
  return {segment.index, segment.root, encode_attestations(attestations)};
}

}  // namespace

// One request in flight. It counts until it is answered or destroyed: where a step drops its callback, the destructor
// answers 503, and the count does not stay too high.
struct CatalogueService::Job {
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() {
    if (respond) on_forgotten(std::move(respond));
  }

  AgentId asker{};
  Digest version_key{};
  UniqueFunction<void(CatalogueResponse)> respond;
  std::function<void(UniqueFunction<void(CatalogueResponse)>)> on_forgotten;
  std::shared_ptr<void> place;   // its count in under_way
  std::shared_ptr<void> giving;  // its count in share
};

struct CatalogueService::Impl : std::enable_shared_from_this<Impl> {
  using JobPtr = std::shared_ptr<Job>;
  explicit Impl(CatalogueServiceParts p) : parts(std::move(p)) {}

  void handle(CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> respond);
  void answer_peers(const AgentId& asker, const JobPtr& job);
  void answer_manifest(const ManifestQuery& query, const JobPtr& job);
  void describe_content(const Offer& offer, const JobPtr& job, bool with_bytes);
  void described(const JobPtr& job, Described what, bool with_bytes);
  void read_bytes(const JobPtr& job, std::shared_ptr<const Described> what, std::shared_ptr<cache::ContentLease> lease);
  [[nodiscard]] bool may_give(const JobPtr& job);
  void send_manifest(const JobPtr& job, const Described& what, std::optional<std::vector<std::byte>> bytes);
  void answer_leaves(const LeavesQuery& query, const JobPtr& job);
  void open_whole(const LeavesQuery& query, const Offer& offer, const JobPtr& job);
  void serve_whole(const JobPtr& job, const TorrentId& torrent, const cache::ContentId& content,
                   std::vector<Digest> leaves, bool answer_leaves);
  [[nodiscard]] std::function<bool()> still_offered(const JobPtr& job, const cache::ContentId& content);
  void open_segments(const Offer& offer, const JobPtr& job, std::uint64_t first, std::vector<Digest> leaves,
                     bool answer_leaves);
  void end(const JobPtr& job, unsigned status, std::vector<std::byte> body = {});
  void busy(const JobPtr& job);
  void failed(const JobPtr& job, const Error& error);
  [[nodiscard]] bool overloaded() const;
  void remember_taker(const JobPtr& job);
  [[nodiscard]] std::vector<CatalogueHolder> others(const Job& job) const;
  // Wraps a callback: it does nothing once the service is gone (the link then answers the request), and passes an error
  // to failed().
  template <class T, class F>
  cache::Done<T> step(const JobPtr& job, F action) {
    return [weak = weak_from_this(), job, action = std::move(action)](Result<T> result) mutable {
      const auto self = weak.lock();
      if (!self) return;
      if (!result) return self->failed(job, result.error());
      action(*self, std::move(result));
    };
  }

  CatalogueServiceParts parts;
  // Requests in flight. A count may end on any thread, and after the service.
  std::shared_ptr<std::atomic<std::size_t>> under_way = std::make_shared<std::atomic<std::size_t>>(0);
  std::uint64_t changes = 0;                                 // number of changes of any content
  std::map<Digest, std::shared_ptr<const Described>> known;  // by version key
  std::map<Digest, std::deque<AgentId>> takers;              // agents that were served, by version key, the latest last
  InlineShare share;
};

CatalogueService::CatalogueService(CatalogueServiceParts parts) : impl_(std::make_shared<Impl>(std::move(parts))) {}
CatalogueService::~CatalogueService() = default;

void CatalogueService::handle(CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> respond) {
  impl_->handle(std::move(request), std::move(respond));
}

void CatalogueService::changed(const cache::ContentId& id) {
  ++impl_->changes;
  std::erase_if(impl_->known, [&](const auto& item) { return item.second->content == id; });
}

void CatalogueService::forget_all() {
  impl_->known.clear();
  impl_->takers.clear();
}

std::uint8_t CatalogueService::load() const {
  const std::uint64_t busy = impl_->parts.swarm.figures().connections + *impl_->under_way;
  return static_cast<std::uint8_t>(std::min<std::uint64_t>(busy, 255));
}

bool CatalogueService::Impl::overloaded() const {
  return *under_way >= kMaxUnderWay || !parts.serving() || parts.swarm.figures().connections >= parts.max_connections;
}

void CatalogueService::Impl::handle(CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> respond) {
  if (parts.group_paths && parts.group_paths(request, respond)) return;
  if (!request.agent || parts.refused(*request.agent)) return respond({kForbidden, {}});
  if (request.method != "GET") return respond({kNoSuchMethod, {}});
  auto job = std::make_shared<Job>();
  job->asker = *request.agent;
  job->respond = std::move(respond);
  job->on_forgotten = [weak = weak_from_this(), &executor = parts.runtime.executor](auto forgotten) {
    executor.post([weak, forgotten = std::move(forgotten)]() mutable {
      if (weak.lock()) forgotten({kBusy, {}});
    });
  };
  under_way->fetch_add(1);
  job->place = {nullptr, [count = under_way](void*) { count->fetch_sub(1); }};
  if (request.path == kPeersPath) return answer_peers(*request.agent, job);
  if (const auto query = parse_manifest_query(request.path, request.query)) return answer_manifest(*query, job);
  if (const auto query = parse_leaves_query(request.path, request.query)) return answer_leaves(*query, job);
  end(job,
      request.path.starts_with("/v1/versions/") || request.path.starts_with("/v1/leaves/") ? kBadRequest : kNotFound);
}

void CatalogueService::Impl::end(const JobPtr& job, unsigned status, std::vector<std::byte> body) {
  auto respond = std::exchange(job->respond, nullptr);
  if (!respond) return;
  job->place.reset();
  respond({status, std::move(body), std::move(job->giving)});
}

void CatalogueService::Impl::busy(const JobPtr& job) {
  end(job, kBusy, encode(others(*job)));
}

void CatalogueService::Impl::failed(const JobPtr& job, const Error& error) {
  // A content that was dropped meanwhile is ordinary; other errors are logged for the operator.
  if (error.code == ErrorCode::not_found || error.code == ErrorCode::invalid_argument) return end(job, kNotFound);
  log::warn("catalogue request not answered agent={} error=\"{}\"", agent_name(job->asker), error.text());
  busy(job);
}

void CatalogueService::Impl::answer_peers(const AgentId& asker, const JobPtr& job) {
  std::vector<CataloguePeer> known_peers;
  for (const KnownPeer* peer : parts.peers().all()) {
    if (known_peers.size() >= kMaxKnownPeers) break;
    if (peer->id != asker && !parts.refused(peer->id)) known_peers.push_back({peer->id, peer->catalogue()});
  }
  end(job, kOk, encode(known_peers));
}

void CatalogueService::Impl::remember_taker(const JobPtr& job) {
  if (!takers.contains(job->version_key) && takers.size() >= kMaxRemembered) takers.erase(takers.begin());
  auto& of_version = takers[job->version_key];
  std::erase(of_version, job->asker);
  of_version.push_back(job->asker);
  if (of_version.size() > 2 * kMaxHolders) of_version.pop_front();
}

std::vector<CatalogueHolder> CatalogueService::Impl::others(const Job& job) const {
  std::vector<CatalogueHolder> out;
  const auto found = takers.find(job.version_key);
  if (found == takers.end()) return out;
  for (auto agent = found->second.rbegin(); agent != found->second.rend() && out.size() < kMaxHolders; ++agent) {
    const KnownPeer* peer = parts.peers().find_peer(*agent);
    if (*agent == job.asker || !peer || !peer->serving || parts.refused(*agent)) continue;
    out.push_back({*agent, peer->catalogue(), peer->swarm()});
  }
  return out;
}

// -- versions ---------------------------------------------------------------------------------------------------------

void CatalogueService::Impl::answer_manifest(const ManifestQuery& query, const JobPtr& job) {
  const auto offer = parts.offers.find_offer(query.kind, query.key);
  if (!offer) return end(job, kNotFound);
  job->version_key = offer->version_key;
  if (overloaded()) return busy(job);
  // A small content has one segment, which is attested: its bytes may be sent before a verdict too.
  const bool with_bytes = query.with_bytes && offer->size <= kMaxInline;
  if (with_bytes && query.comes_again && !may_give(job)) return busy(job);
  const auto remembered = known.find(offer->version_key);
  if (remembered != known.end() && remembered->second->content == offer->content) {
    return described(job, *remembered->second, with_bytes);
  }
  describe_content(*offer, job, with_bytes);
}

bool CatalogueService::Impl::may_give(const JobPtr& job) {
  if (!share.begin_share(job->version_key)) return false;
  // The link's thread lets go of it when the bytes are written.
  job->giving = {nullptr,
                 [weak = weak_from_this(), version = job->version_key, &executor = parts.runtime.executor](void*) {
                   executor.post([weak, version] {
                     if (const auto self = weak.lock()) self->share.end_share(version);
                   });
                 }};
  return true;
}

void CatalogueService::Impl::describe_content(const Offer& offer, const JobPtr& job, bool with_bytes) {
  const std::uint64_t change = changes;
  parts.cache.get(offer.content, step<cache::ContentInfo>(job, [job, offer, with_bytes, change](
                                                                   Impl& self, Result<cache::ContentInfo> info) {
                    const auto as = named(*info, self.parts.offers.key(), offer.version_key);
                    if (!as) return self.end(job, kNotFound);
                    self.parts.cache.segments(
                        offer.content,
                        self.step<std::vector<cache::SegmentInfo>>(
                            job, [job, offer, with_bytes, change, as = *as, root = info->root](
                                     Impl& impl, Result<std::vector<cache::SegmentInfo>> segments) {
                              auto what = std::make_shared<Described>();
                              what->content = offer.content;
                              what->change = change;
                              what->manifest.size = offer.size;
                              what->manifest.etag = as.etag;
                              what->manifest.last_modified = as.last_modified;
                              what->manifest.complete = offer.complete && root.has_value();
                              if (what->manifest.complete) what->manifest.root = root;
                              // A worker signs: many signatures would hold up the loop.
                              const bool queued = impl.parts.disk.submit(
                                  [weak = impl.weak_from_this(), job, what, with_bytes, as,
                                   segments = std::move(*segments), key = impl.parts.key, group = impl.parts.group,
                                   now = impl.parts.runtime.clock.wall(), &executor = impl.parts.runtime.executor] {
                                    const Digest digest = version_digest(as);
                                    for (const cache::SegmentInfo& segment : segments) {
                                      what->manifest.segments.push_back(describe(segment, as, digest, key, group, now));
                                    }
                                    what->attesters = attesters_of(what->manifest.segments);
                                    executor.post([weak, job, what, with_bytes] {
                                      if (const auto still = weak.lock())
                                        still->described(job, std::move(*what), with_bytes);
                                    });
                                  });
                              if (!queued) impl.busy(job);
                            }));
                  }));
}

void CatalogueService::Impl::described(const JobPtr& job, Described what, bool with_bytes) {
  auto shared = std::make_shared<const Described>(std::move(what));
  const auto offer = parts.offers.find_offer(KeyKind::version, job->version_key);
  // The content was judged bad or dropped while it was read: it is not offered any more.
  if (!offer || offer->content != shared->content) return end(job, kNotFound);
  // A manifest that was overtaken by a change is sent but not remembered.
  if (offer->complete == shared->manifest.complete && shared->change == changes) {
    if (known.size() >= kMaxRemembered) known.erase(known.begin());
    known[job->version_key] = shared;
  }
  const bool whole = shared->manifest.complete || shared->manifest.segments.size() == 1;
  if (!with_bytes || !whole) return send_manifest(job, *shared, std::nullopt);
  auto opened = step<std::shared_ptr<cache::ContentLease>>(
      job, [job, shared](Impl& self, auto lease) { self.read_bytes(job, shared, std::move(*lease)); });
  if (offer->complete) {
    parts.cache.open(shared->content, std::move(opened));
  } else {
    parts.cache.open_partial(shared->content, std::move(opened));
  }
}

void CatalogueService::Impl::read_bytes(const JobPtr& job, std::shared_ptr<const Described> what,
                                        std::shared_ptr<cache::ContentLease> lease) {
  const bool queued = parts.disk.submit([weak = weak_from_this(), job, what = std::move(what), lease = std::move(lease),
                                         &executor = parts.runtime.executor]() mutable {
    std::vector<std::byte> bytes(what->manifest.size);
    const auto read = lease->file().read_at(0, bytes);
    // The lease is moved along, to end on the loop thread.
    executor.post([weak, job, what, lease = std::move(lease), bytes = std::move(bytes), read]() mutable {
      const auto self = weak.lock();
      if (!self) return;
      if (!read) return self->failed(job, read.error());
      if (*read != bytes.size()) return self->end(job, kNotFound);
      self->send_manifest(job, *what, std::move(bytes));
    });
  });
  if (!queued) busy(job);
}

void CatalogueService::Impl::send_manifest(const JobPtr& job, const Described& what,
                                           std::optional<std::vector<std::byte>> bytes) {
  Manifest manifest = what.manifest;
  manifest.others = others(*job);
  manifest.certificates = certificates_of(what.attesters, parts.members, parts.runtime.clock.wall());
  manifest.bytes = std::move(bytes);
  if (manifest.bytes) remember_taker(job);
  end(job, kOk, encode(manifest));
}

// -- leaves -----------------------------------------------------------------------------------------------------------

void CatalogueService::Impl::answer_leaves(const LeavesQuery& query, const JobPtr& job) {
  const auto offer = parts.offers.find_offer(KeyKind::version, query.key);
  if (!offer) return end(job, kNotFound);
  job->version_key = query.key;
  if (overloaded()) return busy(job);
  const cache::SegmentLayout layout(offer->size);
  if (query.first >= layout.count()) return end(job, kNotFound);
  const std::uint64_t count = query.count.value_or(layout.count() - query.first);
  if (count == 0 || count > layout.count() - query.first) return end(job, kNotFound);
  const bool whole = !query.count && query.first == 0 && offer->complete && offer->size <= kMaxWholeTorrent;
  if (query.open && whole) return open_whole(query, *offer, job);
  if (query.open && count > kMaxOpened) return end(job, kBadRequest);
  parts.cache.leaves(offer->content, SegmentIndex(query.first), count,
                     step<std::vector<Digest>>(job, [job, query, offer = *offer](Impl& self, auto leaves) {
                       if (!query.open) return self.end(job, kOk, encode_leaves(*leaves));
                       self.open_segments(offer, job, query.first, std::move(*leaves), query.leaves);
                     }));
}

void CatalogueService::Impl::open_whole(const LeavesQuery& query, const Offer& offer, const JobPtr& job) {
  parts.cache.get(offer.content, step<cache::ContentInfo>(job, [job, query, offer](Impl& self, auto info) {
                    if (!info->root) return self.end(job, kNotFound);
                    const TorrentId torrent{*info->root, offer.size};
                    if (!query.leaves && self.parts.swarm.serves(torrent)) {
                      self.remember_taker(job);
                      return self.end(job, kOk);
                    }
                    const std::uint64_t count = cache::SegmentLayout(offer.size).count();
                    self.parts.cache.leaves(
                        offer.content, SegmentIndex(0), count,
                        self.step<std::vector<Digest>>(job, [job, query, offer, torrent](Impl& impl, auto leaves) {
                          impl.serve_whole(job, torrent, offer.content, std::move(*leaves), query.leaves);
                        }));
                  }));
}

void CatalogueService::Impl::serve_whole(const JobPtr& job, const TorrentId& torrent, const cache::ContentId& content,
                                         std::vector<Digest> leaves, bool answer_leaves) {
  auto body = answer_leaves ? encode_leaves(leaves) : std::vector<std::byte>();
  parts.cache.open(
      content,
      step<std::shared_ptr<cache::ContentLease>>(job, [job, torrent, content, leaves = std::move(leaves),
                                                       body = std::move(body)](Impl& self, auto lease) mutable {
        self.parts.swarm.serve({torrent, std::move(leaves), std::move(*lease), 0, self.still_offered(job, content)},
                               self.step<void>(job, [job, body = std::move(body)](Impl& impl, const Status&) mutable {
                                 impl.remember_taker(job);
                                 impl.end(job, kOk, std::move(body));
                               }));
      }));
}

// Members that opened a torrent download from it without asking the catalogue again.
std::function<bool()> CatalogueService::Impl::still_offered(const JobPtr& job, const cache::ContentId& content) {
  return [weak = weak_from_this(), version = job->version_key, content] {
    const auto self = weak.lock();
    const auto offer = self ? self->parts.offers.find_offer(KeyKind::version, version) : std::nullopt;
    return offer && offer->content == content;
  };
}

void CatalogueService::Impl::open_segments(const Offer& offer, const JobPtr& job, std::uint64_t first,
                                           std::vector<Digest> leaves, bool answer_leaves) {
  auto opened = step<std::shared_ptr<cache::ContentLease>>(
      job, [job, offer, first, leaves = std::move(leaves), answer_leaves](Impl& self, auto lease) {
        const cache::SegmentLayout layout(offer.size);
        auto body = std::make_shared<std::vector<std::byte>>();
        if (answer_leaves) *body = encode_leaves(leaves);
        auto left = std::make_shared<std::size_t>(0);
        std::vector<Swarm::Serve> serves;
        std::span<const Digest> rest = leaves;
        for (std::uint64_t segment = first; !rest.empty() && segment < layout.count(); ++segment) {
          const ByteRange range = layout.range(segment);
          const auto mine = rest.first(std::min<std::size_t>(rest.size(), leaves_of(layout, segment)));
          rest = rest.subspan(mine.size());
          serves.push_back({torrent_id(mine, range.length),
                            {mine.begin(), mine.end()},
                            *lease,
                            range.offset,
                            self.still_offered(job, offer.content)});
        }
        *left = serves.size();
        if (serves.empty()) return self.end(job, kNotFound);
        self.remember_taker(job);
        for (auto& serve : serves) {
          self.parts.swarm.serve(std::move(serve), self.step<void>(job, [job, left, body](Impl& impl, const Status&) {
            if (--*left == 0) impl.end(job, kOk, std::move(*body));
          }));
        }
      });
  if (offer.complete) {
    parts.cache.open(offer.content, std::move(opened));
  } else {
    parts.cache.open_partial(offer.content, std::move(opened));
  }
}

}  // namespace larder::peer
