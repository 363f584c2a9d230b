#include "cache/file_check.h"

#include <fmt/format.h>

namespace larder::cache {

FileVerdict compare(const FileStat& found, const index::FileMark& mark) {
  if (found.directory) return {false, "it is a directory"};
  if (found.inode != mark.inode) return {false, "it is another file"};
  if (found.size != mark.size) return {false, fmt::format("it has {} bytes instead of {}", found.size, mark.size)};
  if (mark.modified_ns && found.modified_ns != *mark.modified_ns) return {false, "it was modified"};
  return {true, {}};
}

Result<FileVerdict> check_file(FileSystem& files, const std::string& path, const index::FileMark& mark) {
  const auto found = files.stat(path);
  if (found) return compare(*found, mark);
  if (found.error().code == ErrorCode::not_found) return FileVerdict{false, "it is missing"};
  return tl::unexpected(found.error());
}

}  // namespace larder::cache
