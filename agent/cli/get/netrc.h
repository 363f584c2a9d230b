// ~/.netrc, the file of user names and passwords that ftp, curl and wget read. It is read with the caller's rights in
// the caller's process; the agent gets only the entry for the host of each URL, as the URL's own user info.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder::agent {

struct NetrcEntry {
  std::optional<std::string> machine;  // in lower case; none: `default`, for every host
  std::string login, password;
};

// Reads "machine NAME", "default", "login NAME", "password TEXT", over any number of lines. "account TEXT", unknown
// words, and "macdef NAME" up to the next empty line are skipped; a line whose first word begins with # is a comment. A
// word may be in double quotes, with \" \\ \n \r \t in it. `default` ends the file, as later entries could never be
// found. Error: invalid_argument, which names `source` and the line and quotes nothing of the text. Pure.
[[nodiscard]] Result<std::vector<NetrcEntry>> parse_netrc(std::string_view text, const std::string& source);

// Returns the first entry for `host` (as in origin::Url) or, if the URL names a `user`, the first for that user; null:
// none. Pure.
[[nodiscard]] const NetrcEntry* netrc_entry(const std::vector<NetrcEntry>& entries, std::string_view host,
                                            std::string_view user);

// Returns a warning if others than its owner may read or change the file, or another user owns it; none if it is
// private, or not a file with an owner (a pipe). Looks at the disk.
[[nodiscard]] std::optional<std::string> netrc_warning(const std::string& path);

}  // namespace larder::agent
