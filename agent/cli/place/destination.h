// Destinations of a download: names from URLs, -o and -d, lists. Names from URLs are untrusted and never lead out of
// the directory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/requests.h"

namespace larder::agent {

inline constexpr std::size_t kMaxName = 255;         // maximum bytes of one name in a directory
inline constexpr std::size_t kMaxListed = 1000;      // maximum files of one job
inline constexpr const char* kStandardOutput = "-";  // destination for standard output

// Returns a name that is safe to create in a directory: no separators, no control characters, not "." or "..", not
// hidden, and short enough. Pure.
[[nodiscard]] std::string safe_name(std::string_view name);
// Returns the name for a URL's content. Pure.
[[nodiscard]] std::string name_from_url(const std::string& url);
// Returns the name of the hidden file that is filled and then renamed: ".NAME.larder-XXXXXXXX". Pure.
[[nodiscard]] std::string temporary_name(const std::string& destination, std::string_view key);

struct ListedFile {
  std::string url, sha256, name;
};
// Parses lines "URL [sha256] [name]"; empty ones and those that start with # are skipped. `source`: for errors. Pure.
[[nodiscard]] Result<std::vector<ListedFile>> parse_list(std::string_view text, const std::string& source);

struct DestinationOptions {
  std::string output;             // -o
  std::string directory;          // -d
  std::string working_directory;  // absolute
};
// Sets `destination` (absolute, or kStandardOutput) of every file. Refuses two files with one destination. Pure.
[[nodiscard]] Status choose_destinations(const DestinationOptions& options, const std::vector<ListedFile>& listed,
                                         std::vector<FileRequest>& files);
// Checks, before anything is fetched, that the file or device behind each destination (place.h) can be written. A
// destination that is standard output becomes kStandardOutput; one that is written to instead of replaced gets its
// `stream`. Refuses two files with one place.
[[nodiscard]] Status judge_destinations(std::vector<FileRequest>& files);
// Checks one destination, and changes nothing.
[[nodiscard]] Status check_destination(const std::string& destination);

[[nodiscard]] std::string directory_of(const std::string& path);
[[nodiscard]] std::string name_of(const std::string& path);

}  // namespace larder::agent
