#include "origin/origin.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "origin/origin_run.h"

namespace larder::origin {
namespace {

// URLs whose HEAD may have contradicted their GET. Bounded; the oldest is forgotten.
class DoubtfulHeads {
 public:
  void add(const std::string& url) {
    if (contains(url)) return;
    constexpr std::size_t kMax = 256;
    if (urls_.size() == kMax) urls_.pop_front();
    urls_.push_back(url);
  }
  [[nodiscard]] bool contains(const std::string& url) const {
    return std::find(urls_.begin(), urls_.end(), url) != urls_.end();
  }

 private:
  std::deque<std::string> urls_;
};

class OriginImpl final : public Origin {
 public:
  OriginImpl(HttpClient& http, Runtime runtime) : http_(http), runtime_(runtime) {}
  ~OriginImpl() override;

  FetchId probe(const Target& target, UniqueFunction<void(Result<Edition>)> done) override;
  FetchId fetch(const Fetch& fetch, std::shared_ptr<FetchEvents> events) override;
  void cancel(FetchId id) override;
  void consumed(FetchId id, std::size_t bytes) override;
  void set_rate(FetchId id, std::uint64_t bytes_per_second) override;

 private:
  struct Entry final : RequestListener {
    void on_edition(const Edition& edition, std::uint64_t offset) override;
    void on_data(Buffer bytes) override;
    void on_finish(Status status) override;

    OriginImpl* owner = nullptr;
    FetchId id = 0;
    Url url;
    std::shared_ptr<OriginRequest> run;
    std::shared_ptr<FetchEvents> events;               // of a fetch
    UniqueFunction<void(Result<Edition>)> probe_done;  // of a probe
    Edition edition;                                   // of a probe
  };

  FetchId add(RequestPlan plan, std::shared_ptr<Entry> entry);
  void begin(FetchId id);
  void ended(Entry& entry, Status status);

  HttpClient& http_;
  Runtime runtime_;
  std::unordered_map<FetchId, std::shared_ptr<Entry>> entries_;
  std::shared_ptr<OriginImpl*> self_ = std::make_shared<OriginImpl*>(this);  // posted tasks may outlive the Origin
  DoubtfulHeads doubtful_;
  HelperMemory helpers_;
  FetchId last_id_ = 0;
};

OriginImpl::~OriginImpl() {
  *self_ = nullptr;
  for (auto& [id, entry] : entries_) entry->run->stop();
}

FetchId OriginImpl::probe(const Target& target, UniqueFunction<void(Result<Edition>)> done) {
  RequestPlan plan;
  plan.target = target;
  plan.probe = true;
  plan.first_step = helpers_.first_step(target.url, runtime_.clock.now());
  if (doubtful_.contains(target.url.canonical())) plan.first_step = std::max(plan.first_step, ProbeStep::first_byte);
  auto entry = std::make_shared<Entry>();
  entry->probe_done = std::move(done);
  return add(std::move(plan), std::move(entry));
}

FetchId OriginImpl::fetch(const Fetch& fetch, std::shared_ptr<FetchEvents> events) {
  RequestPlan plan;
  plan.target = fetch.target;
  plan.expected = fetch.expected;
  plan.offset = fetch.offset;
  plan.length = fetch.length;
  plan.no_cache = fetch.no_cache;
  plan.max_rate = fetch.max_rate;
  auto entry = std::make_shared<Entry>();
  entry->events = std::move(events);
  return add(std::move(plan), std::move(entry));
}

FetchId OriginImpl::add(RequestPlan plan, std::shared_ptr<Entry> entry) {
  entry->owner = this;
  entry->id = ++last_id_;
  entry->url = plan.target.url;
  entry->run = std::make_shared<OriginRequest>(http_, runtime_.clock, std::move(plan), *entry);
  const FetchId id = entry->id;
  entries_.emplace(id, std::move(entry));
  // Not within the call: a refusal by policy would reach the caller before it knows the id.
  runtime_.executor.post([self = self_, id] {
    if (*self != nullptr) (*self)->begin(id);
  });
  return id;
}

void OriginImpl::begin(FetchId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto keep = found->second;
  keep->run->start();
}

void OriginImpl::cancel(FetchId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto entry = found->second;  // its callbacks may be on the stack
  entries_.erase(found);
  entry->run->stop();
}

void OriginImpl::consumed(FetchId id, std::size_t bytes) {
  if (const auto found = entries_.find(id); found != entries_.end()) found->second->run->consumed(bytes);
}

void OriginImpl::set_rate(FetchId id, std::uint64_t bytes_per_second) {
  if (const auto found = entries_.find(id); found != entries_.end()) found->second->run->set_rate(bytes_per_second);
}

void OriginImpl::ended(Entry& entry, Status status) {
  const auto found = entries_.find(entry.id);
  if (found == entries_.end()) return;
  const auto keep = found->second;
  entries_.erase(found);
  const bool differs =
      !status && (status.error().code == ErrorCode::version_changed || status.error().code == ErrorCode::stale_proxy);
  if (differs) {
    // The expected version may come from a wrong HEAD: the next probe begins with a GET.
    doubtful_.add(entry.url.canonical());
  }
  helpers_.remember(entry.url, entry.run->lesson(), runtime_.clock.now());
  if (entry.events) return entry.events->on_done(std::move(status));
  if (status) return entry.probe_done(std::move(entry.edition));
  entry.probe_done(tl::unexpected(status.error()));
}

void OriginImpl::Entry::on_edition(const Edition& found, std::uint64_t offset) {
  if (const auto keep = events) return keep->on_edition(found, offset);  // may cancel and so destroy this entry
  edition = found;
}

void OriginImpl::Entry::on_data(Buffer bytes) {
  if (const auto keep = events) keep->on_data(std::move(bytes));
}

void OriginImpl::Entry::on_finish(Status status) {
  owner->ended(*this, std::move(status));
}

}  // namespace

std::unique_ptr<Origin> make_origin(HttpClient& http, Runtime runtime) {
  return std::make_unique<OriginImpl>(http, runtime);
}

}  // namespace larder::origin
