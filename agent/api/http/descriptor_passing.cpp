#include "agent/api/http/descriptor_passing.h"

#include <fmt/format.h>

#include "agent/api/json/view_json.h"

namespace larder::agent {
namespace {

using Lease = std::shared_ptr<cache::ContentLease>;

Result<const File*> file_of(const JobService& jobs, Caller who, const std::string& id, unsigned index) {
  const auto job = jobs.find_job(who, id);
  if (!job) return tl::unexpected<Error>(job.error());
  if (index >= (*job)->files.size())
    return fail(ErrorCode::not_found, fmt::format("find file {} of job {}", index, id), "the job has no such file");
  return &(*job)->files[index];
}

// Contents opened concurrently. The answer is sent with the last one, or at the first error.
struct Opening : std::enable_shared_from_this<Opening> {
  Opening(JobService& the_jobs, Caller the_who, std::string the_id, std::vector<unsigned> the_files,
          Responder the_respond)
      : jobs(the_jobs),
        who(the_who),
        id(std::move(the_id)),
        files(std::move(the_files)),
        respond(std::move(the_respond)),
        leases(files.size()) {}

  void start() {
    if (files.empty()) return answer();
    for (const unsigned index : files) {
      if (const auto file = file_of(jobs, who, id, index); !file) return fail(file.error());
    }
    for (std::size_t i = 0; i < files.size() && !failed; ++i) {
      jobs.open_content(who, id, files[i], false,
                        [self = shared_from_this(), i](Result<Lease> lease) { self->opened(i, std::move(lease)); });
    }
  }

  void opened(std::size_t i, Result<Lease> lease) {
    if (failed) return;
    if (!lease) return fail(lease.error());
    leases[i] = std::move(*lease);
    if (++done == files.size()) answer();
  }

  void fail(const Error& error) {
    failed = true;
    leases.clear();
    respond.fail(error);
  }

  void answer() {
    std::vector<const File*> views;
    for (const unsigned index : files) {
      const auto file = file_of(jobs, who, id, index);
      if (!file) return fail(file.error());
      views.push_back(*file);
    }
    ApiResponse response = json_response(200, descriptors_view(views));
    response.descriptors = std::move(leases);
    respond(std::move(response));
  }

  JobService& jobs;
  const Caller who;
  const std::string id;
  const std::vector<unsigned> files;
  Responder respond;
  std::vector<Lease> leases;
  std::size_t done = 0;
  bool failed = false;
};

}  // namespace

void open_descriptor(JobService& jobs, Caller who, const std::string& id, unsigned file, bool partial,
                     Responder respond) {
  if (const auto found = file_of(jobs, who, id, file); !found) return respond.fail(found.error());
  jobs.open_content(who, id, file, partial,
                    [&jobs, who, id, file, respond = std::move(respond)](Result<Lease> lease) mutable {
                      if (!lease) return respond.fail(lease.error());
                      // The present file: more may have been committed while its content was opened.
                      const auto found = file_of(jobs, who, id, file);
                      if (!found) return respond.fail(found.error());
                      ApiResponse response = json_response(200, descriptor_view(**found));
                      response.descriptors.push_back(std::move(*lease));
                      respond(std::move(response));
                    });
}

void open_descriptors(JobService& jobs, Caller who, const std::string& id, std::vector<unsigned> files,
                      Responder respond) {
  std::make_shared<Opening>(jobs, who, id, std::move(files), std::move(respond))->start();
}

}  // namespace larder::agent
