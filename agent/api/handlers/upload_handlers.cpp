#include <fmt/format.h>

#include "agent/api/handlers/handlers.h"
#include "agent/api/json/job_json.h"
#include "agent/api/json/view_json.h"
#include "base/io/read_file.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxReply = 16 * kMiB;  // as an upload fetches at most

Result<std::vector<UploadSpec>> specs_of(UploadRequest& request, std::vector<UniqueFd> descriptors) {
  if (descriptors.size() != request.files.size()) {
    return fail(ErrorCode::invalid_argument, "make the upload",
                fmt::format("{} descriptors came with the request and it names {} files; send one for each, in their "
                            "order, with the first byte of the request (SCM_RIGHTS), and at most {}",
                            descriptors.size(), request.files.size(), kMaxDescriptorsIn));
  }
  std::vector<UploadSpec> specs;
  for (std::size_t i = 0; i < descriptors.size(); ++i)
    specs.push_back({std::move(request.files[i]), std::move(request.names[i]), std::move(descriptors[i])});
  return specs;
}

}  // namespace

void Handlers::create_upload(const RouteMatch& match, ApiRequest request, Responder respond) {
  parse<UploadRequest>(std::move(request.body), &parse_upload, std::move(respond),
                       [this, match, who = request.caller, descriptors = std::move(request.descriptors)](
                           UploadRequest upload, Responder answer) mutable {
                         auto specs = specs_of(upload, std::move(descriptors));
                         if (!specs) return answer.fail(specs.error());
                         services_.jobs.create_upload(
                             who, std::move(upload.options), std::move(*specs), upload.start,
                             [this, match, answer = std::move(answer)](Result<Job> job, bool was_there) mutable {
                               if (!job) return answer.fail(job.error());
                               answer(job_response(was_there ? 200 : 201, *job, match.asked("files") != "0", events_));
                             });
                       });
}

// The reply is small and bounded: it is read whole.
void Handlers::send_reply(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  auto path = services_.jobs.find_reply(request.caller, match.id, *match.index);
  if (!path) return respond.fail(path.error());
  struct Pending {
    std::string path;
    Responder respond;
  };
  auto pending = std::make_shared<Pending>(Pending{std::move(*path), std::move(respond)});
  const bool taken = services_.disk.submit([pending, &executor = runtime_.executor]() mutable {
    auto reply = std::make_shared<Result<std::string>>(read_small_file(pending->path, kMaxReply, "read the reply"));
    executor.post([pending = std::move(pending), reply] {
      if (!*reply) return pending->respond.fail(reply->error());
      ApiResponse response;
      response.content_type = "application/octet-stream";
      response.body = std::move(**reply);
      pending->respond(std::move(response));
    });
  });
  if (!taken)
    pending->respond.fail({ErrorCode::busy, "read the reply", "the agent is busy; try again", std::chrono::seconds(1)});
}

}  // namespace larder::agent
