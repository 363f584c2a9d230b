// An invitation on its way between the agent and people: files, standard input, the command line. It is a secret.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

// Of a file, of standard input ("-"), or the text itself where it begins as an invitation does.
[[nodiscard]] Result<std::string> read_invitation(const std::string& source);
// Into a new file that only its owner may read. already_exists rather than overwriting.
[[nodiscard]] Status write_invitation(const std::string& path, const std::string& line);

}  // namespace larder::agent
