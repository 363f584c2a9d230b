// The name that a server gives its file: Content-Disposition (RFC 6266, RFC 8187). Foreign text: pure, bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "origin/http/http_client.h"

namespace larder::origin {

inline constexpr std::size_t kMaxFileName = 255;  // bytes of UTF-8

// Returns `filename*` before `filename`, whatever the disposition's type. Everything up to the last slash or backslash
// is left out, since it would be a path. UTF-8 without control characters, at most kMaxFileName bytes; text that is not
// UTF-8 is read as Latin-1. Empty: no usable name ("", ".", ".."), or two that differ. The writer of the file applies
// further rules, such as for hidden files.
[[nodiscard]] std::string offered_file_name(const std::vector<Header>& headers);
// The same for one field.
[[nodiscard]] std::string parse_file_name(std::string_view content_disposition);

}  // namespace larder::origin
