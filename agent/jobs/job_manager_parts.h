// What JobManager is made of, for its own files only: job_manager.cpp (life and steering), job_additions.cpp (new jobs
// and files), job_views.cpp (looking), job_manager_parts.cpp (what these share).
#pragma once

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
        runtime(others.runtime),
        book(database, others.runtime),
        engine(std::move(settings), others, book) {}

  // Another's job is not told to exist.
  Result<LiveJob*> accessible(Caller who, const std::string& id, std::string_view doing);
  // The same, and the state machine has nothing against `event`.
  Result<LiveJob*> allowed(Caller who, const std::string& id, JobEvent event);
  Result<LiveJob*> allowed_file(Caller who, const std::string& id, unsigned file, JobEvent event);
  // active_time is up to date only when somebody looks.
  Duration shown_active_time(LiveJob& live);
  // With the job as it then is, once all changes are durable.
  void answer(const std::string& id, JobDone done);

  [[nodiscard]] JobLimits limits() const;
  [[nodiscard]] KnownNames known_names() const;
  Status check_files(Caller who, std::vector<FileSpec>& files, std::size_t others, const JobOptions& options);
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
  FairPlaces creating{SIZE_MAX};  // jobs on their way into the database; counted only
  Alive alive;
};

}  // namespace larder::agent
