// The jobs in memory, and the one way to change them: every change is counted, told to the listener and written to the
// database, many changes in one transaction. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/jobs/live_job.h"
#include "agent/jobs/model/job_service.h"
#include "agent/jobs/rules/job_state.h"
#include "agent/jobs/rules/user_accounts.h"
#include "agent/jobs/store/dirty_rows.h"
#include "agent/jobs/store/job_store.h"
#include "base/runtime/alive.h"

namespace larder::agent {

class JobBook {
 public:
  // Who copies a large file while it comes follows by these events: in small pieces, so that the line is not kept
  // waiting for the disk, and little is left at the end. Of many files each is small.
  static constexpr Duration kProgressInterval = std::chrono::milliseconds(100);
  static constexpr Duration kProgressIntervalOfMany = std::chrono::milliseconds(250);
  static constexpr Duration kWriteDelay = std::chrono::milliseconds(100);  // of changes that nobody waits for
  static constexpr Duration kWriteAgain = std::chrono::seconds(5);         // after the database failed
  static constexpr Duration kKeepFinal = std::chrono::minutes(10);
  static constexpr std::size_t kMaxFinalFiles = 20'000;  // of kept final jobs, each job counting as one more

  JobBook(cache::Database& database, Runtime runtime) : store_(database), runtime_(runtime) {}

  [[nodiscard]] LiveJob* find(const std::string& id);  // final ones too, for a while
  [[nodiscard]] std::vector<LiveJob*> unfinished();    // in no order
  [[nodiscard]] std::size_t count() const { return unfinished_; }
  [[nodiscard]] std::size_t count(uid_t account, const UserAccounts& accounts) const;  // of all ids of a user
  [[nodiscard]] JobStore& store() { return store_; }
  [[nodiscard]] Counters& counters() { return counters_; }

  // In memory only: its row is there already. Files that are waiting are queued.
  LiveJob& insert(Job job, bool created_now);
  void append_files(LiveJob& live, std::vector<File> files);

  // The state machine; a refused event changes nothing.
  Status apply(LiveJob& live, JobEvent event);
  // Called inside apply(), before watchers hear of it.
  std::function<void(LiveJob& live, JobState old_state)> on_state;

  void set_file_state(LiveJob& live, unsigned file, FileState state);
  void set_figures(LiveJob& live, unsigned file, const SourceFigures& figures);
  void touch(LiveJob& live);                      // the job's row
  void touch_file(LiveJob& live, unsigned file);  // the file's row
  void touch_counters();
  void note_overwritten_secrets();  // by what was touched since the last write
  void note_activity(LiveJob& live);
  void emit(EventKind kind, const LiveJob& live, std::optional<unsigned> file = std::nullopt);
  void emit_progress(LiveJob& live);
  // A final job: its rows go, its figures stay counted, and it is found by id for kKeepFinal.
  void retire(LiveJob& live);

  // `done` once everything that has been changed until now is durable.
  void flush(JobService::StatusDone done);
  void set_listener(std::function<void(const Event&)> listener) { listener_ = std::move(listener); }
  [[nodiscard]] Totals totals() const;  // without active_transfers

 private:
  void count_file(LiveJob& live, unsigned file, FileState state, bool more);
  void write_soon();
  void write_now();
  void written(const Status& status, std::vector<JobService::StatusDone> waiters);
  [[nodiscard]] std::shared_ptr<const JobStore::Changes> collect(const DirtyRows& rows);
  void forget_oldest_final();

  JobStore store_;
  Runtime runtime_;
  std::unordered_map<std::string, std::unique_ptr<LiveJob>> jobs_;
  std::deque<std::string> final_;  // oldest first
  std::size_t final_files_ = 0;
  std::size_t unfinished_ = 0;
  std::map<uid_t, std::size_t> by_owner_;
  std::function<void(const Event&)> listener_;

  Counters counters_;
  SourceFigures live_bytes_;  // of jobs that have rows

  DirtyRows dirty_;
  DirtyRows writing_rows_;
  bool writing_ = false;
  bool write_posted_ = false;
  TimerId write_timer_ = 0;
  std::vector<JobService::StatusDone> waiters_;
  Alive alive_;
};

}  // namespace larder::agent
