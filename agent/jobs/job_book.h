// The jobs in memory, and the one way to change them: every change is counted, reported to the listener and written to
// the database, many changes in one transaction. Loop thread only. on_state and the listener are called from within the
// call that makes the change. A LiveJob stays where it is until some time after retire().
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
  // Interval of progress events. A client that copies a large file while it arrives follows these events: it then
  // copies in small pieces and has little left at the end. A job of many files is slower, since each file is small.
  static constexpr Duration kProgressInterval = std::chrono::milliseconds(100);
  static constexpr Duration kProgressIntervalOfMany = std::chrono::milliseconds(250);
  static constexpr Duration kWriteDelay = std::chrono::milliseconds(100);  // delay of changes that no caller waits for
  static constexpr Duration kWriteAgain = std::chrono::seconds(5);         // delay after the database failed
  static constexpr Duration kKeepFinal = std::chrono::minutes(10);
  // Files of final jobs that are kept; each job counts as one more.
  static constexpr std::size_t kMaxFinalFiles = 20'000;

  JobBook(cache::Database& database, Runtime runtime) : store_(database), runtime_(runtime) {}

  [[nodiscard]] LiveJob* find_live_job(const std::string& id);  // including final jobs that are kept
  [[nodiscard]] std::vector<LiveJob*> unfinished();             // in no order
  [[nodiscard]] std::size_t count() const { return unfinished_; }
  // Counts the unfinished jobs of all ids that count on this account.
  [[nodiscard]] std::size_t count(uid_t account, const UserAccounts& accounts) const;
  [[nodiscard]] JobStore& store() { return store_; }
  [[nodiscard]] Counters& counters() { return counters_; }

  // Adds a job that has its row already: in memory only. Queues its waiting files.
  LiveJob& insert(Job job, bool created_now);
  void append_files(LiveJob& live, std::vector<File> files);

  // Applies the event to the job by the state machine. A refused event changes nothing.
  Status apply(LiveJob& live, JobEvent event);
  // Called from within apply(), before the listener.
  std::function<void(LiveJob& live, JobState old_state)> on_state;

  void set_file_state(LiveJob& live, unsigned file, FileState state);
  void set_figures(LiveJob& live, unsigned file, const SourceFigures& figures);
  void touch(LiveJob& live);                      // marks the job's row as changed
  void touch_file(LiveJob& live, unsigned file);  // marks the file's row as changed
  void touch_counters();
  void note_overwritten_secrets();  // for the next write: a changed row held secrets
  void note_activity(LiveJob& live);
  void emit(EventKind kind, const LiveJob& live, std::optional<unsigned> file = std::nullopt);
  void emit_progress(LiveJob& live);
  // Removes a final job's rows. Its figures stay in the counters, and find_live_job() returns it for kKeepFinal.
  void retire(LiveJob& live);

  // Calls `done` once all changes made so far are durable, or with the error of the write, which is tried again after
  // kWriteAgain. Never from within the call; not at all if the book is destroyed before.
  void flush(JobService::StatusDone done);
  void set_listener(std::function<void(const Event&)> listener) { listener_ = std::move(listener); }
  [[nodiscard]] Totals totals() const;  // without active_transfers

 private:
  void count_file(LiveJob& live, unsigned file, FileState state, bool more);
  void write_soon();
  void write_now();
  void on_written(const Status& status, std::vector<JobService::StatusDone> waiters);
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
  SourceFigures live_bytes_;  // sum over the jobs that have rows

  DirtyRows dirty_;
  DirtyRows writing_rows_;
  bool writing_ = false;
  bool write_posted_ = false;
  TimerId write_timer_ = 0;
  std::vector<JobService::StatusDone> waiters_;
  Alive alive_;
};

}  // namespace larder::agent
