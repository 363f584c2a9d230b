#include "agent/jobs/job_manager_parts.h"

#include <fmt/format.h>

#include <utility>

#include "agent/jobs/rules/upload_rules.h"

namespace larder::agent {

Result<LiveJob*> JobManager::Parts::accessible(Caller who, const std::string& id, std::string_view doing) {
  LiveJob* live = book.find_live_job(id);
  if (live == nullptr || (live->job.owner != who.uid && !who.admin)) {
    return fail(ErrorCode::not_found, std::string(doing), fmt::format("there is no job {}", id));
  }
  live->job.active_time = shown_active_time(*live);
  return live;
}

Result<LiveJob*> JobManager::Parts::allowed(Caller who, const std::string& id, JobEvent event) {
  auto live = accessible(who, id, job_event_name(event));
  if (!live) return live;
  if ((*live)->job.options.upload) {
    if (auto status = check_upload_event((*live)->job, event); !status) return tl::unexpected<Error>(status.error());
  }
  if (auto next = next_state((*live)->job.state, event); !next) return tl::unexpected<Error>(next.error());
  return live;
}

Result<LiveJob*> JobManager::Parts::allowed_file(Caller who, const std::string& id, unsigned file, JobEvent event) {
  auto live = allowed(who, id, event);
  if (live && file >= (*live)->job.files.size()) {
    return fail(ErrorCode::not_found, std::string(job_event_name(event)),
                fmt::format("job {} has no file {}", id, file));
  }
  return live;
}

Duration JobManager::Parts::shown_active_time(LiveJob& live) {
  const Duration time = engine.active_time(live);
  if (live.running_since) live.running_since = runtime.clock.now();
  return time;
}

void JobManager::Parts::answer(const std::string& id, JobDone done) {
  book.flush([this, id, done = std::move(done)](Status status) mutable {
    if (!status) return done(tl::unexpected<Error>(status.error()));
    LiveJob* live = book.find_live_job(id);
    if (live == nullptr) return done(fail(ErrorCode::not_found, "show job " + id, "it is over"));
    live->job.active_time = shown_active_time(*live);
    done(live->job);
  });
}

JobLimits JobManager::Parts::limits() const {
  const JobSettings& settings = engine.settings();
  JobLimits made;
  made.max_jobs = settings.max_jobs;
  made.max_jobs_per_user = settings.max_jobs_per_user;
  made.max_files_per_job = settings.max_files_per_job;
  made.max_ranges_per_file = settings.max_ranges_per_file;
  return made;
}

KnownNames JobManager::Parts::known_names() const {
  return KnownNames{engine.settings().hook_names, notifier.command_names(), check_minisign};
}

Status JobManager::Parts::check_files(Caller who, std::vector<FileSpec>& files, std::size_t others,
                                      const JobOptions& options) {
  if (auto status = check_file_count(limits(), files.size() + others, who.admin); !status) return status;
  const KnownNames known = known_names();
  const JobLimits the_limits = limits();
  const origin::UrlPolicy policy = job_policy(engine.settings().url_policy, options);
  for (FileSpec& file : files) {
    if (auto status = check_file(file, options, the_limits, policy, known, who.admin); !status) return status;
  }
  return {};
}

}  // namespace larder::agent
