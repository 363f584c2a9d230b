// International host names, as people write them, in the form that DNS, TLS and HTTP speak (xn--…).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::origin {

[[nodiscard]] bool is_ascii(std::string_view text);

// `name` in UTF-8 as UTS #46 (non-transitional, as browsers and curl do) maps it: lower case, one spelling for one
// name, labels that are not ASCII in punycode. What it maps to ASCII alone may be an address or hold characters that no
// host has: the caller checks the result as it checks any host. Error: invalid_url.
//
// libidn2 is loaded at the first call: it doubles the start-up time of a short command, and hardly any needs it. Any
// thread.
[[nodiscard]] Result<std::string> ascii_host_name(std::string_view name);

}  // namespace larder::origin
