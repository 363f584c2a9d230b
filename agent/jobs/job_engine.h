// Runs the jobs: assigns slots, starts and stops transfers, has contents judged, waits and retries, keeps time limits.
// Loop thread only. Six files: job_engine.cpp (slots, failures, time), job_transfers.cpp, job_mirrors.cpp,
// job_verdicts.cpp, job_shares.cpp (shares of one user), job_uploads.cpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "agent/jobs/job_book.h"
#include "agent/jobs/job_manager.h"
#include "agent/jobs/rules/scheduler.h"
#include "agent/uploads/farewells.h"
#include "agent/uploads/source_shelf.h"
#include "base/fair_queue.h"
#include "base/runtime/alive.h"
#include "base/runtime/callback_token.h"
#include "cache/cache_figures.h"
#include "cache/record/record.h"

namespace larder::cache {
class Cache;
}

namespace larder::agent {

struct JobEngineParts {
  Transfers& transfers;
  Judge& judge;
  cache::Cache& cache;
  origin::Origin& origin;
  Notifier& notifier;
  origin::Uploads& uploads;
  SourceShelf& shelf;
  Runtime runtime;
};

class JobEngine {
 public:
  // Concurrent judgements of one user; other users have a reserve on top. Judgements by a hook have as many places of
  // their own, so that a digest or a signature never waits for a hook.
  static constexpr std::size_t kMaxJudging = 16;
  static constexpr std::uint64_t kNearlyAll = 256 * kKiB;  // rest of a file from which on it hardly uses the origin
  // Times that a finished file is fetched again because its content is gone.
  static constexpr unsigned kMaxLost = 3;
  static constexpr Duration kLongestDelay = std::chrono::minutes(10);
  // Interval at which times and bytes of running jobs are recorded.
  static constexpr Duration kRecordInterval = std::chrono::seconds(60);

  JobEngine(JobSettings settings, JobEngineParts parts, JobBook& book);
  ~JobEngine();
  JobEngine(const JobEngine&) = delete;
  JobEngine& operator=(const JobEngine&) = delete;

  [[nodiscard]] const JobSettings& settings() const { return settings_; }
  void apply(JobSettings settings);
  void stop();  // stops every transfer; nothing starts afterwards

  // Takes a new job, or one of an earlier run, in the state it is in. JobManager::load() has queued those that ran.
  void admit(LiveJob& live);
  void resume(LiveJob& live);  // after the event resume was applied
  void leave(LiveJob& live);   // after the event suspend was applied
  [[nodiscard]] bool may_start_another(const LiveJob& live) const;
  void pump(LiveJob& live);  // starts the files that may start
  void options_changed(LiveJob& live, bool priority_changed);
  void network_returned();
  void verdict_posted(LiveJob& live, unsigned file, bool valid, const std::string& reason);
  void post_waiting_verdicts(LiveFile& file);  // posts the verdicts in when_judged, which wait for the judge
  // Ends an acknowledged or cancelled job and releases its contents. `keep`: finished files count as valid.
  void finish_job(LiveJob& live, bool keep);
  // Fetches a finished file again whose content is gone, or fails it.
  void content_lost(LiveJob& live, unsigned file, const Error& error);
  [[nodiscard]] Duration active_time(const LiveJob& live) const;

 private:
  class FileEvents;
  class UploadFileEvents;

  // Slots, failures, time.
  void state_changed(LiveJob& live, JobState old_state);
  void reschedule();
  void decide();
  void advance_job(LiveJob& live);
  void wait_for_retry(LiveJob& live);
  void arm_retry(LiveJob& live);
  void retry(LiveJob& live);
  void fail_after_the_rest(LiveJob& live, const Error& error);
  [[nodiscard]] Error first_failure(const LiveJob& live) const;
  void fail_job(LiveJob& live, const Error& error, JobEvent event = JobEvent::fatal_failure);
  void arm_maximum(LiveJob& live);
  void update_notification(LiveJob& live, bool entered);
  void housekeeping();
  void arm_housekeeping();
  void apply_internal(LiveJob& live, JobEvent event);

  // Transfers.
  void start_file(LiveJob& live, unsigned file);
  void look_ahead(LiveJob& live);
  void looked_ahead(LiveJob& live, const std::vector<unsigned>& files, std::vector<cache::KnownContents> known,
                    SteadyTime asked);
  void refuse_ca_file(LiveJob& live, unsigned file);
  void ask_new_url(LiveJob& live, unsigned file);
  void start_afresh(LiveJob& live, unsigned file);
  void new_url_answered(LiveJob& live, unsigned file, Result<origin::Edition> edition);
  void begin_file(LiveJob& live, unsigned file);
  void begin_transfer(LiveJob& live, unsigned file);
  void stop_file(LiveJob& live, unsigned file);
  void stop_files(LiveJob& live);
  void file_progress(LiveJob& live, unsigned file, const TransferProgress& now);
  void file_failed(LiveJob& live, unsigned file, const Error& error);
  void attempt_failed(LiveJob& live, unsigned file, const Error& error);  // job_mirrors.cpp
  void turn_mirror(LiveJob& live, unsigned file);
  [[nodiscard]] bool may_mix(const LiveJob& live, unsigned file, const cache::Version& with) const;
  [[nodiscard]] bool ask_mirror_after_mismatch(LiveJob& live, unsigned file, const Error& reason, bool for_all);
  void file_failed_for_good(LiveJob& live, unsigned file, const Error& error);
  void file_done(LiveJob& live, unsigned file, TransferResult result);
  void discard_content(LiveJob& live, unsigned file);  // counts its bytes as wasted
  // Uploads (job_uploads.cpp).
  void open_upload(LiveJob& live, unsigned file);
  void begin_upload(LiveJob& live, unsigned file, SourceShelf::Kept source);
  [[nodiscard]] origin::UploadJob upload_job(LiveJob& live, unsigned file) const;
  void stop_upload(LiveJob& live, unsigned file);
  void upload_stepped(LiveJob& live, unsigned file, const origin::UploadProgress& progress,
                      origin::UploadDialect dialect, UniqueFunction<void()> stored);
  void upload_progress(LiveJob& live, unsigned file, const origin::UploadFigures& now);
  void upload_done(LiveJob& live, unsigned file, Result<origin::UploadResult> result);
  void leave_server(LiveJob& live, unsigned file, bool cancelled);
  // Shares of one user in common resources (job_shares.cpp).
  void ask_disk_share(LiveJob& live, unsigned file, std::uint64_t more);
  [[nodiscard]] bool waits_for_disk_share(LiveJob& live, unsigned file);
  void judge_disk_share(LiveJob& live, unsigned file, bool begins);
  [[nodiscard]] std::optional<std::string> beyond_disk_share(const LiveJob& live, const cache::CacheFigures& figures);
  void share_rate(LiveJob& live);
  void make_connection(LiveJob& live) const;
  [[nodiscard]] origin::Target target_of(LiveJob& live, unsigned file) const;
  [[nodiscard]] Owner account_of(const LiveJob& live) const { return settings_.accounts.account_of(live.job.owner); }
  [[nodiscard]] Want want_of(const LiveJob& live) const;
  [[nodiscard]] bool shares_disk(const LiveJob& live) const;

  // Verdicts.
  [[nodiscard]] bool needs_judgement(const LiveJob& live, unsigned file) const;
  void judge_file(LiveJob& live, unsigned file);
  struct Turn {  // a file that waits for its judge
    std::string job_id;
    unsigned file;
    std::uint64_t attempt;
    Want want;
  };
  struct Judges {
    FairPlaces places = FairPlaces::with_reserve(kMaxJudging);
    FairQueue<Turn> waiting;
  };
  using Place = std::shared_ptr<CallbackToken>;
  void judge_next();
  void judge_next_of(Judges& judges);
  void judge(const Turn& turn, FairPlaces::Place held);
  void judge_with_digest(const Turn& turn, const Place& place);
  void judge_opened(LiveJob& live, unsigned file, std::shared_ptr<cache::ContentLease> content, const Place& place);
  void judgement_over(const Place& place);
  void judgement_lost(const Turn& turn);
  void on_judged(LiveJob& live, unsigned file, Result<Judgement> judgement);
  void judge_again_later(LiveJob& live, unsigned file, const Error& error);
  void accept(LiveJob& live, unsigned file, bool explicitly);
  [[nodiscard]] bool vouches_for_all(LiveJob& live, unsigned file) const;
  void reject(LiveJob& live, unsigned file, const Error& reason, bool for_all);
  void fetch_from_origin_alone(LiveJob& live, unsigned file, const Error& reason, bool for_all);
  void leave_rejected(LiveJob& live, unsigned file, bool for_all);
  void compare_with_rejected(const File& facts, const cache::ContentInfo& fresh);
  void set_aside(const cache::ContentId& content, const cache::Version& version, const cache::ContentId& fresh,
                 Task then);
  void mark_validated(const cache::ContentId& content);
  void release(const cache::ContentId& content, const std::string& holder);
  void release_others(const File& file);

  // Returns the job, or null if `attempt` is not the file's present one.
  [[nodiscard]] LiveJob* current(const std::string& job_id, unsigned file, std::uint64_t attempt);

  JobSettings settings_;
  Transfers& transfers_;
  Judge& judge_;
  cache::Cache& cache_;
  origin::Origin& origin_;
  Notifier& notifier_;
  origin::Uploads& uploads_;
  SourceShelf& shelf_;
  Runtime runtime_;
  Farewells farewells_;
  JobBook& book_;
  Scheduler scheduler_;
  bool decide_posted_ = false;
  std::set<Owner> beyond_share_;            // accounts beyond their share of the disk at the last look
  std::map<Owner, std::uint64_t> unasked_;  // bytes that accounts gained since the last look at their share
  bool stopped_ = false;
  TimerId slice_timer_ = 0;
  TimerId housekeeping_timer_ = 0;
  Judges judges_, judges_with_hooks_;
  Alive alive_;
};

}  // namespace larder::agent
