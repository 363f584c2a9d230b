// UploadProgress as text, for the one column in which a job keeps it: a line "name=value" for each field that is not
// what it is at first. Numbers are decimal, times nanoseconds since 1970. Pure.
#pragma once

#include <string>
#include <string_view>

#include "origin/upload/upload_dialect.h"

namespace larder::origin {

[[nodiscard]] std::string progress_text(const UploadProgress& progress);
// Fields that are not there are as at first, and names that are not known are passed over, so that an agent can read
// what an older or newer one wrote. Error: database_error, for a line or value that nobody wrote.
[[nodiscard]] Result<UploadProgress> parse_progress(std::string_view text);

}  // namespace larder::origin
