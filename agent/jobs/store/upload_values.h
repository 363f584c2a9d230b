// Uploads as one text each, for the columns of the database: lines "name=value" for what is not as at first. Pure. A
// decoder passes over names that it does not know, so that an older agent reads what a newer one wrote; it returns
// nothing for a text that no encoder wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/jobs/model/upload_facts.h"

namespace larder::agent {

[[nodiscard]] std::string encode_upload_options(const UploadOptions& options);
[[nodiscard]] std::optional<UploadOptions> decode_upload_options(std::string_view text);
// An empty line, and then the progress (origin/upload/progress_text.h).
[[nodiscard]] std::string encode_upload(const UploadFacts& facts);
[[nodiscard]] std::optional<UploadFacts> decode_upload(std::string_view text);

}  // namespace larder::agent
