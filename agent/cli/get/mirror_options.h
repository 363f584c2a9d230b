// What `--mirror` and `--netrc` add to the files of a request. Pure but for the reader of files.
#pragma once

#include "agent/cli/get/get_options.h"

namespace larder::agent {

inline constexpr std::size_t kMaxMirrors = 16;  // of one file; as the API's document bounds them

// Checks the mirrors and puts them beside the one URL that they are of.
[[nodiscard]] Status add_mirrors(JobRequest& request, const RequestOptions& options);
// The user and password for the host of each URL that names none itself. What the user should know goes to the notes.
[[nodiscard]] Status add_netrc(JobRequest& request, const RequestOptions& options, const FileReader& read);

}  // namespace larder::agent
