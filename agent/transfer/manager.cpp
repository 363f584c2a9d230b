#include "agent/transfer/manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash/digest.h"
#include "base/io/log.h"
#include "cache/cache.h"

namespace larder::agent {
namespace {

// Times that a content which was found but could not be used is looked for again; after that only the origin is asked.
constexpr unsigned kMaxRelaunches = 2;

}  // namespace

std::string sharing_key(const TransferRequest& request) {
  const bool shares = request.ranges.empty() && !request.origin_alone && request.store;
  if (!shares || reach_of(origin::privacy_before_answer(request.target)) == origin::Reach::own_job) return {};
  std::string key = fmt::format("{}\n{}\n{} {} {}", request.target.url.canonical(), request.no_cache, request.use_peers,
                                request.share, request.offline_ok);
  // A request by another route than the configured one is private and has no key. What remains are differences that may
  // change which content the origin answers with.
  if (const auto& options = request.target.options) {
    for (const auto& [name, value] : options->headers) key += fmt::format("\n{}: {}", name, value);
    key += fmt::format("\nproxy {}\nca {}", options->proxy, to_hex(blake2b256(as_bytes(options->ca_certificates))));
  }
  if (const auto& policy = request.target.policy) {
    key += fmt::format("\npolicy {}{}{}{}{} {}", policy->allow_loopback, policy->allow_private,
                       policy->redirect_to_loopback, policy->redirect_to_private, policy->redirect_downgrade,
                       policy->max_redirects);
    for (const std::string& host : policy->deny_hosts) key += "\ndeny " + host;
    for (const std::string& host : policy->allow_link_local) key += "\nlink-local " + host;
    key += fmt::format("\nsharing {}{}", policy->sharing.share_loopback, policy->sharing.callers_redirect);
    for (const std::string& host : policy->sharing.private_hosts) key += "\nprivate " + host;
  }
  return key;
}

Manager::Manager(cache::Cache& cache, origin::Origin& origin, Runtime runtime, Blocking blocking,
                 peer::Neighbours* neighbours)
    : context_{cache, origin, runtime, std::move(blocking), neighbours} {}

Manager::~Manager() {
  alive_.end_guards();
  for (auto& [id, entry] : entries_) entry.member->gone = true;
  for (const auto& download : downloads_) download->abort_download();
}

TransferId Manager::start(TransferRequest request, std::shared_ptr<TransferEvents> events) {
  auto member = std::make_shared<Member>();
  member->id = next_id_++;
  member->request = std::move(request);
  member->events = std::move(events);
  entries_[member->id].member = member;
  context_.runtime.executor.post(alive_.guard([this, member] {
    if (!member->gone) find_by_digest(member);
  }));
  return member->id;
}

void Manager::stop(TransferId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry entry = std::move(found->second);
  entries_.erase(found);
  entry.member->gone = true;
  if (entry.download) entry.download->leave(entry.member);
}

void Manager::set_rate(TransferId id, std::uint64_t bytes_per_second) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.member->request.max_rate = bytes_per_second;
  if (found->second.download) found->second.download->update_rate();
}

void Manager::judged_bad(cache::Version version, const cache::ContentId& content, const cache::ContentId& fresh,
                         UniqueFunction<void()> done) {
  if (context_.neighbours == nullptr) return context_.runtime.executor.post(std::move(done));
  using Segments = std::vector<cache::SegmentInfo>;
  // `done` is called in any case, also if this object is gone by then.
  context_.cache.segments(content, [this, alive = alive_.watch(), version = std::move(version), content, fresh,
                                    done = std::move(done)](Result<Segments> segments) mutable {
    if (!segments) log::warn("cannot tell who vouched for content {}: {}", content, segments.error().text());
    if (segments && !alive.expired()) context_.neighbours->judged_bad(version, *segments);
    if (fresh.empty() || !segments || alive.expired()) return done();
    context_.cache.segments(fresh, [this, alive, version = std::move(version), fresh,
                                    done = std::move(done)](Result<Segments> own) mutable {
      if (!own) log::warn("cannot tell what the origin has as content {}: {}", fresh, own.error().text());
      if (own && !alive.expired()) context_.neighbours->fetched(version, *own);
      done();
    });
  });
}

// A complete content with the caller's digest serves the request, whatever its URL. Knowing a digest gives no right to
// a content: only a shareable one is found by it.
void Manager::find_by_digest(const MemberPtr& member) {
  const TransferRequest& request = member->request;
  const bool ask = request.sha256 && request.ranges.empty() && !request.origin_alone && !request.no_cache;
  if (!ask) return look_up(member);
  using Found = std::optional<cache::ContentInfo>;
  context_.cache.find_by_sha256(*request.sha256, guard<Found>(member, [this, member](Result<Found> info) {
    if (!info) log::warn("cache not asked error={}", info.error().text());
    const std::uint64_t limit = member->request.max_size;
    const bool hit = info && *info && (*info)->state == cache::ContentState::complete && (*info)->shareable &&
                     (limit == 0 || (*info)->size.value_or(0) <= limit);
    if (!hit) return look_up(member);
    MemberContent content;
    content.info = **info;
    on_bytes_complete(member, std::move(content));
  }));
}

void Manager::look_up(const MemberPtr& member) {
  using Known = cache::Cache::Known;
  const std::string url = member->request.target.url.canonical();
  auto told = std::exchange(member->request.known, std::nullopt);
  if (told && recent_.unchanged_since(url, member->request.known_at)) {
    member->url_known = told->url;
    member->own_contents = std::move(told->own_contents);
    return place_member(member);
  }
  context_.cache.find_known(url, member->file_id(), guard<Known>(member, [this, member](Result<Known> known) {
                              if (known) {
                                member->url_known = known->url;
                                member->own_contents = std::move(known->own_contents);
                              } else {
                                log::warn("cache not asked error={}", known.error().text());
                              }
                              place_member(member);
                            }));
}

void Manager::place_member(const MemberPtr& member) {
  const std::string key = member->alone ? std::string() : sharing_key(member->request);
  const auto found = entries_.find(member->id);
  if (const auto shared = joinable_.find(key); !key.empty() && shared != joinable_.end()) {
    const auto download = shared->second;
    found->second.download = download;
    return download->join(member);
  }
  auto download = std::make_shared<Download>(context_, *this, member);
  found->second.download = download;
  downloads_.insert(download);
  if (!key.empty()) joinable_.emplace(key, download);
  download->start();
}

void Manager::on_bytes_complete(const MemberPtr& member, MemberContent content) {
  const auto found = entries_.find(member->id);
  if (found == entries_.end() || member->gone) return;
  found->second.download.reset();
  recent_.add(member->request.target.url.canonical(), context_.runtime.clock.now());
  if (!std::exchange(member->connected, true)) member->events->on_connected();
  if (member->gone) return;
  const auto concluded = [this, member](tl::expected<TransferResult, ConcludeError> result) {
    if (member->gone) return;
    if (result) return finish_member(member, std::move(*result));
    if (result.error().vanished) {
      log::warn("cached content not usable, fetching file={} error={}", member->file_id(), result.error().error.text());
      return look_up_again(member);
    }
    finish_member(member, tl::unexpected<Error>(result.error().error));
  };
  conclude_member(context_.cache, member, std::move(content), alive_.guard(concluded));
}

void Manager::look_up_again(const MemberPtr& member) {
  if (++member->relaunches > kMaxRelaunches) member->request.origin_alone = true;
  if (member->relaunches > 1) member->request.no_cache = true;  // its digest must not find it again
  find_by_digest(member);
}

void Manager::on_download_failed(const MemberPtr& member, const Error& error) {
  finish_member(member, tl::unexpected<Error>(error));
}

void Manager::on_must_not_share(const MemberPtr& member) {
  const auto found = entries_.find(member->id);
  if (found == entries_.end() || member->gone) return;
  found->second.download.reset();
  member->alone = true;
  look_up(member);
}

void Manager::on_download_private(Download& download) {
  std::erase_if(joinable_, [&download](const auto& entry) { return entry.second.get() == &download; });
}

void Manager::on_download_over(Download& download) {
  on_download_private(download);
  const auto found = std::find_if(downloads_.begin(), downloads_.end(),
                                  [&download](const auto& entry) { return entry.get() == &download; });
  if (found == downloads_.end()) return;
  auto keep = *found;
  downloads_.erase(found);
  retire_later(std::move(keep));
}

// Destruction is deferred to the next turn of the loop: an ended object is often still on the call stack.
void Manager::retire_later(std::shared_ptr<void> object) {
  const bool first = retired_.empty();
  retired_.push_back(std::move(object));
  if (!first) return;
  context_.runtime.executor.post(alive_.guard([this] { std::exchange(retired_, {}); }));
}

void Manager::finish_member(const MemberPtr& member, Result<TransferResult> result) {
  if (member->gone) return;
  member->gone = true;
  entries_.erase(member->id);
  member->events->on_done(std::move(result));
}

std::unique_ptr<Transfers> make_transfers(cache::Cache& cache, origin::Origin& origin, Runtime runtime,
                                          WorkerPool& disk, peer::Neighbours* neighbours) {
  const auto blocking = [&disk](Task task) { return disk.submit(std::move(task)); };
  return std::make_unique<Manager>(cache, origin, runtime, blocking, neighbours);
}

}  // namespace larder::agent
