#include "agent/jobs/job_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "agent/jobs/alive.h"
#include "agent/jobs/job_book.h"
#include "agent/jobs/job_engine.h"
#include "agent/jobs/job_limits.h"
#include "base/log.h"

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
  settings.ca_file = config.ca_file;
  for (const Hook& hook : config.hooks) settings.hook_names.push_back(hook.name);
  return settings;
}

struct JobManager::Parts {
  Parts(JobSettings settings, const JobEngineParts& others, cache::Database& database)
      : cache(others.cache),
        transfers(others.transfers),
        notifier(others.notifier),
        runtime(others.runtime),
        book(database, others.runtime),
        engine(std::move(settings), others, book) {}

  // Another's job is not told to exist.
  Result<LiveJob*> accessible(Caller who, const std::string& id, std::string_view doing) {
    LiveJob* live = book.find(id);
    if (live == nullptr || (live->job.owner != who.uid && !who.admin)) {
      return fail(ErrorCode::not_found, std::string(doing), fmt::format("there is no job {}", id));
    }
    live->job.active_time = shown_active_time(*live);
    return live;
  }
  // The same, and the state machine has nothing against `event`.
  Result<LiveJob*> allowed(Caller who, const std::string& id, JobEvent event) {
    auto live = accessible(who, id, job_event_name(event));
    if (!live) return live;
    if (auto next = next_state((*live)->job.state, event); !next) return tl::unexpected<Error>(next.error());
    return live;
  }
  Result<LiveJob*> allowed_file(Caller who, const std::string& id, unsigned file, JobEvent event) {
    auto live = allowed(who, id, event);
    if (live && file >= (*live)->job.files.size()) {
      return fail(ErrorCode::not_found, std::string(job_event_name(event)),
                  fmt::format("job {} has no file {}", id, file));
    }
    return live;
  }
  // active_time is up to date only when somebody looks.
  Duration shown_active_time(LiveJob& live) {
    const Duration time = engine.active_time(live);
    if (live.running_since) live.running_since = runtime.clock.now();
    return time;
  }

  void answer(const std::string& id, JobDone done) {
    book.flush([this, id, done = std::move(done)](Status status) mutable {
      if (!status) return done(tl::unexpected<Error>(status.error()));
      LiveJob* live = book.find(id);
      if (live == nullptr) return done(fail(ErrorCode::not_found, "show job " + id, "it is over"));
      live->job.active_time = shown_active_time(*live);
      done(live->job);
    });
  }

  [[nodiscard]] JobLimits limits() const {
    const JobSettings& settings = engine.settings();
    JobLimits made;
    made.max_jobs = settings.max_jobs;
    made.max_jobs_per_user = settings.max_jobs_per_user;
    made.max_files_per_job = settings.max_files_per_job;
    made.max_ranges_per_file = settings.max_ranges_per_file;
    return made;
  }
  [[nodiscard]] KnownNames known_names() const {
    return KnownNames{engine.settings().hook_names, notifier.command_names(), check_minisign};
  }
  Status check_files(Caller who, std::vector<FileSpec>& files, std::size_t others, const JobOptions& options) {
    if (auto status = check_file_count(limits(), files.size() + others, who.admin); !status) return status;
    const KnownNames known = known_names();
    const JobLimits the_limits = limits();
    const origin::UrlPolicy policy = job_policy(engine.settings().url_policy, options);
    for (FileSpec& file : files) {
      if (auto status = check_file(file, options, the_limits, policy, known, who.admin); !status) return status;
    }
    return {};
  }
  Status check_new(Caller who, const JobOptions& options, std::vector<FileSpec>& files, bool start);
  void created(Job job);
  void add_files_now(Caller who, const std::string& id, std::vector<FileSpec> files, JobDone done);
  void files_added(const std::string& id, std::vector<File> files, const Status& status, JobDone done);
  void next_addition(LiveJob& live);
  void loaded(JobStore::Loaded found, UniqueFunction<void(Status)> done);

  cache::Cache& cache;
  Transfers& transfers;
  Notifier& notifier;
  Runtime runtime;
  JobBook book;
  JobEngine engine;
  std::map<uid_t, std::size_t> creating;  // jobs on their way into the database
  std::size_t creating_all = 0;
  Alive alive;
};

JobManager::JobManager(JobSettings settings, Transfers& transfers, Judge& judge, cache::Cache& cache,
                       cache::Database& database, origin::Origin& origin, Notifier& notifier, Runtime runtime)
    : parts_(std::make_unique<Parts>(std::move(settings),
                                     JobEngineParts{transfers, judge, cache, origin, notifier, runtime}, database)) {}

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
    ids.push_back(job.id);
    book.insert(std::move(job), false);
  }
  for (const std::string& id : ids) engine.admit(*book.find(id));
  log::info("jobs loaded count={}", ids.size());
  std::sort(alive_files.begin(), alive_files.end());
  cache.release_all_but(std::move(alive_files), std::move(done));
}

// ---- new jobs and files

Status JobManager::Parts::check_new(Caller who, const JobOptions& options, std::vector<FileSpec>& files, bool start) {
  const auto mine = creating.find(who.uid);
  const std::size_t jobs_of_owner = book.count(who.uid) + (mine == creating.end() ? 0 : mine->second);
  if (auto status = check_job_count(limits(), book.count() + creating_all, jobs_of_owner, who.admin); !status) {
    return status;
  }
  if (auto status = check_options(options, known_names()); !status) return status;
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
  Job job;
  do {
    job.id = new_id(parts.runtime.random);
  } while (parts.book.find(job.id) != nullptr);
  job.owner = who.uid;
  job.options = std::move(options);
  job.state = start ? JobState::queued : JobState::suspended;
  job.files = files_of(job.id, 0, std::move(files));
  job.created = job.modified = parts.runtime.clock.wall();
  ++parts.creating[who.uid];
  ++parts.creating_all;
  auto recorded = [self = &parts, job, done = std::move(done)](const Status& status) mutable {
    --self->creating_all;
    if (--self->creating[job.owner] == 0) self->creating.erase(job.owner);
    if (!status) return done(tl::unexpected<Error>(status.error()));
    const std::string id = job.id;
    self->created(std::move(job));
    done(self->book.find(id)->job);
  };
  parts.book.store().insert(std::move(job), parts.alive.guard(std::move(recorded)));
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
  LiveJob* live = book.find(id);
  if (live == nullptr) return done(fail(ErrorCode::not_found, "add files to the job", "it is over"));
  live->adding = false;
  if (!status) {
    done(tl::unexpected<Error>(status.error()));
  } else if (auto next = next_state(live->job.state, JobEvent::add_files); !next) {
    done(tl::unexpected<Error>(next.error()));  // completed or cancelled meanwhile; the rows went with it
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

// ---- steering

void JobManager::resume(Caller who, const std::string& id, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::resume);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  if (live.job.files.empty()) {
    return done(fail(ErrorCode::invalid_state, "resume the job", fmt::format("job {} has no files; add some", id)));
  }
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
  parts_->engine.finish(**found, false);
  parts_->answer(id, std::move(done));
}

void JobManager::complete(Caller who, const std::string& id, JobDone done) {
  auto found = parts_->allowed(who, id, JobEvent::complete);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  static_cast<void>(parts_->book.apply(**found, JobEvent::complete));  // allowed() has said that it is possible
  parts_->engine.finish(**found, true);
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
  if (!live.live[file].awaiting_app) {
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
  if (auto status = set_url(facts.spec, url, policy); !status) return done(tl::unexpected<Error>(status.error()));
  facts.retargeted = facts.retargeted || facts.spec.url != old_url;
  parts_->book.note_activity(live);
  parts_->book.touch(live);
  parts_->book.touch_file(live, file);
  parts_->book.emit(EventKind::file_state, live, file);
  parts_->answer(id, std::move(done));
}

// ---- looking

Result<const Job*> JobManager::find(Caller who, const std::string& id) const {
  auto live = parts_->accessible(who, id, "show the job");
  if (!live) return tl::unexpected<Error>(live.error());
  return &(*live)->job;
}

std::vector<const Job*> JobManager::list(Caller who) const {
  std::vector<const Job*> jobs;
  for (LiveJob* live : parts_->book.unfinished()) {
    if (live->job.owner != who.uid && !who.admin) continue;
    live->job.active_time = parts_->shown_active_time(*live);
    jobs.push_back(&live->job);
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const Job* a, const Job* b) { return std::tie(b->created, b->id) < std::tie(a->created, a->id); });
  return jobs;
}

void JobManager::open_content(Caller who, const std::string& id, unsigned file, bool partial,
                              UniqueFunction<void(Result<std::shared_ptr<cache::ContentLease>>)> done) {
  constexpr std::string_view doing = "open the content of the file";
  auto found = parts_->accessible(who, id, doing);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  if (file >= live.job.files.size()) {
    return done(fail(ErrorCode::not_found, std::string(doing), fmt::format("job {} has no file {}", id, file)));
  }
  const File& facts = live.job.files[file];
  if (is_final(live.job.state)) {
    return done(fail(ErrorCode::invalid_state, std::string(doing),
                     fmt::format("the job is {}; its content was let go", job_state_name(live.job.state))));
  }
  const bool set_aside = facts.state == FileState::failed && facts.verdict == "not_valid";
  const bool finished = facts.state == FileState::validating || facts.state == FileState::transferred || set_aside;
  if (!finished && partial && !facts.content.empty()) {
    return parts_->cache.open_partial(facts.content, std::move(done));
  }
  if (!finished || facts.content.empty()) {
    return done(fail(ErrorCode::invalid_state, std::string(doing),
                     fmt::format("file {} is {}; wait until it is finished{}", facts.id, file_state_name(facts.state),
                                 partial ? "" : ", or ask for what is there with partial")));
  }
  const std::uint64_t attempt = live.live[file].attempt;
  auto opened = [parts = parts_.get(), id, file, attempt,
                 done = std::move(done)](Result<std::shared_ptr<cache::ContentLease>> content) mutable {
    LiveJob* asked = parts->book.find(id);
    const bool current = asked != nullptr && !is_final(asked->job.state) && asked->live[file].attempt == attempt;
    const bool transferred = current && asked->job.files[file].state == FileState::transferred;
    if (!content && transferred &&
        (content.error().code == ErrorCode::not_found || content.error().code == ErrorCode::content_damaged)) {
      parts->engine.content_lost(*asked, file, content.error());
      content = fail(ErrorCode::content_damaged, "open the content of file " + asked->job.files[file].id,
                     content.error().detail + "; it is fetched again");
    }
    done(std::move(content));
  };
  parts_->cache.open(facts.content, parts_->alive.guard(std::move(opened)));
}

Totals JobManager::totals() const {
  Totals totals = parts_->book.totals();
  totals.active_transfers = parts_->transfers.active();
  return totals;
}

void JobManager::set_listener(std::function<void(const Event&)> listener) {
  parts_->book.set_listener(std::move(listener));
}

}  // namespace larder::agent
