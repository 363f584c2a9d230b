// Where a download is put: names out of URLs, -o and -d, lists. Names from URLs are foreign text and never leave the
// directory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/requests.h"

namespace larder::agent {

inline constexpr std::size_t kMaxName = 255;         // bytes of one name in a directory
inline constexpr std::size_t kMaxListed = 1000;      // files of one job
inline constexpr const char* kStandardOutput = "-";  // as destination: the bytes go to standard output

// A name that is safe to create in a directory: no separators, no control characters, not "." or "..", not hidden, not
// longer than a name may be. Pure.
[[nodiscard]] std::string safe_name(std::string_view name);
// The name for a URL's content. Pure.
[[nodiscard]] std::string name_from_url(const std::string& url);
// Of the hidden file beside the destination that is filled and then renamed: ".NAME.larder-XXXXXXXX". Pure.
[[nodiscard]] std::string temporary_name(const std::string& destination, std::string_view key);

struct ListedFile {
  std::string url, sha256, name;
};
// Lines "URL [sha256] [name]"; empty ones and those that start with # are skipped. `source` names it in errors. Pure.
[[nodiscard]] Result<std::vector<ListedFile>> parse_list(std::string_view text, const std::string& source);

struct DestinationOptions {
  std::string output;             // -o
  std::string directory;          // -d
  std::string working_directory;  // absolute
};
// Fills in `destination` (absolute, or kStandardOutput) of every file. Two files with one destination are refused.
// Pure.
[[nodiscard]] Status choose_destinations(const DestinationOptions& options, const std::vector<ListedFile>& listed,
                                         std::vector<FileRequest>& files);
// That the destinations can be written, before anything is fetched, judged by what they lead to (place.h). What means
// standard output becomes kStandardOutput; what is written to instead of replaced gets its `stream`. Two files with one
// place are refused.
[[nodiscard]] Status judge_destinations(std::vector<FileRequest>& files);
// Of one, without a change.
[[nodiscard]] Status check_destination(const std::string& destination);

[[nodiscard]] std::string directory_of(const std::string& path);
[[nodiscard]] std::string name_of(const std::string& path);

}  // namespace larder::agent
