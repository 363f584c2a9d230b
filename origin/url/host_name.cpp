#include "origin/url/host_name.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <idn2.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace larder::origin {
namespace {

constexpr std::size_t kMaxName = 1024;  // bytes of UTF-8: 253 characters in their longest form

tl::unexpected<Error> invalid(std::string detail) {
  return fail(ErrorCode::invalid_url, "use the URL", std::move(detail));
}

struct Library {
  decltype(&idn2_lookup_u8) lookup = nullptr;
  decltype(&idn2_free) free = nullptr;
};

// Once for the process; never unloaded.
const Library& library() {
  static const Library loaded = [] {
    Library found;
    void* handle = ::dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return found;
    found.lookup = reinterpret_cast<decltype(found.lookup)>(::dlsym(handle, "idn2_lookup_u8"));
    found.free = reinterpret_cast<decltype(found.free)>(::dlsym(handle, "idn2_free"));
    return found;
  }();
  return loaded;
}

// libidn2's own messages are in the language of the locale, so the texts are written here.
std::string reason_of(int code) {
  switch (code) {
    case IDN2_TOO_BIG_DOMAIN:
      return "its host name is longer than 253 characters in its xn-- form";
    case IDN2_TOO_BIG_LABEL:
    case IDN2_PUNYCODE_BIG_OUTPUT:
      return "a part of its host name is longer than 63 characters in its xn-- form";
    case IDN2_ENCODING_ERROR:
    case IDN2_ICONV_FAIL:
      return "its host name is not UTF-8";
    case IDN2_BIDI:
      return "its host name mixes scripts of both writing directions, which names must not";
    default:
      return fmt::format("its host name is no international name (UTS #46, {})", code);
  }
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Result<std::string> ascii_host_name(std::string_view name) {
  if (name.size() > kMaxName) return invalid(reason_of(IDN2_TOO_BIG_DOMAIN));
  if (name.find('\0') != std::string_view::npos) return invalid("its host name has a character that names cannot have");
  const Library& idn = library();
  if (idn.lookup == nullptr || idn.free == nullptr) {
    return invalid(
        "its host name is international and libidn2.so.0 cannot be loaded; install it, or write the name in its xn-- "
        "form");
  }
  const std::string text(name);
  std::uint8_t* result = nullptr;
  const int code =
      idn.lookup(reinterpret_cast<const std::uint8_t*>(text.c_str()), &result, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (code != IDN2_OK || result == nullptr) return invalid(reason_of(code));
  const std::unique_ptr<std::uint8_t, decltype(idn.free)> owner(result, idn.free);
  return std::string(reinterpret_cast<const char*>(result));
}

}  // namespace larder::origin
