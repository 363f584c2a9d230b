// Requests of the API to the jobs. Loop thread only. A callback is called on the loop thread, after the change is
// durable; a refused request may be answered from within the call. Every call names its caller. Another user's job is
// not_found unless the caller is an admin, since its existence is not told.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/jobs/model/job.h"
#include "base/io/unique_fd.h"

namespace larder::agent {

struct Caller {
  uid_t uid = 0;
  bool admin = false;                                  // root, the agent's own user, and api.admins
  std::optional<uid_t> subordinate_to = std::nullopt;  // owner of this id, if it is a subordinate one
  // Returns the account on which the caller counts, wherever users share something.
  [[nodiscard]] uid_t account() const { return subordinate_to.value_or(uid); }
};

struct JobChange {  // members without a value stay as they are
  std::optional<std::string> name;
  std::optional<Priority> priority;
  std::optional<std::uint64_t> max_rate;
  std::optional<Duration> retry_delay, no_progress_timeout, maximum_time;
  std::optional<std::string> notify_command;
};

struct Totals {  // since the database was created
  SourceFigures bytes;
  std::uint64_t files_transferred = 0, files_failed = 0, cache_hits = 0, verdicts_not_valid = 0;
  std::map<JobState, std::uint64_t> jobs;  // at present
  std::size_t active_transfers = 0;
};

// A file to be uploaded: its source is a descriptor of the caller's, which the jobs own from now on.
struct UploadSpec {
  FileSpec file;     // url, and sha256 if it is known
  std::string name;  // told to the receiver
  UniqueFd source;
};

class JobService {
 public:
  virtual ~JobService() = default;
  using JobDone = UniqueFunction<void(Result<Job>)>;
  using StatusDone = UniqueFunction<void(Status)>;

  // Creates a suspended job; `start` also resumes it in the same durable step.
  virtual void create(Caller who, JobOptions options, std::vector<FileSpec> files, bool start, JobDone done) = 0;
  // Creates a job that uploads (options.upload), or gives the caller's job that does the same already: then the sources
  // are given to it, and it goes on if it waited for them. Error: invalid_argument, of a source that is no regular file
  // opened for reading alone; already_exists, of a transaction that has another file.
  using UploadDone = UniqueFunction<void(Result<Job>, bool was_there)>;
  virtual void create_upload(Caller who, JobOptions options, std::vector<UploadSpec> files, bool start,
                             UploadDone done) = 0;
  virtual void add_files(Caller who, const std::string& id, std::vector<FileSpec> files, JobDone done) = 0;
  virtual void resume(Caller who, const std::string& id, JobDone done) = 0;  // also out of error and transient_error
  virtual void suspend(Caller who, const std::string& id, JobDone done) = 0;
  virtual void cancel(Caller who, const std::string& id, JobDone done) = 0;
  // Acknowledges; files without a verdict count as valid.
  virtual void complete(Caller who, const std::string& id, JobDone done) = 0;
  virtual void change(Caller who, const std::string& id, JobChange change, JobDone done) = 0;
  virtual void verdict(Caller who, const std::string& id, unsigned file, bool valid, std::string reason,
                       JobDone done) = 0;
  virtual void retarget(Caller who, const std::string& id, unsigned file, std::string url, JobDone done) = 0;
  // Read memory only. Pointers are valid until the next turn of the loop.
  [[nodiscard]] virtual Result<const Job*> find_job(Caller who, const std::string& id) const = 0;
  [[nodiscard]] virtual std::vector<const Job*> list(Caller who) const = 0;  // newest first
  // Opens a file's content: once it is validating, transferred or set aside; with `partial` also during the transfer
  // (committed bytes only: File::contiguous).
  virtual void open_content(Caller who, const std::string& id, unsigned file, bool partial,
                            UniqueFunction<void(Result<std::shared_ptr<cache::ContentLease>>)> done) = 0;
  // Returns the path of the reply that the application gave to an upload (BITS).
  [[nodiscard]] virtual Result<std::string> find_reply(Caller who, const std::string& id, unsigned file) const = 0;
  [[nodiscard]] virtual Totals totals() const = 0;
  // Called on the loop thread for each event, in order.
  virtual void set_listener(std::function<void(const Event&)> listener) = 0;
};

}  // namespace larder::agent
