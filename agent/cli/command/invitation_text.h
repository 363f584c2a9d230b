// Reads and writes invitations: files, standard input, the command line. An invitation is a secret.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

// Reads a file, or standard input ("-"); a text that begins as an invitation is returned itself.
[[nodiscard]] Result<std::string> read_invitation(const std::string& source);
// Writes a new file that only its owner can read. already_exists: an existing file is not overwritten.
[[nodiscard]] Status write_invitation(const std::string& path, const std::string& line);

}  // namespace larder::agent
