// What a destination leads to, found before anything is fetched and again when the bytes are there: a file that can be
// replaced at once, or something that can only be written to. docs/destination.md has the table.
//
// The path is walked by descriptors, one step at a time; every link is judged and followed from the descriptor that it
// was read from. Blocks; one thread at a time.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

enum class PlaceKind {
  file,             // there or not: filled as a hidden file beside it, which is then renamed
  in_place,         // a regular file that may be written to, but not replaced
  stream,           // a pipe or a character device
  descriptor,       // a descriptor that the command was started with
  standard_output,  // "-", descriptor 1, and what is the same file as descriptor 1
};

// The directory that really holds the file.
struct Directory {
  UniqueFd descriptor;  // O_PATH
  std::string path;     // absolute, without links that were followed
};

struct Place {
  PlaceKind kind = PlaceKind::file;
  std::shared_ptr<const Directory> directory;  // not of descriptors
  std::string name;                            // in the directory
  int descriptor = -1;                         // of descriptors; not owned
  std::optional<struct stat> existing;         // what is there

  [[nodiscard]] std::string path() const;
  [[nodiscard]] bool is_written_through() const { return kind != PlaceKind::file; }
};

class PlaceFinder {
 public:
  // `destination`: absolute, or kStandardOutput. Errors say what stands in the way.
  [[nodiscard]] Result<Place> find(const std::string& destination);

 private:
  std::string typed_;  // the directory of the last destination, which is as a rule that of the next
  std::weak_ptr<const Directory> found_;
};

// That a new file can be made beside it; tried, since permissions do not tell of every file system.
[[nodiscard]] Status try_to_create(const Place& place, const std::string& destination);
// For writing. would_block: a named pipe that nobody reads yet.
[[nodiscard]] Result<UniqueFd> open_place(const Place& place, const std::string& destination, bool& nobody_reads);

}  // namespace larder::agent
