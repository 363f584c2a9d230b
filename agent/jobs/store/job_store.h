// Jobs, files and counters in the database. Loop thread; the work is done on the database's thread, and all calls are
// carried out in the order in which they were made. Secrets are in these tables (the file is 0600) and nowhere else.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/model/job.h"
#include "database/database.h"

namespace larder::agent {

// Of all that ever was: what the jobs that are gone have counted, and events that no row tells.
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

  // A new job with its files.
  void insert(Job job, Done done);
  // More files of a job that is there; nothing where it is gone.
  void insert_files(std::string job_id, std::vector<File> files, Done done);

  struct Changes {
    std::vector<Job> jobs;                            // without files
    std::vector<std::pair<std::string, File>> files;  // id of the job
    std::vector<std::string> removed;                 // ids of jobs
    std::optional<Counters> counters;
    bool secrets_overwritten = false;  // a file's rows held a password or a signed URL until now
  };
  // All in one transaction. Rows that are gone are left so. Secrets that go with it leave the files soon after
  // (Database::erase_traces).
  void save(std::shared_ptr<const Changes> changes, Done done);

  struct Loaded {
    std::vector<Job> jobs;  // with their files
    Counters counters;
  };
  // A row that cannot be understood fails the whole with database_error: jobs are never dropped silently.
  void load(UniqueFunction<void(Result<Loaded>)> done);

 private:
  cache::Database& database_;
};

}  // namespace larder::agent
