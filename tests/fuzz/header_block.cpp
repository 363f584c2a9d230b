// A whole head, line by line, and the fields that are read from it.
#include "origin/http/header_block.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "origin/http/http_fields.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::origin;

namespace {

void check(const HttpHead& head) {
  must(head.status >= 100 && head.status <= 999);
  for (const auto& [name, value] : head.headers) {
    must(!name.empty() && name == lower_case(name));
    must(value.find('\r') == std::string::npos && value.find('\n') == std::string::npos);
  }
  (void)parse_cache_control(head.headers);
  (void)parse_accept_ranges(head.headers);
  (void)content_length(head.headers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  HeaderBlock block;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
    text.remove_prefix(line.size());
    const auto event = block.add_line(line);
    if (!event) return 0;
    if (*event == HeaderBlock::Event::complete) check(block.head());
  }
  return 0;
}
