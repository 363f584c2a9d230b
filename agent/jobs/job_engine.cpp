#include "agent/jobs/job_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "base/io/log.h"
#include "base/text/units.h"
#include "origin/rules/retry.h"

namespace larder::agent {
namespace {

// Small files queued at the origin for each permitted connection.
constexpr std::size_t kInLine = 4;
constexpr std::size_t kMostWaiting = 512;               // maximum files waiting for disk and index, and
constexpr std::uint64_t kMostWaitingBytes = 32 * kMiB;  // maximum bytes of them

}  // namespace

JobEngine::JobEngine(JobSettings settings, JobEngineParts parts, JobBook& book)
    : settings_(std::move(settings)),
      transfers_(parts.transfers),
      judge_(parts.judge),
      cache_(parts.cache),
      origin_(parts.origin),
      notifier_(parts.notifier),
      uploads_(parts.uploads),
      shelf_(parts.shelf),
      runtime_(parts.runtime),
      farewells_(parts.uploads, parts.runtime),
      book_(book),
      scheduler_(settings_.max_active_jobs) {
  book_.on_state = [this](LiveJob& live, JobState old_state) { state_changed(live, old_state); };
}

JobEngine::~JobEngine() {
  stop();
  book_.on_state = nullptr;
}

void JobEngine::apply(JobSettings settings) {
  settings_ = std::move(settings);
  scheduler_.set_slots(settings_.max_active_jobs);
  reschedule();
  for (LiveJob* live : book_.unfinished()) {
    live->connect.reset();
    live->policy.reset();
    pump(*live);
  }
  if (housekeeping_timer_ != 0) runtime_.timers.cancel(std::exchange(housekeeping_timer_, 0));
  arm_housekeeping();
}

void JobEngine::stop() {
  if (stopped_) return;
  stopped_ = true;
  for (LiveJob* live : book_.unfinished()) {
    if (is_running(live->job.state)) live->job.active_time = active_time(*live);
    stop_files(*live);
    book_.touch(*live);
  }
}

void JobEngine::admit(LiveJob& live) {
  const SteadyTime now = runtime_.clock.now();
  const JobState state = live.job.state;
  if (is_runnable(state)) scheduler_.add(live.job.id, live.job.options.priority, now, account_of(live));
  if (state == JobState::transient_error) arm_retry(live);
  for (const File& file : live.job.files) {
    if (file.state == FileState::validating && !file.upload) judge_file(live, file.index);
  }
  if (live.job.notify_pending) update_notification(live, true);
  reschedule();
  arm_housekeeping();
  advance_job(live);
}

// Files that failed are tried again: those judged not valid from the start, the others from where they stopped.
void JobEngine::resume(LiveJob& live) {
  live.failures_in_a_row = 0;
  live.queue.release();
  for (File& file : live.job.files) {
    LiveFile& state = live.files[file.index];
    if (file.state == FileState::validating && state.judge_again_timer != 0) {
      runtime_.timers.cancel(std::exchange(state.judge_again_timer, 0));
      judge_file(live, file.index);
    }
    if (file.state != FileState::failed) continue;
    file.error.reset();
    const bool judged_bad = file.verdict == "not_valid";
    book_.set_file_state(live, file.index, FileState::waiting);
    if (judged_bad) {
      file.origin_alone = true;
      leave_rejected(live, file.index, false);
    } else {
      live.queue.add(file.index);
    }
  }
  advance_job(live);
}

void JobEngine::leave(LiveJob& live) {
  stop_files(live);
  live.queue.release();
}

void JobEngine::options_changed(LiveJob& live, bool priority_changed) {
  if (priority_changed) {
    scheduler_.set_priority(live.job.id, live.job.options.priority, runtime_.clock.now());
    reschedule();
  }
  share_rate(live);
  if (is_running(live.job.state)) arm_maximum(live);
  if (live.job.state == JobState::transient_error) arm_retry(live);
  const bool over = live.job.state == JobState::transferred || live.job.state == JobState::error;
  if (over && !live.job.notify_pending && !live.job.options.notify_command.empty()) update_notification(live, true);
}

void JobEngine::network_returned() {
  for (LiveJob* live : book_.unfinished()) {
    if (live->job.state != JobState::transient_error) continue;
    live->queue.release();
    apply_internal(*live, JobEvent::network_returned);
  }
}

Duration JobEngine::active_time(const LiveJob& live) const {
  Duration time = live.job.active_time;
  if (live.running_since) time += runtime_.clock.now() - *live.running_since;
  return time;
}

void JobEngine::apply_internal(LiveJob& live, JobEvent event) {
  if (auto status = book_.apply(live, event); !status) {
    log::error("job event refused id={}: {}", live.job.id, status.error().text());
  }
}

// Begins and ends everything that is tied to a state.
void JobEngine::state_changed(LiveJob& live, JobState old_state) {
  Job& job = live.job;
  const SteadyTime now = runtime_.clock.now();
  if (is_running(old_state) && !is_running(job.state)) {
    job.active_time = active_time(live);
    live.running_since.reset();
    runtime_.timers.cancel(std::exchange(live.maximum_timer, 0));
  } else if (!is_running(old_state) && is_running(job.state)) {
    live.running_since = now;
    live.failures_in_a_row = 0;
    arm_maximum(live);
  }
  if (is_runnable(old_state) != is_runnable(job.state)) {
    if (is_runnable(job.state)) {
      scheduler_.add(job.id, job.options.priority, now, account_of(live));
    } else {
      scheduler_.remove(job.id);
    }
    reschedule();
  }
  if (old_state == JobState::transient_error) {
    runtime_.timers.cancel(std::exchange(live.retry_timer, 0));
    job.retry_at.reset();
  }
  if (job.state != JobState::error && job.state != JobState::transient_error) job.error.reset();
  if (old_state == JobState::transferred && !is_final(job.state)) job.finished.reset();
  if (job.state == JobState::transferred) job.finished = runtime_.clock.wall();
  if (old_state == JobState::transferred || old_state == JobState::error) update_notification(live, false);
  if (job.state == JobState::transferred || job.state == JobState::error) update_notification(live, true);
}

void JobEngine::update_notification(LiveJob& live, bool entered) {
  Job& job = live.job;
  if (!entered) {
    job.notify_pending = false;
    notifier_.forget(job.id);
    return;
  }
  if (job.options.notify_command.empty()) return;
  job.notify_pending = true;
  book_.touch(live);
  Notification what;
  what.command = job.options.notify_command;
  what.job_id = job.id;
  what.job_name = job.options.name;
  what.state = std::string(job_state_name(job.state));
  what.owner = job.owner;
  if (job.state == JobState::error && job.error) what.error_code = error_info(job.error->code).name;
  notifier_.notify(std::move(what), alive_.guard([this, id = job.id] {
    LiveJob* notified = book_.find_live_job(id);
    if (notified == nullptr) return;
    notified->job.notify_pending = false;
    book_.touch(*notified);
  }));
}

void JobEngine::reschedule() {
  if (decide_posted_) return;
  decide_posted_ = true;
  runtime_.executor.post(alive_.guard([this] {
    decide_posted_ = false;
    decide();
  }));
}

void JobEngine::decide() {
  if (stopped_) return;
  const SteadyTime now = runtime_.clock.now();
  const Scheduler::Decision decision = scheduler_.decide(now);
  for (const std::string& id : decision.take) {
    LiveJob* live = book_.find_live_job(id);
    if (live == nullptr) continue;
    stop_files(*live);
    live->queue.release();
    apply_internal(*live, JobEvent::slot_taken);
  }
  for (const std::string& id : decision.give) {
    LiveJob* live = book_.find_live_job(id);
    if (live == nullptr) continue;
    apply_internal(*live, JobEvent::slot_given);
    pump(*live);
  }
  if (slice_timer_ != 0) runtime_.timers.cancel(std::exchange(slice_timer_, 0));
  if (const auto next = scheduler_.next_change()) {
    slice_timer_ = runtime_.timers.after(std::max(*next - now, Duration::zero()), alive_.guard([this] {
      slice_timer_ = 0;
      decide();
    }));
  }
}

// The limit binds files that use the origin. Files with nearly all their bytes wait for disk and index instead, and
// many of them can wait together: otherwise a job of a thousand small files would be a thousand short waits.
bool JobEngine::may_start_another(const LiveJob& live) const {
  std::size_t most = settings_.max_active_files_per_job;
  if (live.active.size() < most) return true;
  // Small files in a row: queue some at the origin in advance, so that the origin never waits for this side. The lane
  // still permits only `most` concurrent requests.
  const bool in_line = live.small_in_a_row >= most && live.lane && live.job.options.parallel_ranges == 1 &&
                       live.job.options.max_rate == 0;
  if (in_line) most *= kInLine;
  if (live.active.size() >= kMostWaiting) return false;
  std::size_t using_origin = 0;
  std::uint64_t waiting = 0;
  for (const unsigned file : live.active) {
    const File& facts = live.job.files[file];
    const bool nearly_all = facts.size && *facts.size - std::min(*facts.size, facts.bytes) <= kNearlyAll;
    if (nearly_all) waiting += std::min(*facts.size, kNearlyAll);
    if (!nearly_all && ++using_origin >= most) return false;
  }
  return waiting < kMostWaitingBytes;
}

void JobEngine::pump(LiveJob& live) {
  if (stopped_ || !is_running(live.job.state)) return;
  const std::size_t most = settings_.max_active_files_per_job;
  // A dead origin is not asked for each of a thousand files: after as many consecutive failures as files may run at
  // once, the rest waits for the retry.
  while (may_start_another(live) && live.failures_in_a_row < most) {
    const auto file = live.queue.take_file();
    if (!file) break;
    start_file(live, *file);
  }
  look_ahead(live);
  if (live.job.options.max_rate > 0) share_rate(live);
  advance_job(live);
}

// Moves a job on once none of its files is in transfer.
void JobEngine::advance_job(LiveJob& live) {
  const JobState state = live.job.state;
  if (stopped_ || !live.active.empty() || live.job.files.empty()) return;
  if (!is_runnable(state) && state != JobState::validating) return;
  const bool may_start = live.queue.waiting() > 0 && live.failures_in_a_row < settings_.max_active_files_per_job;
  if (may_start) {
    if (state == JobState::validating) apply_internal(live, JobEvent::fetch_again);
    return;  // queued: waits for a slot; running: pump() starts it
  }
  if (live.failed > 0 && live.validating == 0) return fail_job(live, first_failure(live));
  if (live.queue.waiting() + live.queue.deferred() > 0) {
    if (is_running(state)) wait_for_retry(live);
    return;
  }
  if (live.validating > 0) {
    apply_internal(live, JobEvent::verdict_awaited);
  } else if (live.transferred == live.job.files.size()) {
    apply_internal(live, JobEvent::all_transferred);
  }
}

void JobEngine::wait_for_retry(LiveJob& live) {
  Job& job = live.job;
  const SteadyTime now = runtime_.clock.now();
  if (live.progressed) {
    live.progressed = false;
    job.retries = 0;
    live.transient_since.reset();
  }
  Error error{ErrorCode::internal, "go on with job " + job.id, "no file says why"};
  const auto& deferred = live.queue.deferred_files();
  if (!deferred.empty() && job.files[*deferred.begin()].error) error = *job.files[*deferred.begin()].error;
  if (job.options.no_progress_timeout == Duration::zero()) return fail_job(live, error);
  if (!live.transient_since) {
    live.transient_since = now;
    job.transient_since = runtime_.clock.wall();
  }
  std::optional<std::chrono::seconds> wait;
  for (const unsigned file : deferred) {
    const auto& of_file = job.files[file].error;
    if (of_file && of_file->retry_after) wait = std::max(wait.value_or(std::chrono::seconds(0)), *of_file->retry_after);
  }
  const origin::RetryRule rule{job.options.retry_delay, kLongestDelay};
  job.retry_at = runtime_.clock.wall() + origin::retry_delay(rule, ++job.retries, wait, runtime_.random);
  job.error = error;
  ++job.error_count;
  log::warn("job waits id={} retries={} until={}: {}", job.id, job.retries, format_time(*job.retry_at), error.text());
  apply_internal(live, JobEvent::transient_failure);
  arm_retry(live);
}

// Arms the timer for retry_at, or for the end of the no-progress time-out if that is sooner.
void JobEngine::arm_retry(LiveJob& live) {
  const SteadyTime now = runtime_.clock.now();
  const Duration until_retry =
      live.job.retry_at ? *live.job.retry_at - runtime_.clock.wall() : live.job.options.retry_delay;
  if (!live.transient_since && live.job.transient_since) {  // of an earlier run
    live.transient_since = now - std::max(runtime_.clock.wall() - *live.job.transient_since, Duration::zero());
  }
  const SteadyTime end = live.transient_since.value_or(now) + live.job.options.no_progress_timeout;
  const Duration delay =
      std::clamp(std::min(until_retry, end - now), Duration::zero(), Duration(std::chrono::hours(24)));
  if (live.retry_timer != 0) runtime_.timers.cancel(live.retry_timer);
  live.retry_timer = runtime_.timers.after(delay, alive_.guard([this, id = live.job.id] {
    LiveJob* waiting = book_.find_live_job(id);
    if (waiting == nullptr || waiting->job.state != JobState::transient_error) return;
    waiting->retry_timer = 0;
    retry(*waiting);
  }));
}

void JobEngine::retry(LiveJob& live) {
  const Duration limit = live.job.options.no_progress_timeout;
  const SteadyTime now = runtime_.clock.now();
  if (live.transient_since && now >= *live.transient_since + limit) {
    const std::string last = live.job.error ? live.job.error->text() : "unknown";
    const Error error{ErrorCode::no_progress, "go on with job " + live.job.id,
                      fmt::format("no byte came for {}; the last error: {}", format_duration(limit), last)};
    return fail_job(live, error, JobEvent::no_progress);
  }
  live.queue.release();
  apply_internal(live, JobEvent::retry_due);
}

// Fails the job for one file, but fetches the files that can be fetched now first: advance_job() fails it then.
void JobEngine::fail_after_the_rest(LiveJob& live, const Error& error) {
  const bool rest = is_running(live.job.state) && (!live.active.empty() || live.queue.waiting() > 0);
  if (!rest) return fail_job(live, error);
  log::error("file failed, the others go on id={}: {}", live.job.id, error.text());
  pump(live);
}

Error JobEngine::first_failure(const LiveJob& live) const {
  for (const File& file : live.job.files) {
    if (file.state == FileState::failed && file.error) return *file.error;
  }
  return {ErrorCode::internal, "finish job " + live.job.id, "a file failed without a cause"};
}

void JobEngine::fail_job(LiveJob& live, const Error& error, JobEvent event) {
  stop_files(live);
  live.queue.release();
  live.job.error = error;
  ++live.job.error_count;
  log::error("job failed id={}: {}", live.job.id, error.text());
  if (live.job.state == JobState::error) {  // a second file failed
    book_.touch(live);
    return;
  }
  apply_internal(live, event);
}

void JobEngine::arm_maximum(LiveJob& live) {
  if (live.maximum_timer != 0) runtime_.timers.cancel(live.maximum_timer);
  const Duration left = std::max(live.job.options.maximum_time - active_time(live), Duration::zero());
  live.maximum_timer = runtime_.timers.after(left, alive_.guard([this, id = live.job.id] {
    LiveJob* slow = book_.find_live_job(id);
    if (slow == nullptr || !is_running(slow->job.state)) return;
    slow->maximum_timer = 0;
    const Error error{ErrorCode::maximum_time, "finish job " + id,
                      fmt::format("it has been active for {}, its maximum time; resume it to go on",
                                  format_duration(active_time(*slow)))};
    fail_job(*slow, error, JobEvent::maximum_time);
  }));
}

void JobEngine::arm_housekeeping() {
  if (housekeeping_timer_ != 0 || stopped_) return;
  const Duration interval =
      std::clamp(settings_.inactivity_timeout / 16, Duration(std::chrono::seconds(1)), kRecordInterval);
  housekeeping_timer_ = runtime_.timers.after(interval, alive_.guard([this] {
    housekeeping_timer_ = 0;
    housekeeping();
  }));
}

void JobEngine::housekeeping() {
  const SteadyTime now = runtime_.clock.now();
  for (LiveJob* live : book_.unfinished()) {
    if (now - live->last_activity >= settings_.inactivity_timeout) {
      log::warn("job cancelled id={}: nothing happened to it for {}", live->job.id,
                format_duration(settings_.inactivity_timeout));
      live->job.error = Error{ErrorCode::inactive, "keep job " + live->job.id, "nothing happened to it for too long"};
      apply_internal(*live, JobEvent::inactive);
      finish_job(*live, false);
    } else if (is_running(live->job.state)) {
      live->job.active_time = active_time(*live);
      live->running_since = now;
      book_.touch(*live);
      for (const unsigned file : live->active) book_.touch_file(*live, file);
    }
  }
  if (book_.count() > 0) arm_housekeeping();
}

LiveJob* JobEngine::current(const std::string& job_id, unsigned file, std::uint64_t attempt) {
  LiveJob* live = book_.find_live_job(job_id);
  if (live == nullptr || is_final(live->job.state)) return nullptr;
  return live->files[file].attempt == attempt ? live : nullptr;
}

}  // namespace larder::agent
