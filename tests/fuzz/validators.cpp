// ETag and dates: what parses can be sent back (If-Range) and means the same again.
#include <cstddef>
#include <cstdint>

#include "base/text/http_date.h"
#include "origin/http/http_fields.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::origin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto tag = parse_etag(text)) {
    for (const char c : tag->text) must(static_cast<unsigned char>(c) > 0x20 && c != 0x7f);
    const auto again = parse_etag(tag->text);
    must(again && again->text == tag->text && !again->weak);
  }
  const WallTime now = WallTime(std::chrono::hours(24 * 365 * 56));
  if (const auto time = parse_http_date(text, now)) {
    const std::string form = format_http_date(*time);
    const auto again = parse_http_date(form, now);
    must(again && *again == *time);
  }
  return 0;
}
