#include "agent/jobs/job_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/jobs/job_manager_parts.h"
#include "base/io/log.h"
#include "cache/cache.h"

namespace larder::agent {
JobSettings job_settings(const Config& config) {
  JobSettings settings;
  settings.max_jobs = config.max_jobs;
  settings.max_jobs_per_user = config.max_jobs_per_user;
  settings.max_files_per_job = config.max_files_per_job;
  settings.max_ranges_per_file = config.max_ranges_per_file;
  settings.inactivity_timeout = config.inactivity_timeout;
  settings.max_active_jobs = config.max_active_jobs;
  settings.max_active_files_per_job = config.max_active_files_per_job;
  settings.connect_timeout = config.connect_timeout;
  settings.stall_timeout = config.stall_timeout;
  settings.url_policy = config.url_policy;
  settings.proxy = config.proxy;
  settings.ca_certificates = config.ca_certificates;
  settings.use_peers = config.peer_enabled && config.peer_use;
  settings.offline_ok = config.peer_offline_ok;
  settings.peer_min_rate = config.peer_min_rate;
  for (const Hook& hook : config.hooks) settings.hook_names.push_back(hook.name);
  return settings;
}

JobManager::JobManager(JobSettings settings, Transfers& transfers, Judge& judge, cache::Cache& cache,
                       cache::Database& database, origin::Origin& origin, Notifier& notifier, UploadParts uploads,
                       Runtime runtime)
    : parts_(std::make_unique<Parts>(
          std::move(settings),
          JobEngineParts{transfers, judge, cache, origin, notifier, uploads.uploads, uploads.shelf, runtime},
          database)) {}

JobManager::~JobManager() {
  parts_->book.set_listener(nullptr);
}

void JobManager::apply(JobSettings settings) {
  parts_->engine.apply(std::move(settings));
}
void JobManager::network_returned() {
  parts_->engine.network_returned();
}

void JobManager::stop(UniqueFunction<void(Status)> done) {
  parts_->engine.stop();
  parts_->book.flush(std::move(done));
}

// ---- jobs of earlier runs

void JobManager::load(UniqueFunction<void(Status)> done) {
  parts_->book.store().load(
      parts_->alive.guard([parts = parts_.get(), done = std::move(done)](Result<JobStore::Loaded> found) mutable {
        if (!found) return done(tl::unexpected<Error>(found.error()));
        parts->loaded(std::move(*found), std::move(done));
      }));
}

void JobManager::Parts::loaded(JobStore::Loaded found, UniqueFunction<void(Status)> done) {
  book.counters() = found.counters;
  std::sort(found.jobs.begin(), found.jobs.end(), [](const Job& a, const Job& b) { return a.created < b.created; });
  std::vector<std::string> alive_files;
  std::vector<std::string> ids;
  for (Job& job : found.jobs) {
    if (is_running(job.state)) job.state = JobState::queued;
    for (File& file : job.files) {
      if (file.state == FileState::active) file.state = FileState::waiting;
      alive_files.push_back(file.id);
    }
    if (job.options.upload) await_sources(job);
    ids.push_back(job.id);
    book.insert(std::move(job), false);
  }
  for (const std::string& id : ids) engine.admit(*book.find_live_job(id));
  log::info("jobs loaded count={}", ids.size());
  std::sort(alive_files.begin(), alive_files.end());
  shelf.drop_all_but(alive_files);
  cache.release_all_but(std::move(alive_files), std::move(done));
}

// ---- steering

void JobManager::resume(Caller who, const std::string& id, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::resume);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  if (live.job.files.empty()) {
    return done(fail(ErrorCode::invalid_state, "resume the job", fmt::format("job {} has no files; add some", id)));
  }
  if (auto there = parts_->check_sources(live); !there) return done(tl::unexpected<Error>(there.error()));
  const JobState old_state = live.job.state;
  if (old_state == JobState::suspended || old_state == JobState::error || old_state == JobState::transient_error) {
    live.job.active_time = Duration::zero();
    live.job.retries = 0;
    live.job.transient_since.reset();
    live.transient_since.reset();
  }
  static_cast<void>(parts_->book.apply(live, JobEvent::resume));  // allowed() has said that it is possible
  parts_->engine.resume(live);
  parts_->answer(id, std::move(done));
}

void JobManager::suspend(Caller who, const std::string& id, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::suspend);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  parts_->engine.leave(**found);
  static_cast<void>(parts_->book.apply(**found, JobEvent::suspend));  // allowed() has said that it is possible
  parts_->answer(id, std::move(done));
}

void JobManager::cancel(Caller who, const std::string& id, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::cancel);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  static_cast<void>(parts_->book.apply(**found, JobEvent::cancel));  // allowed() has said that it is possible
  parts_->engine.finish_job(**found, false);
  parts_->answer(id, std::move(done));
}

void JobManager::complete(Caller who, const std::string& id, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::complete);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  static_cast<void>(parts_->book.apply(**found, JobEvent::complete));  // allowed() has said that it is possible
  parts_->engine.finish_job(**found, true);
  parts_->answer(id, std::move(done));
}

void JobManager::change(Caller who, const std::string& id, JobChange change, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::change);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  JobOptions& options = live.job.options;
  JobOptions wanted = options;
  if (change.name) wanted.name = *change.name;
  if (change.priority) wanted.priority = *change.priority;
  if (change.max_rate) wanted.max_rate = *change.max_rate;
  if (change.retry_delay) wanted.retry_delay = *change.retry_delay;
  if (change.no_progress_timeout) wanted.no_progress_timeout = *change.no_progress_timeout;
  if (change.maximum_time) wanted.maximum_time = *change.maximum_time;
  if (change.notify_command) wanted.notify_command = *change.notify_command;
  const Status checks[] = {
      check_name(wanted.name), check_retry_delay(wanted.retry_delay),
      check_time_limits(wanted.no_progress_timeout, wanted.maximum_time),
      change.notify_command ? check_notify_command(wanted.notify_command, parts_->known_names()) : Status{}};
  for (const Status& status : checks) {
    if (!status) return done(tl::unexpected<Error>(status.error()));
  }
  const bool priority_changed = wanted.priority != options.priority;
  options = std::move(wanted);
  parts_->book.note_activity(live);
  parts_->book.touch(live);
  parts_->engine.options_changed(live, priority_changed);
  parts_->book.emit(EventKind::job_state, live);
  parts_->answer(id, std::move(done));
}

void JobManager::verdict(Caller who, const std::string& id, unsigned file, bool valid, std::string reason,
                         JobDone done) {
  auto found = parts_->allowed_file(who, id, file, JobEvent::verdict);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  if (auto status = check_reason(reason); !status) return done(tl::unexpected<Error>(status.error()));
  LiveFile& judged = live.files[file];
  if (!judged.awaiting_app && judged.judging && live.job.options.verdict.app) {
    // The verdict arrived before those of digest, signature and hook, which come first: it waits for them.
    judged.when_judged.emplace_back(
        parts_->alive.guard([this, who, id, file, valid, reason = std::move(reason), done = std::move(done)]() mutable {
          verdict(who, id, file, valid, std::move(reason), std::move(done));
        }));
    return;
  }
  if (!judged.awaiting_app) {
    const std::string_view state = file_state_name(live.job.files[file].state);
    return done(fail(ErrorCode::invalid_state, "post a verdict on file " + live.job.files[file].id,
                     fmt::format("it is {} and does not wait for a verdict of the application", state)));
  }
  parts_->book.note_activity(live);
  parts_->engine.verdict_posted(live, file, valid, reason);
  parts_->answer(id, std::move(done));
}

void JobManager::retarget(Caller who, const std::string& id, unsigned file, std::string url, JobDone done) {
  auto found = parts_->allowed_file(who, id, file, JobEvent::retarget);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  File& facts = live.job.files[file];
  if (facts.state == FileState::transferred || facts.state == FileState::validating) {
    return done(fail(ErrorCode::invalid_state, "give file " + facts.id + " a new URL", "it has been fetched already"));
  }
  const origin::UrlPolicy policy = job_policy(parts_->engine.settings().url_policy, live.job.options);
  const std::string old_url = facts.spec.url;
  const bool secret =
      !facts.spec.user.empty() || !facts.spec.password.empty() || old_url.find('?') != std::string::npos;
  if (auto status = set_url(facts.spec, url, policy); !status) return done(tl::unexpected<Error>(status.error()));
  if (secret) parts_->book.note_overwritten_secrets();
  facts.mirror = 0;  // the caller asks for the new URL; the mirrors stay
  facts.retargeted = facts.retargeted || facts.spec.url != old_url;
  parts_->book.note_activity(live);
  parts_->book.touch(live);
  parts_->book.touch_file(live, file);
  parts_->book.emit(EventKind::file_state, live, file);
  parts_->answer(id, std::move(done));
}

}  // namespace larder::agent
