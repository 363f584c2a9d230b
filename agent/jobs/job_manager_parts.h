// The parts of JobManager, for its own files only: job_manager.cpp (life and steering), job_additions.cpp (new jobs and
// files), job_views.cpp (reading), job_manager_parts.cpp (shared by these).
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/jobs/job_book.h"
#include "agent/jobs/job_engine.h"
#include "agent/jobs/job_manager.h"
#include "agent/jobs/rules/job_limits.h"
#include "base/runtime/alive.h"

namespace larder::agent {

struct JobManager::Parts {
  Parts(JobSettings settings, const JobEngineParts& others, cache::Database& database)
      : cache(others.cache),
        transfers(others.transfers),
        notifier(others.notifier),
        shelf(others.shelf),
        runtime(others.runtime),
        book(database, others.runtime),
        engine(std::move(settings), others, book) {}

  // Returns the caller's job, or not_found also for another user's: its existence is not told.
  Result<LiveJob*> accessible(Caller who, const std::string& id, std::string_view doing);
  // The same, if the state machine accepts `event`.
  Result<LiveJob*> allowed(Caller who, const std::string& id, JobEvent event);
  Result<LiveJob*> allowed_file(Caller who, const std::string& id, unsigned file, JobEvent event);
  // Brings active_time up to date for a reader.
  Duration shown_active_time(LiveJob& live);
  // Calls `done` with the job, once all changes are durable.
  void answer(const std::string& id, JobDone done);

  [[nodiscard]] JobLimits limits() const;
  [[nodiscard]] KnownNames known_names() const;
  Status check_files(Caller who, std::vector<FileSpec>& files, std::size_t others, const JobOptions& options);
  Status check_new(Caller who, const JobOptions& options, std::vector<FileSpec>& files, bool start);
  [[nodiscard]] Job new_job(Caller who, JobOptions options, std::vector<FileSpec> files, bool start);
  void record(Caller who, Job job, JobDone done);  // in the database, then as a live job
  void created(Job job);
  void add_files_now(Caller who, const std::string& id, std::vector<FileSpec> files, JobDone done);
  void files_added(const std::string& id, std::vector<File> files, const Status& status, JobDone done);
  void next_addition(LiveJob& live);
  // job_upload_additions.cpp. Creations run one after the other, so that each finds the one before it.
  struct NewUploads {
    JobOptions options;
    std::vector<UploadSpec> files;
    std::vector<origin::SourceIdentity> sources;  // as `files`
    bool start = true;
  };
  void create_upload_in_turn(Caller who, NewUploads wanted, UploadDone done);
  void create_upload_now(Caller who, NewUploads wanted, UploadDone done);
  void next_upload();
  [[nodiscard]] Result<LiveJob*> find_repeated(Caller who, const JobOptions& options,
                                               const std::vector<UploadSpec>& files,
                                               const std::vector<origin::SourceIdentity>& sources);
  void give_sources(LiveJob& live, const JobOptions& options, std::vector<UploadSpec> files, UploadDone done);
  // A job of an earlier run whose sources went with it waits for its owner to give them again.
  static void await_sources(Job& job);
  [[nodiscard]] Status check_sources(const LiveJob& live) const;
  void loaded(JobStore::Loaded found, UniqueFunction<void(Status)> done);

  cache::Cache& cache;
  Transfers& transfers;
  Notifier& notifier;
  SourceShelf& shelf;
  Runtime runtime;
  JobBook book;
  JobEngine engine;
  FairPlaces creating{SIZE_MAX};  // jobs being written to the database; counted only
  bool recording_upload = false;
  std::deque<Task> uploads_to_make;  // at most one for each request of the API
  Alive alive;
};

}  // namespace larder::agent
