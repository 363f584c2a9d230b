// What Content-Encoding says of the bytes of an answer. The agent asks for identity and never decodes: bytes are kept
// as they come. A coding that is named all the same is none at all (servers name things there that are no codings), the
// file's own (a .tgz that is said to be gzip), or one that makes other bytes of the file. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "origin/http/http_client.h"

namespace larder::origin {

struct CodingFinding {
  enum class What {
    none,    // the bytes are the file's
    stored,  // the file is of this coding, by its name or its type
    coded,   // the bytes are those of the file in a coding: it takes a digest or signature to say that they are wanted
  } what = What::none;
  std::string coding;  // as the answer names it
};

// By which names the file may be known: the last segment of each URL's path, the values in its query, and the name in
// Content-Disposition. In lower case.
[[nodiscard]] std::vector<std::string> file_names(const HttpHead& head, const std::vector<std::string_view>& urls);

// Of Content-Encoding, and of the manipulations (IM) of a 226.
[[nodiscard]] CodingFinding find_coding(const HttpHead& head, const std::vector<std::string>& names);

}  // namespace larder::origin
