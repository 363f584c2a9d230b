// Every name that the cache has on disk, built and parsed in one place (docs/formats/cache.md).
//
//     <state>/contents/ab/ab…   one file per content; ab = the first two digits of its id
//
// Pure. Paths only; nothing here touches the disk.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cache/record/record.h"

namespace larder::cache {

inline constexpr std::size_t kContentIdLength = 32;
inline constexpr std::size_t kPrefixes = 256;  // directories 00 … ff

// Returns whether `text` is 32 lower-case hex digits: no other text is put into a path.
[[nodiscard]] bool is_content_id(std::string_view text);
// Returns the number of the directory that holds a content; `id` must be a content id.
[[nodiscard]] std::size_t prefix_of(std::string_view id);
[[nodiscard]] std::string prefix_name(std::size_t prefix);  // "00" … "ff"

class ContentLayout {
 public:
  explicit ContentLayout(std::string_view state_directory);
  [[nodiscard]] const std::string& contents_directory() const { return contents_; }
  [[nodiscard]] std::string prefix_directory(std::size_t prefix) const;
  [[nodiscard]] std::string content_path(const ContentId& id) const;
  // Returns the content of a file name in directory `prefix`; none if the cache makes no such name there.
  [[nodiscard]] static std::optional<ContentId> parse_name(std::size_t prefix, std::string_view name);

 private:
  std::string contents_;
};

}  // namespace larder::cache
