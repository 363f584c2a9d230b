// Content-Disposition: whatever a server sends, what comes of it is one name, and no path.
#include <cstddef>
#include <cstdint>

#include "origin/rules/content_disposition.h"
#include "tests/fuzz/must.h"

using namespace larder::origin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string name = parse_file_name(text);
  must(name.size() <= kMaxFileName && name != "." && name != "..");
  for (const char c : name) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/' && c != '\\');
  must(offered_file_name({{"content-disposition", text}}) == name);
  return 0;
}
