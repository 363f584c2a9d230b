// HTTP dates (RFC 9110 §5.6.7): what the origin's answers carry, and what a file handed over gets as its time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/runtime/clock.h"

namespace larder {

// IMF-fixdate, RFC 850 (two-digit years are at most 50 years ahead of `now`) and asctime, blanks around it aside.
// By hand: strptime depends on the locale. Nothing for dates that do not exist or lie outside of 1900 to 2261.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view value, WallTime now);

// IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT": the one form that is written.
[[nodiscard]] std::string format_http_date(WallTime time);
[[nodiscard]] std::optional<WallTime> parse_imf_fixdate(std::string_view value);

}  // namespace larder
