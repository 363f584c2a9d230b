// International host names, as people write them, converted to the form of DNS, TLS and HTTP (xn--…).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::origin {

[[nodiscard]] bool is_ascii(std::string_view text);

// Maps `name` (UTF-8) by UTS #46, non-transitional as browsers and curl do: lower case, one spelling for one name,
// labels that are not ASCII in punycode. The result may be an address, or hold characters that no host has: the caller
// checks it like any host. Error: invalid_url, also when libidn2 cannot be loaded.
//
// libidn2 is loaded at the first call: it doubles the start-up time of a short command, and few commands need it. Any
// thread.
[[nodiscard]] Result<std::string> ascii_host_name(std::string_view name);

}  // namespace larder::origin
