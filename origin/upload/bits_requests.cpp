#include "origin/upload/bits_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text/host_port.h"
#include "base/text/text.h"
#include "origin/upload/bits.h"

namespace larder::origin {
namespace {

constexpr std::string_view kProtocol = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
constexpr std::size_t kMaxContentName = 260;  // MC-BUP 2.2.3, product behaviour

UploadRequest packet(const UploadTurn& turn, std::string_view type) {
  const Result<Url> url = bits_url(turn.plan, turn.progress);
  UploadRequest request = request_to(turn.plan, "BITS_POST", url ? *url : turn.plan.target);
  request.headers.emplace_back("BITS-Packet-Type", type);
  return request;
}

void add_session(const UploadTurn& turn, UploadRequest& request) {
  request.headers.emplace_back("BITS-Session-Id", turn.progress.session);
}

// Windows refuses a name with one of these; a name that cannot be sent is left out, since it is only told.
bool is_content_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxContentName && std::ranges::all_of(name, [](char c) {
    return c >= ' ' && c < 0x7f && std::string_view("\\/:*?\"<>|").find(c) == std::string_view::npos;
  });
}

}  // namespace

Result<Url> bits_url(const UploadPlan& plan, const UploadProgress& progress) {
  const Url base = upload_url(plan, progress);
  if (progress.host.empty()) return base;
  const bool has_port = parse_host_port(progress.host).has_value();
  const std::string text = has_port ? fmt::format("{}://{}/", base.scheme, progress.host)
                                    : fmt::format("{}://{}:{}/", base.scheme, progress.host, base.port);
  const Result<Url> host = parse_url(text);
  if (!host || host->has_credentials() || host->path != "/" || host->has_query)
    return fail(ErrorCode::bad_response, "follow the server", "it names a host id that is no host");
  Url url = base;
  url.host = host->host;
  url.port = host->port;
  return url;
}

UploadRequest bits_create(const UploadTurn& turn, UploadPhase phase) {
  turn.progress.phase = phase;
  ++turn.progress.creations;
  UploadRequest request = packet(turn, "Create-Session");
  request.headers.emplace_back("BITS-Supported-Protocols", kProtocol);
  // Unknown to other servers, which ignore it (MC-BUP 2.2.1).
  request.headers.emplace_back("Idempotency-Key", fmt::format("\"{}\"", turn.plan.key));
  return request;
}

UploadRequest bits_ping(const UploadTurn& turn) {
  turn.progress.phase = UploadPhase::ping;
  return packet(turn, "Ping");
}

UploadRequest bits_fragment(const UploadTurn& turn) {
  const UploadPlan& plan = turn.plan;
  UploadProgress& progress = turn.progress;
  progress.phase = UploadPhase::append;
  UploadRequest request = packet(turn, "Fragment");
  add_session(turn, request);
  begin_part(progress, plan, next_part(kBitsParts, plan, progress), request);
  request.headers.emplace_back(
      "Content-Range", fmt::format("bytes {}-{}/{}", request.offset, request.offset + request.length - 1, plan.size));
  if (is_content_name(plan.name)) request.headers.emplace_back("Content-Name", plan.name);
  return request;
}

UploadRequest bits_close(const UploadTurn& turn) {
  turn.progress.phase = UploadPhase::close;
  UploadRequest request = packet(turn, "Close-Session");
  add_session(turn, request);
  hash_up_to(turn.progress, request, turn.plan.size);
  return request;
}

UploadRequest bits_cancel(const UploadTurn& turn) {
  turn.progress.phase = UploadPhase::cancel;
  UploadRequest request = packet(turn, "Cancel-Session");
  add_session(turn, request);
  return request;
}

}  // namespace larder::origin
