// What Content-Encoding says about the bytes of an answer. The agent asks for identity and never decodes: bytes are
// kept as they come. A server may still name a coding. Then it is not a real coding (servers put other words there), or
// the file's own format (a .tgz named as gzip), or the bytes are an encoded form of the file. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "origin/http/http_client.h"

namespace larder::origin {

struct CodingFinding {
  enum class What {
    none,    // the bytes are the file's
    stored,  // the file itself has this format, by its name or its type
    coded,   // the bytes are an encoded form of the file: accepted only if a digest or signature proves them
  } what = What::none;
  std::string coding;  // as the answer names it
};

// Returns the names that the file may have: the last segment of each URL's path, the names and values in its query, and
// the name in Content-Disposition. In lower case.
[[nodiscard]] std::vector<std::string> file_names(const HttpHead& head, const std::vector<std::string_view>& urls);

// Judges Content-Encoding, and the manipulations (IM) of a 226.
[[nodiscard]] CodingFinding find_coding(const HttpHead& head, const std::vector<std::string>& names);

}  // namespace larder::origin
