// The Range header of a request (RFC 9110 §14.2), one range only. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/text/units.h"

namespace larder::agent {

struct WholeContent {};   // no range, several, or malformed: all may be answered with the whole
struct Unsatisfiable {};  // 416

[[nodiscard]] std::variant<WholeContent, ByteRange, Unsatisfiable> parse_range(std::string_view header,
                                                                               std::uint64_t size);

}  // namespace larder::agent
