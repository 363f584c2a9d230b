// The jobs of this agent: JobService over the state machine, the scheduler, Transfers, Judge and the cache. Loop thread
// only. Owned by main; every referent outlives it. job_state, scheduler, job_limits, file_queue and origin/retry
// decide; this class connects them to the parts that act.
//
// Durable: a caller's request is in the database before it is answered. Not durable at once: progress, which is derived
// again from the cache after a restart.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/jobs/model/job_service.h"
#include "agent/jobs/model/notifier.h"
#include "agent/jobs/rules/user_accounts.h"
#include "database/database.h"

namespace larder::origin {
class Uploads;
}

namespace larder::agent {

class SourceShelf;

struct JobSettings {
  unsigned max_jobs = 300, max_jobs_per_user = 60, max_files_per_job = 1000, max_ranges_per_file = 500;
  Duration inactivity_timeout = std::chrono::hours(24 * 90);
  unsigned max_active_jobs = 8, max_active_files_per_job = 8;
  Duration connect_timeout = std::chrono::seconds(30);
  Duration stall_timeout = std::chrono::seconds(60);
  origin::UrlPolicy url_policy;
  std::string proxy;            // for jobs that name none
  std::string ca_certificates;  // PEM text, for jobs that bring none
  std::vector<std::string> hook_names;
  bool use_peers = true;   // of jobs that allow it
  bool offline_ok = true;  // jobs may use it
  std::uint64_t peer_min_rate = 256 * kKiB;
  UserAccounts accounts;                      // account of each user id
  std::function<bool(uid_t)> has_disk_share;  // whether the share of the disk binds this user's jobs; null: no user's
};
[[nodiscard]] JobSettings job_settings(const Config& config);

class JobManager final : public JobService {
 public:
  struct UploadParts {
    origin::Uploads& uploads;
    SourceShelf& shelf;
  };
  JobManager(JobSettings settings, Transfers& transfers, Judge& judge, cache::Cache& cache, cache::Database& database,
             origin::Origin& origin, Notifier& notifier, UploadParts uploads, Runtime runtime);
  ~JobManager() override;
  JobManager(const JobManager&) = delete;
  JobManager& operator=(const JobManager&) = delete;

  // Loads the jobs of earlier runs, which then go on: those that ran are queued, and their active files wait. Call
  // once, before any other call. Jobs are visible once loaded, shortly before `done`, which also awaits the release of
  // contents without a job. Not called if this object is destroyed before.
  void load(UniqueFunction<void(Status)> done);
  void apply(JobSettings settings);  // on reload: for everything that starts from now on
  void network_returned();           // retries every job in transient_error at once
  // Stops every transfer and writes all unwritten changes. Nothing starts afterwards.
  void stop(UniqueFunction<void(Status)> done);

  void create(Caller who, JobOptions options, std::vector<FileSpec> files, bool start, JobDone done) override;
  void create_upload(Caller who, JobOptions options, std::vector<UploadSpec> files, bool start,
                     UploadDone done) override;
  void add_files(Caller who, const std::string& id, std::vector<FileSpec> files, JobDone done) override;
  void resume(Caller who, const std::string& id, JobDone done) override;
  void suspend(Caller who, const std::string& id, JobDone done) override;
  void cancel(Caller who, const std::string& id, JobDone done) override;
  void complete(Caller who, const std::string& id, JobDone done) override;
  void change(Caller who, const std::string& id, JobChange change, JobDone done) override;
  void verdict(Caller who, const std::string& id, unsigned file, bool valid, std::string reason, JobDone done) override;
  void retarget(Caller who, const std::string& id, unsigned file, std::string url, JobDone done) override;
  [[nodiscard]] Result<const Job*> find_job(Caller who, const std::string& id) const override;
  [[nodiscard]] std::vector<const Job*> list(Caller who) const override;
  void open_content(Caller who, const std::string& id, unsigned file, bool partial,
                    UniqueFunction<void(Result<std::shared_ptr<cache::ContentLease>>)> done) override;
  [[nodiscard]] Result<std::string> find_reply(Caller who, const std::string& id, unsigned file) const override;
  [[nodiscard]] Totals totals() const override;
  void set_listener(std::function<void(const Event&)> listener) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::agent
