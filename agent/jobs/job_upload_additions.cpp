// JobManager: new uploads, and the repeat of one that is there.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/jobs/job_manager_parts.h"
#include "agent/jobs/rules/upload_rules.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxUploadFiles = 16;  // descriptors that come with one request
constexpr std::string_view kAgain = "its source went with the agent's restart; repeat the command that made it";

Status check_specs(const JobOptions& options, const std::vector<UploadSpec>& files) {
  if (files.empty() || files.size() > kMaxUploadFiles) {
    return fail(ErrorCode::invalid_argument, "make the upload",
                fmt::format("it must have 1 to {} files; make several jobs", kMaxUploadFiles));
  }
  if (auto status = check_upload_options(*options.upload); !status) return status;
  for (const UploadSpec& file : files) {
    if (auto status = check_upload_name(file.name); !status) return status;
  }
  return {};
}

bool lacks_source(const File& file) {
  return file.upload && !file.upload->snapshot && file.state != FileState::transferred;
}

}  // namespace

// Compared with the jobs that are not over: an upload is the same where all its files are.
Result<LiveJob*> JobManager::Parts::find_repeated(Caller who, const JobOptions& options,
                                                  const std::vector<UploadSpec>& files,
                                                  const std::vector<origin::SourceIdentity>& sources) {
  for (LiveJob* live : book.unfinished()) {
    const Job& job = live->job;
    if (job.owner != who.uid || !job.options.upload || job.files.size() != files.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const Repeat repeat =
          compare_upload(job, job.files[i], *options.upload, files[i].file, files[i].name, sources[i]);
      if (repeat == Repeat::conflict) {
        return fail(ErrorCode::already_exists, "make the upload",
                    fmt::format("the transaction {} is that of job {} already, with another file; name another "
                                "transaction, or cancel that job",
                                options.upload->transaction, job.id));
      }
      same = same && repeat == Repeat::same;
    }
    if (same) return live;
  }
  return nullptr;
}

// The new request's credentials and connection are used from the next attempt on. They are not recorded: a job without
// a snapshot gets them again with its source after a restart.
void JobManager::Parts::give_sources(LiveJob& live, const JobOptions& options, std::vector<UploadSpec> files,
                                     UploadDone done) {
  live.job.options.connect = options.connect;
  live.connect.reset();
  bool waited = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    File& file = live.job.files[i];
    file.spec.user = files[i].file.user;
    file.spec.password = files[i].file.password;
    if (!lacks_source(file) || shelf.holds(file.id)) continue;
    const Owner account = engine.settings().accounts.account_of(live.job.owner);
    if (auto status = shelf.put(file.id, account, std::move(files[i].source)); !status)
      return done(tl::unexpected<Error>(status.error()), true);
    waited = true;
    file.note.clear();
    book.touch_file(live, file.index);
  }
  if (waited && (live.job.state == JobState::suspended || live.job.state == JobState::error)) {
    static_cast<void>(book.apply(live, JobEvent::resume));  // possible in both states
    engine.resume(live);
  }
  book.note_activity(live);
  answer(live.job.id, [done = std::move(done)](Result<Job> job) mutable { done(std::move(job), true); });
}

void JobManager::Parts::await_sources(Job& job) {
  bool waits = false;
  for (File& file : job.files) {
    if (!file.upload) continue;
    if (file.state == FileState::validating) file.state = FileState::waiting;
    if (!lacks_source(file)) continue;
    file.note = std::string(kAgain);
    waits = true;
  }
  if (job.state == JobState::validating) job.state = JobState::queued;
  const bool goes_on = is_runnable(job.state) || job.state == JobState::transient_error;
  if (waits && goes_on) job.state = JobState::suspended;
}

Status JobManager::Parts::check_sources(const LiveJob& live) const {
  for (const File& file : live.job.files) {
    if (lacks_source(file) && !shelf.holds(file.id))
      return fail(ErrorCode::invalid_state, "resume the job", std::string(kAgain));
  }
  return {};
}

// The sources are looked at on another thread: a descriptor may be of a file system that does not answer.
void JobManager::create_upload(Caller who, JobOptions options, std::vector<UploadSpec> files, bool start,
                               UploadDone done) {
  if (!options.upload) options.upload.emplace();
  if (auto status = check_specs(options, files); !status) return done(tl::unexpected<Error>(status.error()), false);
  std::vector<int> descriptors;
  descriptors.reserve(files.size());
  for (const UploadSpec& file : files) descriptors.push_back(file.source.get());
  auto held = std::make_shared<std::vector<UploadSpec>>(std::move(files));
  parts_->shelf.look_at(
      std::move(descriptors), held,
      parts_->alive.guard([parts = parts_.get(), who, options = std::move(options), held, start,
                           done = std::move(done)](Result<std::vector<origin::SourceIdentity>> sources) mutable {
        if (!sources) return done(tl::unexpected<Error>(sources.error()), false);
        parts->create_upload_in_turn(who, {std::move(options), std::move(*held), std::move(*sources), start},
                                     std::move(done));
      }));
}

void JobManager::Parts::create_upload_in_turn(Caller who, NewUploads wanted, UploadDone done) {
  if (!recording_upload) return create_upload_now(who, std::move(wanted), std::move(done));
  uploads_to_make.emplace_back([this, who, wanted = std::move(wanted), done = std::move(done)]() mutable {
    create_upload_now(who, std::move(wanted), std::move(done));
  });
}

void JobManager::Parts::next_upload() {
  recording_upload = false;
  while (!recording_upload && !uploads_to_make.empty()) {
    Task next = std::move(uploads_to_make.front());
    uploads_to_make.pop_front();
    next();
  }
}

void JobManager::Parts::create_upload_now(Caller who, NewUploads wanted, UploadDone done) {
  const auto refuse = [&done](const Error& error) { done(tl::unexpected<Error>(error), false); };
  auto& [options, files, sources, start] = wanted;
  std::vector<FileSpec> specs;
  specs.reserve(files.size());
  for (UploadSpec& file : files) specs.push_back(file.file);
  if (auto status = check_files(who, specs, 0, options); !status) return refuse(status.error());
  for (std::size_t i = 0; i < files.size(); ++i) files[i].file = specs[i];
  auto repeated = find_repeated(who, options, files, sources);
  if (!repeated) return refuse(repeated.error());
  if (*repeated != nullptr) return give_sources(**repeated, options, std::move(files), std::move(done));
  if (auto status = check_new(who, options, specs, start); !status) return refuse(status.error());

  Job job = new_job(who, std::move(options), std::move(specs), start);
  const Owner account = engine.settings().accounts.account_of(who.uid);
  for (std::size_t i = 0; i < files.size(); ++i) {
    File& file = job.files[i];
    file.upload.emplace();
    file.upload->name = files[i].name;
    file.upload->key = upload_key(*job.options.upload, file.id, file.index, files.size());
    file.upload->source = sources[i];
    file.size = sources[i].size;
    if (auto status = shelf.put(file.id, account, std::move(files[i].source)); !status) {
      for (const File& put : job.files) shelf.drop(put.id);
      return refuse(status.error());
    }
  }
  recording_upload = true;
  record(who, std::move(job), [this, done = std::move(done)](Result<Job> made) mutable {
    done(std::move(made), false);
    next_upload();
  });
}

}  // namespace larder::agent
