#include <fmt/format.h>

#include "agent/api/handlers/handlers.h"
#include "agent/api/http/content_source.h"
#include "agent/api/http/descriptor_passing.h"
#include "agent/api/http/range_header.h"

namespace larder::agent {
namespace {

using Lease = std::shared_ptr<cache::ContentLease>;

struct ContentRequest {
  std::string etag;  // quoted; a content's id always names the same bytes
  std::string last_modified;
  std::string range, if_range;
};

ApiResponse unsatisfiable(std::uint64_t size) {
  ApiResponse response = error_response(
      {ErrorCode::invalid_argument, "send that range", fmt::format("the content has {} bytes", size)}, 416);
  response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
  return response;
}

// Returns the answer without its stream.
ApiResponse content_response(const ContentRequest& request, std::uint64_t size, ByteRange& range) {
  const bool ranged = !request.range.empty() && (request.if_range.empty() || request.if_range == request.etag);
  const auto asked = parse_range(ranged ? request.range : "", size);
  if (std::holds_alternative<Unsatisfiable>(asked)) return unsatisfiable(size);
  ApiResponse response;
  response.content_type = "application/octet-stream";
  response.headers = {{"Accept-Ranges", "bytes"}, {"ETag", request.etag}};
  if (!request.last_modified.empty()) response.headers.emplace_back("Last-Modified", request.last_modified);
  range = {0, size};
  if (const auto* part = std::get_if<ByteRange>(&asked)) {
    range = *part;
    response.status = 206;
    response.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range.offset, range.end() - 1, size));
  }
  response.length = range.length;
  return response;
}

}  // namespace

void Handlers::send_content(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  const auto job = services_.jobs.find_job(request.caller, match.id);
  if (!job) return respond.fail(job.error());
  if (*match.index >= (*job)->files.size())
    return respond.fail({ErrorCode::not_found, fmt::format("find file {} of job {}", *match.index, match.id),
                         "the job has no such file"});
  const File& file = (*job)->files[*match.index];
  ContentRequest content{"\"" + file.content + "\"", file.version ? file.version->last_modified : "", request.range,
                         request.if_range};
  services_.jobs.open_content(request.caller, match.id, *match.index, false,
                              [content = std::move(content), respond = std::move(respond), runtime = runtime_,
                               &disk = services_.disk](Result<Lease> lease) mutable {
                                if (!lease) return respond.fail(lease.error());
                                // An fstat of an open file: it does not wait for the disk.
                                const auto stat = (*lease)->file().stat();
                                if (!stat) return respond.fail(stat.error());
                                ByteRange range;
                                ApiResponse response = content_response(content, stat->size, range);
                                if (response.length)
                                  response.stream = make_content_source(std::move(*lease), range, runtime.executor,
                                                                        runtime.timers, disk);
                                respond(std::move(response));
                              });
}

void Handlers::pass_descriptor(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  open_descriptor(services_.jobs, request.caller, match.id, *match.index, match.asked("partial") == "1",
                  std::move(respond));
}

}  // namespace larder::agent
