// The object to which a destination leads: a file that can be replaced at once, or something that can only be written
// to. It is found before anything is fetched, and again when the bytes are there. docs/destination.md has the table.
//
// The path is walked by descriptors, one step at a time; every link is checked, and followed from the descriptor it was
// read from. Blocks; one thread at a time.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

enum class PlaceKind {
  file,             // existing or not: replaced by renaming a hidden file beside it
  in_place,         // a regular file that may be written to but not replaced
  stream,           // a pipe or a character device
  descriptor,       // a descriptor inherited at the start
  standard_output,  // "-", descriptor 1, and the same file as descriptor 1
};

// The directory that contains the file.
struct Directory {
  UniqueFd descriptor;  // O_PATH
  std::string path;     // absolute, with links resolved
};

struct Place {
  PlaceKind kind = PlaceKind::file;
  std::shared_ptr<const Directory> directory;  // none for descriptors
  std::string name;                            // in the directory
  int descriptor = -1;                         // for descriptors; not owned
  std::optional<struct stat> existing;         // stat of the existing object

  [[nodiscard]] std::string path() const;
  [[nodiscard]] bool is_written_through() const { return kind != PlaceKind::file; }
};

class PlaceFinder {
 public:
  // Finds the place of `destination`, absolute or kStandardOutput. Errors say why it cannot be used.
  [[nodiscard]] Result<Place> find_place(const std::string& destination);

 private:
  std::string typed_;  // directory of the last destination as typed: most destinations of a list share it
  std::weak_ptr<const Directory> found_;
};

// Tests that a new file can be created beside it, by doing so: permissions do not tell for every file system.
[[nodiscard]] Status try_to_create(const Place& place, const std::string& destination);
// Opens the place for writing. Sets `nobody_reads` if it failed because a named pipe has no reader yet.
[[nodiscard]] Result<UniqueFd> open_place(const Place& place, const std::string& destination, bool& nobody_reads);

}  // namespace larder::agent
