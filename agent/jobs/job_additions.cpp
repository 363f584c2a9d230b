// JobManager: new jobs, and files added to them. Durable before they count.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/jobs/job_manager_parts.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

std::string new_id(Random& random) {
  return fmt::format("{:016x}", random.next());
}

std::vector<File> files_of(const std::string& job_id, std::size_t first, std::vector<FileSpec> specs) {
  std::vector<File> files;
  files.reserve(specs.size());
  for (FileSpec& spec : specs) {
    File& file = files.emplace_back();
    file.index = static_cast<unsigned>(first + files.size() - 1);
    file.id = fmt::format("{}.{}", job_id, file.index);
    file.spec = std::move(spec);
  }
  return files;
}

}  // namespace

Status JobManager::Parts::check_new(Caller who, const JobOptions& options, std::vector<FileSpec>& files, bool start) {
  const uid_t account = engine.settings().accounts.account_of(who.uid);
  const std::size_t jobs_of_owner = book.count(account, engine.settings().accounts) + creating.held(account);
  if (auto status = check_job_count(limits(), book.count() + creating.held(), jobs_of_owner, who.admin); !status) {
    return status;
  }
  if (auto status = check_options(options, known_names()); !status) return status;
  if (options.offline_ok && !engine.settings().offline_ok) {
    return fail(ErrorCode::permission_denied, "create a job with offline_ok",
                "the configuration forbids it (peer.offline_ok); leave it out");
  }
  if (start && files.empty()) {
    return fail(ErrorCode::invalid_state, "start the job", "it has no files; add some, or make it without starting it");
  }
  return check_files(who, files, 0, options);
}

void JobManager::create(Caller who, JobOptions options, std::vector<FileSpec> files, bool start, JobDone done) {
  Parts& parts = *parts_;
  if (auto status = parts.check_new(who, options, files, start); !status) {
    return done(tl::unexpected<Error>(status.error()));
  }
  parts.record(who, parts.new_job(who, std::move(options), std::move(files), start), std::move(done));
}

Job JobManager::Parts::new_job(Caller who, JobOptions options, std::vector<FileSpec> files, bool start) {
  Job job;
  do {
    job.id = new_id(runtime.random);
  } while (book.find_live_job(job.id) != nullptr);
  job.owner = who.uid;
  job.options = std::move(options);
  job.state = start ? JobState::queued : JobState::suspended;
  job.files = files_of(job.id, 0, std::move(files));
  job.created = job.modified = runtime.clock.wall();
  return job;
}

void JobManager::Parts::record(Caller who, Job job, JobDone done) {
  // Counts until the job is answered, or can no longer be.
  auto counted = creating.take_places(engine.settings().accounts.account_of(who.uid));
  auto recorded = [this, job, counted = std::move(counted), done = std::move(done)](const Status& status) mutable {
    counted = {};
    if (!status) {
      for (const File& file : job.files) {
        if (file.upload) shelf.drop(file.id);
      }
      return done(tl::unexpected<Error>(status.error()));
    }
    const std::string id = job.id;
    created(std::move(job));
    done(book.find_live_job(id)->job);
  };
  book.store().insert(std::move(job), alive.guard(std::move(recorded)));
}

void JobManager::Parts::created(Job job) {
  log::info("job created id={} owner={} files={} state={}", job.id, job.owner, job.files.size(),
            job_state_name(job.state));
  LiveJob& live = book.insert(std::move(job), true);
  engine.admit(live);
}

void JobManager::add_files(Caller who, const std::string& id, std::vector<FileSpec> files, JobDone done) {
  auto live = parts_->allowed(who, id, JobEvent::add_files);
  if (!live) return done(tl::unexpected<Error>(live.error()));
  if (!(*live)->adding) return parts_->add_files_now(who, id, std::move(files), std::move(done));
  (*live)->additions.emplace_back(
      [parts = parts_.get(), who, id, files = std::move(files), done = std::move(done)]() mutable {
        parts->add_files_now(who, id, std::move(files), std::move(done));
      });
}

void JobManager::Parts::add_files_now(Caller who, const std::string& id, std::vector<FileSpec> files, JobDone done) {
  auto found = allowed(who, id, JobEvent::add_files);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  if (auto status = check_files(who, files, live.job.files.size(), live.job.options); !status) {
    done(tl::unexpected<Error>(status.error()));
    return next_addition(live);
  }
  live.adding = true;
  std::vector<File> made = files_of(id, live.job.files.size(), std::move(files));
  book.store().insert_files(id, made,
                            alive.guard([this, id, made, done = std::move(done)](const Status& status) mutable {
                              files_added(id, std::move(made), status, std::move(done));
                            }));
}

void JobManager::Parts::files_added(const std::string& id, std::vector<File> files, const Status& status,
                                    JobDone done) {
  LiveJob* live = book.find_live_job(id);
  if (live == nullptr) return done(fail(ErrorCode::not_found, "add files to the job", "it is over"));
  live->adding = false;
  if (!status) {
    done(tl::unexpected<Error>(status.error()));
  } else if (auto next = next_state(live->job.state, JobEvent::add_files); !next) {
    done(tl::unexpected<Error>(next.error()));  // completed or cancelled since; its rows went with it
  } else {
    book.append_files(*live, std::move(files));
    book.note_activity(*live);
    static_cast<void>(book.apply(*live, JobEvent::add_files));  // next_state() has just said that it is possible
    book.touch(*live);
    book.emit(EventKind::job_state, *live);
    engine.pump(*live);
    answer(id, std::move(done));
  }
  next_addition(*live);
}

void JobManager::Parts::next_addition(LiveJob& live) {
  if (live.adding || live.additions.empty()) return;
  Task next = std::move(live.additions.front());
  live.additions.pop_front();
  next();
}

}  // namespace larder::agent
