// HTTP dates (RFC 9110 §5.6.7): in the origin's answers, and as the file time at the hand-over.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/runtime/clock.h"

namespace larder {

// Reads IMF-fixdate, RFC 850 (two-digit years are at most 50 years ahead of `now`) and asctime; blanks around it are
// ignored. By hand, since strptime depends on the locale. Absent for dates that do not exist or are not in 1900 to
// 2261.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view value, WallTime now);

// Writes IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT".
[[nodiscard]] std::string format_http_date(WallTime time);
[[nodiscard]] std::optional<WallTime> parse_imf_fixdate(std::string_view value);

}  // namespace larder
