#include "agent/api/descriptor_passing.h"

#include <fmt/format.h>

#include "agent/api/view_json.h"

namespace larder::agent {
namespace {

using Lease = std::shared_ptr<cache::ContentLease>;

Result<const File*> file_of(const JobService& jobs, Caller who, const std::string& id, unsigned index) {
  const auto job = jobs.find(who, id);
  if (!job) return tl::unexpected<Error>(job.error());
  if (index >= (*job)->files.size())
    return fail(ErrorCode::not_found, fmt::format("find file {} of job {}", index, id), "the job has no such file");
  return &(*job)->files[index];
}

// What is opened one after another; the answer goes out with the last one.
struct Opening : std::enable_shared_from_this<Opening> {
  Opening(JobService& the_jobs, Caller the_who, std::string the_id, std::vector<unsigned> the_files,
          Responder the_respond)
      : jobs(the_jobs),
        who(the_who),
        id(std::move(the_id)),
        files(std::move(the_files)),
        respond(std::move(the_respond)) {}

  void next() {
    if (leases.size() == files.size()) return answer();
    if (const auto file = file_of(jobs, who, id, files[leases.size()]); !file) return respond.fail(file.error());
    jobs.open_content(who, id, files[leases.size()], false, [self = shared_from_this()](Result<Lease> lease) {
      if (!lease) return self->respond.fail(lease.error());
      self->leases.push_back(std::move(*lease));
      self->next();
    });
  }

  void answer() {
    std::vector<const File*> views;
    for (const unsigned index : files) {
      const auto file = file_of(jobs, who, id, index);
      if (!file) return respond.fail(file.error());
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
};

}  // namespace

void open_descriptor(JobService& jobs, Caller who, const std::string& id, unsigned file, bool partial,
                     Responder respond) {
  if (const auto found = file_of(jobs, who, id, file); !found) return respond.fail(found.error());
  jobs.open_content(who, id, file, partial,
                    [&jobs, who, id, file, respond = std::move(respond)](Result<Lease> lease) mutable {
                      if (!lease) return respond.fail(lease.error());
                      // As it is now: what is committed may have grown while the content was opened.
                      const auto found = file_of(jobs, who, id, file);
                      if (!found) return respond.fail(found.error());
                      ApiResponse response = json_response(200, descriptor_view(**found));
                      response.descriptors.push_back(std::move(*lease));
                      respond(std::move(response));
                    });
}

void open_descriptors(JobService& jobs, Caller who, const std::string& id, std::vector<unsigned> files,
                      Responder respond) {
  std::make_shared<Opening>(jobs, who, id, std::move(files), std::move(respond))->next();
}

}  // namespace larder::agent
