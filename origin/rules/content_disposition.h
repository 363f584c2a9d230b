// The name that a server gives its file: Content-Disposition (RFC 6266, RFC 8187). Foreign text: pure, bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "origin/http/http_client.h"

namespace larder::origin {

inline constexpr std::size_t kMaxFileName = 255;  // bytes of UTF-8

// `filename*` before `filename`, whatever the disposition's type. What comes before a slash or backslash is left out,
// as it would be a path. UTF-8 without control characters, at most kMaxFileName bytes; text that is not UTF-8 is taken
// for Latin-1. Empty: there is none that could be used ("", ".", ".."), or two that differ. Who writes a file of that
// name has rules of its own besides, such as for hidden files.
[[nodiscard]] std::string offered_file_name(const std::vector<Header>& headers);
// The same of one field.
[[nodiscard]] std::string parse_file_name(std::string_view content_disposition);

}  // namespace larder::origin
