// JobEngine: the uploads of a job's files.
#include <algorithm>
#include <utility>

#include "agent/jobs/job_engine.h"
#include "agent/jobs/rules/upload_rules.h"
#include "base/error_table.h"
#include "base/io/log.h"

namespace larder::agent {

// The events of one attempt; those after a stop are dropped.
class JobEngine::UploadFileEvents final : public origin::UploadEvents {
 public:
  UploadFileEvents(JobEngine& engine, std::string job_id, unsigned file, std::uint64_t attempt)
      : engine_(engine), job_id_(std::move(job_id)), file_(file), attempt_(attempt), alive_(engine.alive_.watch()) {}

  void on_connected() override {
    LiveJob* live = current();
    if (live != nullptr && live->job.state == JobState::connecting) engine_.apply_internal(*live, JobEvent::connected);
  }
  void on_progress(const origin::UploadFigures& now) override {
    if (LiveJob* live = current()) engine_.upload_progress(*live, file_, now);
  }
  void on_step(const origin::UploadProgress& progress, origin::UploadDialect dialect,
               UniqueFunction<void()> stored) override {
    if (LiveJob* live = current()) engine_.upload_stepped(*live, file_, progress, dialect, std::move(stored));
  }
  void on_done(Result<origin::UploadResult> result) override {
    if (LiveJob* live = current()) engine_.upload_done(*live, file_, std::move(result));
  }

 private:
  LiveJob* current() { return alive_.expired() ? nullptr : engine_.current(job_id_, file_, attempt_); }

  JobEngine& engine_;
  const std::string job_id_;
  const unsigned file_;
  const std::uint64_t attempt_;
  const std::weak_ptr<const char> alive_;
};

void JobEngine::open_upload(LiveJob& live, unsigned file) {
  const File& facts = live.job.files[file];
  const std::string file_id = facts.id;
  shelf_.open_source(file_id, facts.upload->source, facts.upload->snapshot, live.job.options.upload->spool,
                     alive_.guard([this, id = live.job.id, file, file_id,
                                   attempt = live.files[file].attempt](Result<SourceShelf::Kept> source) {
                       LiveJob* opening = current(id, file, attempt);
                       const LiveJob* job = book_.find_live_job(id);
                       if (job == nullptr || is_final(job->job.state))
                         return shelf_.drop(file_id);  // a copy that came too late
                       if (opening == nullptr) return;
                       if (source) return begin_upload(*opening, file, std::move(*source));
                       Error error = source.error();
                       if (error.code == ErrorCode::not_found) {
                         // Without a snapshot a repeated command gives the job its source again.
                         opening->job.files[file].upload->snapshot = false;
                         book_.touch_file(*opening, file);
                         error.code = ErrorCode::invalid_state;  // of the job, not of a URL
                       }
                       file_failed(*opening, file, error);
                     }));
}

origin::UploadJob JobEngine::upload_job(LiveJob& live, unsigned file) const {
  const File& facts = live.job.files[file];
  const UploadOptions& wanted = *live.job.options.upload;
  const origin::Target target = target_of(live, file);
  origin::UploadJob made;
  made.plan.dialect = facts.upload->dialect;
  made.plan.target = target.url;
  made.plan.policy = target.policy;
  made.plan.key = facts.upload->key;
  made.plan.name = facts.upload->name;
  made.plan.size = facts.upload->source.size;
  made.plan.sha256 = facts.spec.sha256;
  made.plan.key_repeated = !wanted.transaction.empty();
  made.plan.key_in_url = is_key_in_url(facts.upload->key, target.url.path);
  made.plan.wants_reply = wanted.reply;
  made.plan.overwrite = wanted.overwrite;
  made.plan.retry.first = live.job.options.retry_delay;
  // What the place said is asked for again after a restart; its word on termination is not needed to try.
  made.plan.tus.termination = true;
  made.wish = wanted.protocol;
  made.progress = facts.upload->progress;
  made.source_name = facts.upload->name.empty() ? facts.id : facts.upload->name;
  made.options = target.options;
  made.claim = std::make_shared<origin::Claim>(want_of(live));
  made.lane = live.lane;
  made.max_rate = live.job.options.max_rate;
  return made;
}

void JobEngine::begin_upload(LiveJob& live, unsigned file, SourceShelf::Kept source) {
  UploadFacts& upload = *live.job.files[file].upload;
  if (source.snapshot && !upload.snapshot) {
    upload.snapshot = true;
    book_.touch_file(live, file);
  }
  origin::UploadJob job = upload_job(live, file);
  job.source = std::move(source.file);
  job.identity = source.identity;
  if (live.job.options.upload->reply) job.reply_file = shelf_.reply_file(live.job.files[file].id);
  const std::uint64_t attempt = live.files[file].attempt;
  const std::string id = live.job.id;
  const origin::UploadId begun =
      uploads_.start(std::move(job), std::make_shared<UploadFileEvents>(*this, id, file, attempt));
  live.files[file].upload = begun;
  if (live.job.options.max_rate > 0) share_rate(live);
}

void JobEngine::stop_upload(LiveJob& live, unsigned file) {
  uploads_.stop(std::exchange(live.files[file].upload, 0));
}

// The next request waits until the progress is in the database: after a crash the rules must know which bytes were
// sent.
void JobEngine::upload_stepped(LiveJob& live, unsigned file, const origin::UploadProgress& progress,
                               origin::UploadDialect dialect, UniqueFunction<void()> stored) {
  UploadFacts& upload = *live.job.files[file].upload;
  upload.progress = progress;
  upload.dialect = dialect;
  upload.began = true;
  book_.touch_file(live, file);
  book_.flush(alive_.guard([this, id = live.job.id, file, attempt = live.files[file].attempt,
                            stored = std::move(stored)](const Status& status) mutable {
    LiveJob* stepping = current(id, file, attempt);
    if (stepping == nullptr) return;
    if (status) return stored();
    stop_upload(*stepping, file);
    file_failed(*stepping, file, status.error());
  }));
}

void JobEngine::upload_progress(LiveJob& live, unsigned file, const origin::UploadFigures& now) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  facts.bytes = std::min(now.acknowledged + now.under_way, facts.upload->source.size);
  facts.contiguous = now.acknowledged;
  facts.upload->progress.sent = std::max(facts.upload->progress.sent, now.sent);
  if (now.acknowledged > state.most_bytes) {
    state.most_bytes = now.acknowledged;
    live.progressed = true;
    live.failures_in_a_row = 0;
  }
  book_.note_activity(live);
  book_.emit_progress(live);
  if (!now.sent_all || facts.state != FileState::active) return;
  book_.set_file_state(live, file, FileState::validating);
  pump(live);
}

void JobEngine::upload_done(LiveJob& live, unsigned file, Result<origin::UploadResult> result) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  state.upload = 0;
  if (!result) {
    // Back to the transfers: the state in which the server settles the file knows no failure that may pass.
    if (live.job.state == JobState::validating) apply_internal(live, JobEvent::fetch_again);
    return file_failed(live, file, result.error());
  }
  ++state.attempt;
  facts.bytes = facts.contiguous = facts.upload->source.size;
  facts.upload->confirmed = result->confirmed;
  facts.upload->has_reply = live.job.options.upload->reply && facts.upload->progress.reply_fetched;
  facts.actual_sha256 = result->sha256;
  facts.note = result->confirmed ? "" : "not confirmed by a digest: the server named none";
  live.progressed = true;
  live.failures_in_a_row = 0;
  ++book_.counters().files_transferred;
  book_.touch_counters();
  book_.note_activity(live);
  book_.set_file_state(live, file, FileState::transferred);
  book_.emit_progress(live);
  pump(live);
  advance_job(live);
}

// At the end of the job: the server is told of an upload that it is not to wait for.
void JobEngine::leave_server(LiveJob& live, unsigned file, bool cancelled) {
  const File& facts = live.job.files[file];
  const bool unfinished = facts.state != FileState::transferred && facts.upload->began;
  if (cancelled && unfinished && !stopped_) farewells_.tell(upload_job(live, file));
  shelf_.drop(facts.id);
}

}  // namespace larder::agent
