// The file of user names and passwords that ftp, curl and wget read: ~/.netrc. Read with the caller's rights, in the
// caller's process; the agent is told what is for the host of each URL, as the URL's own user info, and nothing else.
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

// "machine NAME", "default", "login NAME", "password TEXT", over any number of lines; "account TEXT" and what else is
// not known is passed over, "macdef NAME" up to the next empty line too; a line whose first word begins with # is a
// comment. A word may stand in double quotes, with \" \\ \n \r \t in it. `default` ends the file, as what follows could
// never be found. Error: invalid_argument, which names `source` and the line and quotes nothing of the text. Pure.
[[nodiscard]] Result<std::vector<NetrcEntry>> parse_netrc(std::string_view text, const std::string& source);

// The first entry for `host` (as in origin::Url), and where the URL names a `user`, the first for that user; null:
// there is none. Pure.
[[nodiscard]] const NetrcEntry* netrc_entry(const std::vector<NetrcEntry>& entries, std::string_view host,
                                            std::string_view user);

// What to tell the caller where others than its owner may read or change the file, or it is of another user; none where
// it is private, or no file with an owner (a pipe). Looks at the disk.
[[nodiscard]] std::optional<std::string> netrc_warning(const std::string& path);

}  // namespace larder::agent
