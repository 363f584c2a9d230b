// JobEngine: the transfers of a job's files.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "agent/jobs/job_engine.h"
#include "agent/jobs/model/mirrors.h"
#include "agent/jobs/rules/job_limits.h"
#include "base/error_table.h"
#include "base/io/log.h"
#include "cache/cache.h"
#include "origin/http/proxy.h"
#include "origin/rules/request_rules.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxLookUps = 128;       // files about which the cache is asked at once, ahead of their turn
constexpr std::size_t kLookUpAgainBelow = 64;  // with fewer answers left, it is asked about the next files
constexpr std::size_t kFewWaiting = 16;        // with fewer waiting files, it is not asked ahead

// Patience with too slow peers (docs/decisions/0021-transfer-with-peers.md).
Duration patience_of(Priority priority) {
  return priority == Priority::foreground ? std::chrono::seconds(1) : std::chrono::seconds(5);
}

bool names_no_proxy(const std::string& proxy) {
  return origin::goes_without_proxy(proxy, [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

// Returns true if the job has a proxy of its own: not where it names the configured value, or wants no proxy where none
// is configured.
bool is_callers_proxy(const std::string& jobs, const std::string& configured) {
  if (jobs.empty() || jobs == configured) return false;
  return !(names_no_proxy(jobs) && names_no_proxy(configured));
}

// Returns true if the URL is a mirror at another site than the URL that the caller's credentials are for.
bool is_elsewhere(const File& file, const origin::Url& asked) {
  if (file.mirror == 0) return false;
  const auto given = origin::parse_url(given_url(file, 0));
  return !given || !origin::same_site(*given, asked);
}

// Returns true if two URLs have the same edition by their validators. Validators say something about their own URL
// only, so the bytes of both may be joined for the job that asked for it, and for nobody else.
bool same_edition(const cache::Version& a, const cache::Version& b) {
  return a.size && a.size == b.size && a.has_validator() && a.etag == b.etag && a.last_modified == b.last_modified;
}

// Returns true if the place at the origin went to another user's request. That is no failure: the file waits again.
bool lost_its_place(const Error& error) {
  return error.code == ErrorCode::busy && error.retry_after == std::chrono::seconds(0);
}

}  // namespace

// The events of one attempt; those after a stop are dropped.
class JobEngine::FileEvents final : public TransferEvents {
 public:
  FileEvents(JobEngine& engine, std::string job_id, unsigned file, std::uint64_t attempt)
      : engine_(engine), job_id_(std::move(job_id)), file_(file), attempt_(attempt) {
    connected_ = engine.alive_.guard([this] { connected(); });
    progress_ = engine.alive_.guard([this](const TransferProgress& now) {
      if (LiveJob* live = engine_.current(job_id_, file_, attempt_)) engine_.file_progress(*live, file_, now);
    });
    done_ = engine.alive_.guard([this](Result<TransferResult> result) { finished(std::move(result)); });
  }

  void on_connected() override { connected_(); }
  void on_progress(const TransferProgress& now) override { progress_(now); }
  void on_done(Result<TransferResult> result) override { done_(std::move(result)); }

 private:
  void connected() {
    LiveJob* live = engine_.current(job_id_, file_, attempt_);
    if (live != nullptr && live->job.state == JobState::connecting) {
      engine_.apply_internal(*live, JobEvent::connected);
    }
  }
  void finished(Result<TransferResult> result) {
    LiveJob* live = engine_.current(job_id_, file_, attempt_);
    if (live == nullptr) return;
    if (result) {
      engine_.file_done(*live, file_, std::move(*result));
    } else {
      engine_.attempt_failed(*live, file_, result.error());
    }
  }

  JobEngine& engine_;
  std::string job_id_;
  unsigned file_;
  std::uint64_t attempt_;
  UniqueFunction<void()> connected_;
  UniqueFunction<void(const TransferProgress&)> progress_;
  UniqueFunction<void(Result<TransferResult>)> done_;
};

// Asks the cache about many of the next files at once, ahead of their turn. Asked one by one, each would wait for the
// index while files before it are written, and the origin would wait as well.
void JobEngine::look_ahead(LiveJob& live) {
  if (live.job.options.upload || live.looking_ahead || live.looked_up >= kLookUpAgainBelow ||
      live.queue.waiting() < kFewWaiting)
    return;
  std::vector<unsigned> files;
  std::vector<cache::Cache::Question> questions;
  for (const unsigned file : live.queue.waiting_files()) {
    if (files.size() == kMaxLookUps) break;
    const LiveFile& state = live.files[file];
    const File& facts = live.job.files[file];
    if (state.known || state.attempt > 0 || facts.retargeted) continue;
    files.push_back(file);
    questions.push_back({facts.spec.url, facts.id});
  }
  if (files.empty()) return;
  live.looking_ahead = true;
  using Known = std::vector<cache::Cache::Known>;
  cache_.find_known_of(std::move(questions), alive_.guard([this, id = live.job.id, files = std::move(files),
                                                           asked = runtime_.clock.now()](Result<Known> known) {
    LiveJob* asking = book_.find_live_job(id);
    if (asking == nullptr) return;
    asking->looking_ahead = false;
    if (known) return looked_ahead(*asking, files, std::move(*known), asked);
    log::warn("cache not asked ahead: {}", known.error().text());
  }));
}

void JobEngine::looked_ahead(LiveJob& live, const std::vector<unsigned>& files, std::vector<cache::Cache::Known> known,
                             SteadyTime asked) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    LiveFile& state = live.files[files[i]];
    if (state.attempt > 0) continue;  // it has started already
    state.known = std::move(known[i]);
    state.known_url = live.job.files[files[i]].spec.url;
    state.known_at = asked;
    ++live.looked_up;
  }
}

void JobEngine::start_file(LiveJob& live, unsigned file) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  ++state.attempt;
  state.judging = false;
  post_waiting_verdicts(state);
  state.wasted_before = facts.figures.wasted;
  state.restarts_before = facts.restarts;
  facts.error.reset();
  book_.set_file_state(live, file, FileState::active);
  if (live.job.options.upload) return open_upload(live, file);
  if (names_ca_file(live.job.options.connect)) {
    refuse_ca_file(live, file);
  } else if (!waits_for_disk_share(live, file)) {
    begin_file(live, file);
  }
}

void JobEngine::begin_file(LiveJob& live, unsigned file) {
  if (live.job.files[file].retargeted) return ask_new_url(live, file);
  begin_transfer(live, file);
}

// Posted, since the caller is starting files.
void JobEngine::refuse_ca_file(LiveJob& live, unsigned file) {
  runtime_.executor.post(alive_.guard([this, id = live.job.id, file, attempt = live.files[file].attempt] {
    LiveJob* asking = current(id, file, attempt);
    if (asking == nullptr) return;
    file_failed(*asking, file,
                Error{ErrorCode::invalid_argument, "use the certificate authorities of the job",
                      "it was made by an earlier version with the name of a file, and the agent opens no file that "
                      "a caller names; cancel it and make it again (larder sends the text of --ca-file)"});
  }));
}

// Asks a changed URL for its edition. The content is continued only if the new URL has the same edition, and then as a
// private content.
void JobEngine::ask_new_url(LiveJob& live, unsigned file) {
  const File& facts = live.job.files[file];
  if (facts.content.empty() || !facts.version) return new_url_answered(live, file, origin::Edition{});
  const auto answer = [this, id = live.job.id, file,
                       attempt = live.files[file].attempt](Result<origin::Edition> edition) {
    if (LiveJob* asking = current(id, file, attempt)) new_url_answered(*asking, file, std::move(edition));
  };
  origin::Target target = target_of(live, file);
  target.claim = std::make_shared<origin::Claim>(want_of(live));
  live.files[file].probe = origin_.probe(target, alive_.guard(answer));
}

void JobEngine::new_url_answered(LiveJob& live, unsigned file, Result<origin::Edition> edition) {
  File& facts = live.job.files[file];
  live.files[file].probe = 0;
  if (!edition) return attempt_failed(live, file, edition.error());
  facts.retargeted = false;
  const cache::Version as = edition->version;
  // Without bytes of another URL, or back at the former URL, nothing is mixed.
  if (facts.content.empty() || facts.version == as) return begin_transfer(live, file);
  const bool goes_on =
      facts.version && facts.spec.ranges.empty() && (same_edition(*facts.version, as) || may_mix(live, file, as));
  if (!goes_on) return start_afresh(live, file);
  const auto made_private = [this, id = live.job.id, file, attempt = live.files[file].attempt,
                             as](const Status& status) {
    LiveJob* asking = current(id, file, attempt);
    if (asking == nullptr) return;
    if (!status) {
      log::info("content not gone on with at the new URL file={}.{}: {}", id, file, status.error().text());
      return start_afresh(*asking, file);
    }
    asking->job.files[file].version = as;
    asking->job.files[file].mixed = true;
    book_.touch_file(*asking, file);
    begin_transfer(*asking, file);
  };
  cache_.go_on_privately(facts.content, facts.id, as, alive_.guard(made_private));
}

void JobEngine::start_afresh(LiveJob& live, unsigned file) {
  const cache::ContentId old = live.job.files[file].content;
  discard_content(live, file);
  cache_.release(old, live.job.files[file].id,
                 alive_.guard([this, id = live.job.id, file, attempt = live.files[file].attempt](const Status& status) {
                   if (!status) log::warn("content not released file={}.{}: {}", id, file, status.error().text());
                   if (LiveJob* asking = current(id, file, attempt)) begin_transfer(*asking, file);
                 }));
}

void JobEngine::begin_transfer(LiveJob& live, unsigned file) {
  const Job& job = live.job;
  const File& facts = job.files[file];
  const VerdictPolicy& verdict = job.options.verdict;
  TransferRequest request;
  request.file_id = facts.id;
  request.user = job.owner;
  request.want = want_of(live);
  request.target = target_of(live, file);
  request.ranges = facts.spec.ranges;
  request.sha256 = facts.spec.sha256;
  request.origin_alone = facts.origin_alone || !job.options.use_cache;
  request.no_cache = !job.options.use_cache;
  request.store = job.options.store;
  request.want_sha256 = facts.spec.sha256.has_value() || !verdict.hook.empty();
  request.parallel_ranges = job.options.parallel_ranges;
  request.max_rate = job.options.max_rate;
  request.max_size = job.options.max_file_size;
  request.use_peers = job.options.use_peers && settings_.use_peers;
  request.share = job.options.share;
  request.offline_ok = job.options.offline_ok && settings_.offline_ok;
  request.patience = patience_of(job.options.priority);
  request.peer_min_rate = settings_.peer_min_rate;
  LiveFile& state = live.files[file];
  state.share_asked = false;
  if (auto known = std::exchange(state.known, std::nullopt)) {
    --live.looked_up;
    if (state.known_url == facts.spec.url) request.known = std::move(known);
    request.known_at = state.known_at;
    state.known_url.clear();
  }
  const std::uint64_t attempt = state.attempt;
  const std::string id = job.id;
  const TransferId transfer =
      transfers_.start(std::move(request), std::make_shared<FileEvents>(*this, id, file, attempt));
  if (LiveJob* started = current(id, file, attempt)) started->files[file].transfer = transfer;
}

void JobEngine::make_connection(LiveJob& live) const {
  if (live.connect) return;
  auto options = std::make_shared<origin::ConnectOptions>(live.job.options.connect);
  options->connect_timeout = settings_.connect_timeout;
  options->stall_timeout = settings_.stall_timeout;
  options->callers_proxy = is_callers_proxy(options->proxy, settings_.proxy);
  options->callers_authorities =
      !options->ca_certificates.empty() && options->ca_certificates != settings_.ca_certificates;
  if (options->proxy.empty()) options->proxy = settings_.proxy;
  if (options->ca_certificates.empty()) options->ca_certificates = settings_.ca_certificates;
  live.connect = std::move(options);
  live.lane = std::make_shared<origin::Lane>(origin::Lane{settings_.max_active_files_per_job});
  live.policy = std::make_shared<origin::UrlPolicy>(job_policy(settings_.url_policy, live.job.options));
}

origin::Target JobEngine::target_of(LiveJob& live, unsigned file) const {
  make_connection(live);
  const FileSpec& spec = live.job.files[file].spec;
  origin::Target target;
  target.options = live.connect;
  target.policy = live.policy;
  if (live.job.options.parallel_ranges == 1) target.lane = live.lane;
  target.bytes_proven = spec.sha256.has_value() || !live.job.options.verdict.minisign_public_key.empty();
  // The stored URL was made by parse_url: it parses again.
  if (auto url = origin::parse_url(spec.url)) target.url = std::move(*url);
  const bool impatient = live.files[file].mirrors.may_turn(spec.mirrors.size() + 1);
  const bool elsewhere = is_elsewhere(live.job.files[file], target.url);
  if (impatient || elsewhere || !spec.user.empty() || !spec.password.empty()) {
    auto own = std::make_shared<origin::ConnectOptions>(elsewhere ? *origin::options_for_stranger(*live.connect)
                                                                  : *live.connect);
    if (!spec.user.empty() || !spec.password.empty()) {
      own->user = spec.user;
      own->password = spec.password;
    }
    if (impatient) {
      own->connect_timeout = std::min(own->connect_timeout, kMirrorConnect);
      own->stall_timeout = std::min(own->stall_timeout, kMirrorStall);
    }
    target.options = std::move(own);
  }
  return target;
}

void JobEngine::stop_file(LiveJob& live, unsigned file) {
  LiveFile& state = live.files[file];
  if (state.transfer != 0) transfers_.stop(std::exchange(state.transfer, 0));
  if (state.probe != 0) origin_.cancel(std::exchange(state.probe, 0));
  if (state.upload != 0) stop_upload(live, file);
  ++state.attempt;
  live.job.files[file].crowd.reset();
  post_waiting_verdicts(state);
}

void JobEngine::stop_files(LiveJob& live) {
  std::set<unsigned> active = live.active;
  for (const File& file : live.job.files) {
    if (live.files[file.index].upload != 0)
      active.insert(file.index);  // one that the server settles is no longer active
  }
  for (const unsigned file : active) {
    stop_file(live, file);
    book_.set_file_state(live, file, FileState::waiting);
    live.queue.add(file);
  }
}

void JobEngine::file_progress(LiveJob& live, unsigned file, const TransferProgress& now) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  const bool record = facts.content != now.content || facts.version != now.version || facts.file_name != now.file_name;
  const bool size_told = !facts.size && now.size;
  if (size_told) live.small_in_a_row = *now.size <= kNearlyAll ? live.small_in_a_row + 1 : 0;
  facts.size = now.size;
  facts.bytes = now.bytes;
  facts.contiguous = now.contiguous;
  facts.content = now.content;
  facts.version = now.version;
  facts.restarts = state.restarts_before + now.restarts;
  facts.note = now.note;
  facts.file_name = now.file_name;
  facts.privacy = now.privacy;
  facts.crowd = now.crowd;
  SourceFigures figures = now.figures;
  figures.wasted += state.wasted_before;
  book_.set_figures(live, file, figures);
  state.mirrors.progress(now.bytes);
  if (now.bytes > state.most_bytes) {
    state.most_bytes = now.bytes;
    live.progressed = true;
    live.failures_in_a_row = 0;
  }
  book_.note_activity(live);
  if (record) book_.touch_file(live, file);
  book_.emit_progress(live);
  if (now.size && !std::exchange(state.share_asked, true)) ask_disk_share(live, file, *now.size);
  if (!now.size) ask_disk_share(live, file, now.bytes - std::min(now.bytes, state.share_counted));
}

void JobEngine::file_failed(LiveJob& live, unsigned file, const Error& error) {
  File& facts = live.job.files[file];
  live.files[file].transfer = 0;
  ++live.files[file].attempt;
  facts.crowd.reset();
  if (!error_info(error.code).retryable) return file_failed_for_good(live, file, error);
  if (lost_its_place(error)) {
    live.queue.add(file);
    book_.set_file_state(live, file, FileState::waiting);
    return pump(live);
  }
  facts.error = error;
  log::warn("file failed for now id={}: {}", facts.id, error.text());
  ++live.failures_in_a_row;
  live.queue.defer(file);
  book_.set_file_state(live, file, FileState::waiting);
  pump(live);
}

void JobEngine::file_failed_for_good(LiveJob& live, unsigned file, const Error& error) {
  live.job.files[file].error = error;
  ++book_.counters().files_failed;
  book_.touch_counters();
  book_.set_file_state(live, file, FileState::failed);
  fail_after_the_rest(live, error);
}

void JobEngine::file_done(LiveJob& live, unsigned file, TransferResult result) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  state.transfer = 0;
  ++state.attempt;
  state.judge_failures = 0;
  facts.content = result.content.id;
  facts.size = result.content.size;
  facts.bytes = facts.contiguous = result.content.size.value_or(0);
  facts.version_told = result.version.has_value() && !result.offline;
  if (result.version) facts.version = result.version;
  for (const cache::Version& version : result.content.versions) {
    if (!facts.version && version.url == facts.spec.url) facts.version = version;
  }
  SourceFigures figures = result.figures;
  figures.wasted += state.wasted_before;
  book_.set_figures(live, file, figures);
  facts.actual_sha256 = result.sha256;
  facts.origin_sha256 = facts.spec.ranges.empty() ? result.origin_sha256 : std::nullopt;
  facts.effective_url = result.effective_url;
  facts.offline_age.reset();
  if (result.offline) facts.offline_age = std::max(Duration{}, runtime_.clock.wall() - *result.offline);
  facts.note = result.note;
  facts.file_name = result.file_name;
  facts.privacy = result.privacy;
  facts.crowd.reset();
  live.progressed = true;
  live.failures_in_a_row = 0;
  if (figures.cache > 0 && figures.cache == facts.bytes) {
    ++book_.counters().cache_hits;
    book_.touch_counters();
  }
  compare_with_rejected(facts, result.content);
  book_.note_activity(live);
  if (needs_judgement(live, file)) {
    book_.set_file_state(live, file, FileState::validating);
    judge_file(live, file);
  } else {
    accept(live, file, false);
  }
  book_.emit_progress(live);
  pump(live);
}

void JobEngine::discard_content(LiveJob& live, unsigned file) {
  File& facts = live.job.files[file];
  SourceFigures figures;
  figures.wasted = facts.figures.wasted + facts.figures.origin + facts.figures.peers + facts.figures.cache;
  book_.set_figures(live, file, figures);
  live.files[file].wasted_before = figures.wasted;
  facts.content.clear();
  facts.version.reset();
  facts.version_told = false;
  facts.mixed = false;
  facts.size.reset();
  facts.bytes = facts.contiguous = 0;
  facts.actual_sha256.reset();
  facts.origin_sha256.reset();
  facts.offline_age.reset();
  facts.verdict.clear();
  facts.verdict_reason.clear();
  book_.touch_file(live, file);
}

// The job's rate limit is for all its transfers together.
void JobEngine::share_rate(LiveJob& live) {
  const std::uint64_t rate = live.job.options.max_rate;
  if (live.active.empty()) return;
  const std::uint64_t share = rate == 0 ? 0 : std::max<std::uint64_t>(1, rate / live.active.size());
  for (const unsigned file : live.active) {
    if (live.files[file].transfer != 0) transfers_.set_rate(live.files[file].transfer, share);
    if (live.files[file].upload != 0) uploads_.set_rate(live.files[file].upload, share);
  }
}

}  // namespace larder::agent
