// Content-Range, Content-Length and Retry-After: what parses is consistent in itself.
#include <cstddef>
#include <cstdint>

#include "origin/http/http_fields.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::origin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto range = parse_content_range(text)) {
    must(range->unsatisfied || range->first <= range->last);
    must(!range->unsatisfied || range->total.has_value());
    if (!range->unsatisfied && range->total) must(range->last < *range->total);
  }
  const auto length = content_length({{"content-length", text}, {"content-length", "10"}});
  if (length) must(**length == 10);
  const auto wait = parse_retry_after(text, WallTime{});
  if (wait) must(wait->count() >= 0 && *wait <= kMaxRetryAfter);
  return 0;
}
