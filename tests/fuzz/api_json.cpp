// Request targets and bodies of the API: whatever is taken keeps the bounds, and no refusal is without its reason.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agent/api/http/range_header.h"
#include "agent/api/http/router.h"
#include "agent/api/json/job_json.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::agent;

namespace {

template <class T>
void refused_with_reason(const Result<T>& result) {
  if (!result) must(!result.error().detail.empty() && result.error().code == ErrorCode::invalid_argument);
}

void check_create(std::string_view body) {
  const auto create = parse_create(body);
  refused_with_reason(create);
  if (!create) return;
  must(create->files.size() <= 1000);
  must(create->options.retry_delay >= Duration{} && create->options.maximum_time >= Duration{});
  must(create->options.parallel_ranges >= 1 && create->options.parallel_ranges <= 16);
  for (const FileSpec& file : create->files) {
    must(file.url.find('\0') == std::string::npos);
    for (const ByteRange& range : file.ranges)
      must(range.length > 0 && (range.length == UINT64_MAX || range.end() >= range.offset));
  }
  for (const auto& [name, value] : create->options.connect.headers) {
    must(!name.empty() && name.find_first_of("\r\n: ") == std::string::npos);
    must(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
}

void check_target(std::string_view target) {
  for (const char* method : {"GET", "POST", "PATCH", "DELETE", "HEAD"}) {
    const auto found = match_route(method, target);
    if (!found) {
      must(found.error().code == ErrorCode::not_found || found.error().code == ErrorCode::invalid_argument);
      continue;
    }
    if (const auto* match = std::get_if<RouteMatch>(&*found)) must(match->route != nullptr && match->id.size() <= 64);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_create(text);
  refused_with_reason(parse_files(text));
  refused_with_reason(parse_change(text));
  refused_with_reason(parse_verdict(text));
  refused_with_reason(parse_retarget(text));
  refused_with_reason(parse_descriptors(text));
  refused_with_reason(parse_pin(text));
  check_target(text);
  for (const std::uint64_t content : {std::uint64_t{0}, std::uint64_t{10}, UINT64_MAX}) {
    const auto range = parse_range(text, content);
    if (const auto* part = std::get_if<ByteRange>(&range))
      must(part->length > 0 && part->offset < content && part->length <= content - part->offset);
  }
  return 0;
}
