// Jobs, files and counters in the database. Called on the loop thread; the database's thread does the work, in the
// order of the calls. Secrets are kept in these tables (the file is 0600) and nowhere else.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/model/job.h"
#include "database/database.h"

namespace larder::agent {

// Figures over all time: sums of removed jobs, and events that no row records.
struct Counters {
  SourceFigures removed_jobs;  // bytes of jobs whose rows are gone
  std::uint64_t files_transferred = 0, files_failed = 0, cache_hits = 0, verdicts_not_valid = 0;
  friend bool operator==(const Counters&, const Counters&);
};

// Tables jobs, files and counters.
[[nodiscard]] std::span<const cache::SchemaStep> job_schema();

class JobStore {
 public:
  using Done = UniqueFunction<void(Status)>;

  explicit JobStore(cache::Database& database) : database_(database) {}

  // Inserts a new job with its files.
  void insert(Job job, Done done);
  // Inserts more files of a job; does nothing if the job is gone.
  void insert_files(std::string job_id, std::vector<File> files, Done done);

  struct Changes {
    std::vector<Job> jobs;                            // without files
    std::vector<std::pair<std::string, File>> files;  // id of the job
    std::vector<std::string> removed;                 // ids of jobs
    std::optional<Counters> counters;
    bool secrets_overwritten = false;  // a changed row of a file held a password or a signed URL
  };
  // Writes all changes in one transaction. Missing rows are not created again. Secrets in removed rows leave the
  // database's files soon afterwards (Database::erase_traces).
  void save(std::shared_ptr<const Changes> changes, Done done);

  struct Loaded {
    std::vector<Job> jobs;  // with their files
    Counters counters;
  };
  // Loads everything. A row that cannot be decoded fails the call with database_error: no job is dropped silently.
  void load(UniqueFunction<void(Result<Loaded>)> done);

 private:
  cache::Database& database_;
};

}  // namespace larder::agent
