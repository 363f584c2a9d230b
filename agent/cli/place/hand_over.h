// The hand-over: finished bytes go from the agent's descriptor into a hidden file beside the place that the destination
// leads to, which is synced and then renamed, so that the destination is the old file or the new one, whole, at any
// moment. Blocks; used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/place/place.h"
#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/text/units.h"

namespace larder::agent {

// A hidden file beside its destination. Removed when it goes out of scope unpublished.
class StagedFile {
 public:
  // `key` makes the name; a left-over of that name and of this user (an earlier command that was killed) is removed.
  // Never follows a link in the place of the hidden file. `place`: of a file (PlaceKind::file).
  static Result<StagedFile> create(const std::string& destination, const std::string& key);
  static Result<StagedFile> create(Place place, const std::string& destination, const std::string& key);
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  StagedFile(const StagedFile&) = delete;
  ~StagedFile();

  // All of it by reference (FICLONE); false where the file system cannot.
  bool reflink(int from);
  // One piece, at the same offset in both; starts the writing back of it.
  Status copy(int from, const ByteRange& range);
  // The first range.length bytes of `from`, to range.offset here.
  Status place(int from, const ByteRange& range);
  // What copy() has not done yet, up to `size`, which is then the size of the file.
  Status fill(int from, std::uint64_t size, std::uint64_t done);
  // Publication makes a new name, or fails with already_exists: it replaces nothing.
  void keep_what_is_there() { exclusive_ = true; }
  // Throws away what was copied.
  Status restart();
  // Last-Modified as the HTTP date that it is; anything else is ignored.
  void set_modified(const std::string& http_date);

  [[nodiscard]] const std::string& path() const { return path_; }  // of the hidden file; empty once published
  // What publication changed beside the bytes, and the user should know; empty: nothing.
  [[nodiscard]] const std::string& note() const { return note_; }
  [[nodiscard]] const std::string& destination() const { return destination_; }
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  // Open descriptors are few; a staged file that only waits for its publication needs none.
  void close() { fd_.reset(); }

 private:
  friend Status publish(std::vector<StagedFile>& files);
  StagedFile(UniqueFd fd, Place place, std::string hidden, std::string destination);
  Status take_over();  // the mode and owner of the file that is replaced
  Status sync(bool whole_file_system);
  Status rename();  // to its place
  // `after`: bytes that come later, which errors count as well.
  Status copy_shifted(int from, const ByteRange& range, std::uint64_t shift, std::uint64_t after);
  [[nodiscard]] Error write_error(int number, std::uint64_t needed) const;

  UniqueFd fd_;
  Place place_;
  std::string hidden_;  // its name in the place's directory
  ino_t inode_ = 0;     // of what was made with that name
  bool exclusive_ = false;
  std::string path_, destination_, note_;  // path_ is empty once published or moved from
};

// Gives the files the mode and owner of what they replace, syncs them (one by one, or the whole file system when there
// are more than 8), renames each to its place, and syncs the directories. On an error what was not renamed is not
// there, and what was is there for good.
[[nodiscard]] Status publish(std::vector<StagedFile>& files);

}  // namespace larder::agent
