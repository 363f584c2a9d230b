#include "agent/jobs/job_book.h"

#include <utility>

#include "base/io/log.h"

namespace larder::agent {
namespace {

void add(SourceFigures& sum, const SourceFigures& part) {
  sum.origin += part.origin;
  sum.peers += part.peers;
  sum.cache += part.cache;
  sum.wasted += part.wasted;
}

void subtract(SourceFigures& sum, const SourceFigures& part) {
  sum.origin -= part.origin;
  sum.peers -= part.peers;
  sum.cache -= part.cache;
  sum.wasted -= part.wasted;
}

// Copies a job without its files, which may be many: they are moved out during the copy.
Job head_of(Job& job) {
  std::vector<File> files = std::exchange(job.files, {});
  Job head = job;
  job.files = std::move(files);
  return head;
}

}  // namespace

LiveJob* JobBook::find_live_job(const std::string& id) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : found->second.get();
}

std::vector<LiveJob*> JobBook::unfinished() {
  std::vector<LiveJob*> found;
  found.reserve(unfinished_);
  for (const auto& [id, live] : jobs_) {
    if (!is_final(live->job.state)) found.push_back(live.get());
  }
  return found;
}

std::size_t JobBook::count(uid_t account, const UserAccounts& accounts) const {
  std::size_t count = 0;
  for (const auto& [owner, jobs] : by_owner_) {
    if (accounts.account_of(owner) == account) count += jobs;
  }
  return count;
}

LiveJob& JobBook::insert(Job job, bool created_now) {
  auto made = std::make_unique<LiveJob>();
  LiveJob& live = *made;
  std::vector<File> files = std::exchange(job.files, {});
  live.job = std::move(job);
  live.last_activity = runtime_.clock.now();
  ++unfinished_;
  ++by_owner_[live.job.owner];
  jobs_[live.job.id] = std::move(made);
  append_files(live, std::move(files));
  if (created_now) emit(EventKind::job_created, live);
  return live;
}

void JobBook::append_files(LiveJob& live, std::vector<File> files) {
  for (File& file : files) {
    const unsigned index = file.index;
    live.job.files.push_back(std::move(file));
    const File& kept = live.job.files.back();
    LiveFile& state = live.files.emplace_back();
    state.most_bytes = kept.bytes;
    add(live_bytes_, kept.figures);
    count_file(live, index, kept.state, true);
    if (kept.state == FileState::waiting) live.queue.add(index);
  }
}

void JobBook::count_file(LiveJob& live, unsigned file, FileState state, bool more) {
  const auto count = [more](std::size_t& number) { more ? ++number : --number; };
  switch (state) {
    case FileState::waiting:
      break;
    case FileState::active:
      more ? static_cast<void>(live.active.insert(file)) : static_cast<void>(live.active.erase(file));
      break;
    case FileState::validating:
      count(live.validating);
      break;
    case FileState::transferred:
      count(live.transferred);
      break;
    case FileState::failed:
      count(live.failed);
      break;
  }
}

Status JobBook::apply(LiveJob& live, JobEvent event) {
  const JobState old_state = live.job.state;
  auto next = next_state(old_state, event);
  if (!next) return tl::unexpected<Error>(next.error());
  if (*next == old_state) return {};
  live.job.state = *next;
  log::info("job state id={} from={} to={}", live.job.id, job_state_name(old_state), job_state_name(*next));
  note_activity(live);
  if (on_state) on_state(live, old_state);
  touch(live);
  if (!is_final(*next)) emit(EventKind::job_state, live);
  return {};
}

void JobBook::set_file_state(LiveJob& live, unsigned file, FileState state) {
  File& changed = live.job.files[file];
  if (changed.state != state) {
    count_file(live, file, changed.state, false);
    changed.state = state;
    count_file(live, file, state, true);
  }
  touch_file(live, file);
  emit(EventKind::file_state, live, file);
}

void JobBook::set_figures(LiveJob& live, unsigned file, const SourceFigures& figures) {
  SourceFigures& kept = live.job.files[file].figures;
  subtract(live_bytes_, kept);
  kept = figures;
  add(live_bytes_, kept);
}

void JobBook::touch(LiveJob& live) {
  if (is_final(live.job.state)) return;
  dirty_.jobs[live.job.id].row = true;
  write_soon();
}

void JobBook::touch_file(LiveJob& live, unsigned file) {
  if (is_final(live.job.state)) return;
  dirty_.jobs[live.job.id].files.insert(file);
  write_soon();
}

void JobBook::touch_counters() {
  dirty_.counters = true;
  write_soon();
}

void JobBook::note_overwritten_secrets() {
  dirty_.secrets_overwritten = true;
}

void JobBook::note_activity(LiveJob& live) {
  live.last_activity = runtime_.clock.now();
  live.job.modified = runtime_.clock.wall();
}

void JobBook::emit(EventKind kind, const LiveJob& live, std::optional<unsigned> file) {
  if (listener_) listener_(Event{kind, live.job.id, live.job.owner, file, &live.job});
}

void JobBook::emit_progress(LiveJob& live) {
  if (live.progress_timer != 0) return;
  const SteadyTime now = runtime_.clock.now();
  const Duration interval = live.job.files.size() > 1 ? kProgressIntervalOfMany : kProgressInterval;
  if (!live.last_progress_event || now - *live.last_progress_event >= interval) {
    live.last_progress_event = now;
    emit(EventKind::job_progress, live);
    return;
  }
  const auto late = [this, id = live.job.id] {
    LiveJob* job = find_live_job(id);
    if (job == nullptr) return;
    job->progress_timer = 0;
    job->last_progress_event = runtime_.clock.now();
    if (!is_final(job->job.state)) emit(EventKind::job_progress, *job);
  };
  live.progress_timer = runtime_.timers.after(*live.last_progress_event + interval - now, alive_.guard(late));
}

void JobBook::retire(LiveJob& live) {
  for (const File& file : live.job.files) {
    subtract(live_bytes_, file.figures);
    add(counters_.removed_jobs, file.figures);
  }
  --unfinished_;
  if (--by_owner_[live.job.owner] == 0) by_owner_.erase(live.job.owner);
  dirty_.jobs.erase(live.job.id);
  dirty_.removed.push_back(live.job.id);
  touch_counters();
  // An ended job is kept to answer requests about its end; no connection is made for it any more.
  live.job.options.connect = {};
  live.connect.reset();
  for (File& file : live.job.files) {
    file.spec.user.clear();
    file.spec.password.clear();
  }
  final_.push_back(live.job.id);
  final_files_ += live.job.files.size() + 1;
  emit(EventKind::job_removed, live);
  // All are kept for the same time, so each timer forgets the oldest.
  runtime_.timers.after(kKeepFinal, alive_.guard([this, id = live.job.id] {
    if (!final_.empty() && final_.front() == id) forget_oldest_final();
  }));
  // Never the newest: the request that ended it is about to be answered.
  while (final_files_ > kMaxFinalFiles && final_.size() > 1) forget_oldest_final();
}

void JobBook::forget_oldest_final() {
  const auto found = jobs_.find(final_.front());
  final_files_ -= found->second->job.files.size() + 1;
  jobs_.erase(found);
  final_.pop_front();
}

void JobBook::flush(JobService::StatusDone done) {
  waiters_.push_back(std::move(done));
  if (writing_ || write_posted_) return;
  write_posted_ = true;
  runtime_.executor.post(alive_.guard([this] {
    write_posted_ = false;
    write_now();
  }));
}

void JobBook::write_soon() {
  if (write_timer_ != 0 || writing_ || write_posted_) return;
  write_timer_ = runtime_.timers.after(kWriteDelay, alive_.guard([this] {
    write_timer_ = 0;
    write_now();
  }));
}

std::shared_ptr<const JobStore::Changes> JobBook::collect(const DirtyRows& rows) {
  auto changes = std::make_shared<JobStore::Changes>();
  for (const auto& [id, of_job] : rows.jobs) {
    LiveJob* live = find_live_job(id);
    if (live == nullptr) continue;
    if (of_job.row) changes->jobs.push_back(head_of(live->job));
    for (const unsigned file : of_job.files) changes->files.emplace_back(id, live->job.files[file]);
  }
  changes->removed = rows.removed;
  changes->secrets_overwritten = rows.secrets_overwritten;
  if (rows.counters) changes->counters = counters_;
  return changes;
}

// One transaction at a time: changes made during it go into the next one together.
void JobBook::write_now() {
  if (writing_) return;
  if (write_timer_ != 0) runtime_.timers.cancel(std::exchange(write_timer_, 0));
  auto waiters = std::exchange(waiters_, {});
  if (dirty_.empty()) {
    for (auto& waiter : waiters) waiter(Status{});
    return;
  }
  writing_ = true;
  writing_rows_ = std::exchange(dirty_, {});
  auto shared = std::make_shared<std::vector<JobService::StatusDone>>(std::move(waiters));
  store_.save(collect(writing_rows_),
              alive_.guard([this, shared](const Status& status) { on_written(status, std::move(*shared)); }));
}

void JobBook::on_written(const Status& status, std::vector<JobService::StatusDone> waiters) {
  writing_ = false;
  DirtyRows rows = std::exchange(writing_rows_, {});
  if (!status) {
    log::error("jobs not recorded, tried again in 5 s: {}", status.error().text());
    std::erase_if(rows.jobs, [this](const auto& entry) {  // retired since: its rows are removed, not changed
      const LiveJob* live = find_live_job(entry.first);
      return live == nullptr || is_final(live->job.state);
    });
    dirty_.merge(std::move(rows));
    if (write_timer_ == 0) {
      write_timer_ = runtime_.timers.after(kWriteAgain, alive_.guard([this] {
        write_timer_ = 0;
        write_now();
      }));
    }
  }
  for (auto& waiter : waiters) waiter(status);
  if (!waiters_.empty()) {
    write_now();
  } else if (!dirty_.empty()) {
    write_soon();
  }
}

Totals JobBook::totals() const {
  Totals totals;
  totals.bytes = counters_.removed_jobs;
  add(totals.bytes, live_bytes_);
  totals.files_transferred = counters_.files_transferred;
  totals.files_failed = counters_.files_failed;
  totals.cache_hits = counters_.cache_hits;
  totals.verdicts_not_valid = counters_.verdicts_not_valid;
  for (const auto& [id, live] : jobs_) {
    if (!is_final(live->job.state)) ++totals.jobs[live->job.state];
  }
  return totals;
}

}  // namespace larder::agent
