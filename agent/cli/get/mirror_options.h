// Adds what `--mirror` and `--netrc` give to the files of a request. Pure but for the reader of files.
#pragma once

#include "agent/cli/get/get_options.h"

namespace larder::agent {

inline constexpr std::size_t kMaxMirrors = 16;  // of one file; as the API's document bounds them

// Checks the mirrors, and adds them to the one URL.
[[nodiscard]] Status add_mirrors(JobRequest& request, const RequestOptions& options);
// Adds user and password for the host of each URL without its own. Notes for the user go to the request.
[[nodiscard]] Status add_netrc(JobRequest& request, const RequestOptions& options, const FileReader& read);

}  // namespace larder::agent
