// Composite members of jobs as one text each, for the columns of the database. Pure. A decoder returns nothing for a
// text that its encoder does not produce.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/model/job.h"

namespace larder::agent {

// "Name: value" lines; neither holds a line end (job_limits).
[[nodiscard]] std::string encode_headers(const std::vector<origin::Header>& headers);
[[nodiscard]] std::optional<std::vector<origin::Header>> decode_headers(std::string_view text);
// "offset+length,…"
[[nodiscard]] std::string encode_ranges(const std::vector<ByteRange>& ranges);
[[nodiscard]] std::optional<std::vector<ByteRange>> decode_ranges(std::string_view text);
// Three lines each: URL, user, password; none of them holds a line end (url.h).
[[nodiscard]] std::string encode_mirrors(const std::vector<Mirror>& mirrors);
[[nodiscard]] std::optional<std::vector<Mirror>> decode_mirrors(std::string_view text);
// Lines: code name, retry_after seconds or "-", doing; then the detail to the end. Line ends in doing become spaces.
[[nodiscard]] std::string encode_error(const Error& error);
[[nodiscard]] std::optional<Error> decode_error(std::string_view text);
// Lines: size or "-", ETag, Last-Modified, URL; none of them holds a line end.
[[nodiscard]] std::string encode_version(const cache::Version& version);
[[nodiscard]] std::optional<cache::Version> decode_version(std::string_view text);

}  // namespace larder::agent
