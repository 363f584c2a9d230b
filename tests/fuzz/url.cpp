// URLs and references: the normal form is a fixed point, and no parsed URL breaks out of its line.
#include "origin/url/url.h"
#include "tests/fuzz/must.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace larder;
using namespace larder::origin;

namespace {

// `parse`: the one that takes what made the URL.
void check(const Url& url, Result<Url> (*parse)(std::string_view)) {
  const std::string text = url.canonical();
  must(text.size() <= kMaxUrl);
  for (const char c : text) must(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f);
  const auto again = parse(text);
  must(again.has_value());
  must(again->canonical() == text);
  must(!again->has_credentials());
  const std::string name = url.file_name();
  must(!name.empty() && name.size() <= 255 && name.find('/') == std::string::npos && name != "..");
  (void)check_url(UrlPolicy{}, url);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = parse_url(text)) check(*url, parse_url);
  static const Url base = *parse_url("https://user:secret@example.com:8443/a/b/c?d=e");
  if (const auto url = resolve_reference(base, text)) {
    check(*url, parse_found_url);
    (void)check_redirect(UrlPolicy{}, base, *url);
  }
  (void)check_address(UrlPolicy{}, base, text, true);
  return 0;
}
