// The hand-over: bytes go from the agent's descriptor into a hidden file beside the place that the destination leads
// to. It is synced and then renamed, so that the destination is the complete old or the complete new file at any
// moment. Blocks; one thread.
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

// A hidden file beside its destination. The destructor removes it unless it was published.
class StagedFile {
 public:
  // Creates the hidden file. `key` is part of its name; a left-over file of that name and this user (from a killed
  // command) is removed. Never follows a link at the hidden file's place. `place`: must be PlaceKind::file.
  static Result<StagedFile> create(const std::string& destination, const std::string& key);
  static Result<StagedFile> create(Place place, const std::string& destination, const std::string& key);
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  StagedFile(const StagedFile&) = delete;
  ~StagedFile();

  // Shares all bytes with `from` (FICLONE). Returns false if the file system cannot.
  bool reflink(int from);
  // Copies one piece, at the same offset in both files, and starts to write it to the disk.
  Status copy(int from, const ByteRange& range);
  // Copies the first range.length bytes of `from` to range.offset here.
  Status place(int from, const ByteRange& range);
  // Copies the rest from `done` to `size`, which is then the size of the file.
  Status fill(int from, std::uint64_t size, std::uint64_t done);
  // Makes publication fail with already_exists instead of replacing a file.
  void keep_what_is_there() { exclusive_ = true; }
  // Drops the copied bytes.
  Status restart();
  // Sets the modification time from Last-Modified, an HTTP date; anything else is ignored.
  void set_modified(const std::string& http_date);

  [[nodiscard]] const std::string& path() const { return path_; }  // of the hidden file; empty once published
  // Changes by publication, apart from the bytes, that the user should know; empty: none.
  [[nodiscard]] const std::string& note() const { return note_; }
  [[nodiscard]] const std::string& destination() const { return destination_; }
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  // Closes the descriptor, since open files are limited. Publication needs none.
  void close() { fd_.reset(); }

 private:
  friend Status publish(std::vector<StagedFile>& files);
  StagedFile(UniqueFd fd, Place place, std::string hidden, std::string destination);
  Status take_over();  // mode and owner of the replaced file
  Status sync(bool whole_file_system);
  Status rename();  // to its place
  // `after`: bytes still to follow, for the error text.
  Status copy_shifted(int from, const ByteRange& range, std::uint64_t shift, std::uint64_t after);
  [[nodiscard]] Error write_error(int number, std::uint64_t needed) const;

  UniqueFd fd_;
  Place place_;
  std::string hidden_;  // name in the place's directory
  ino_t inode_ = 0;     // of the file created with that name
  bool exclusive_ = false;
  std::string path_, destination_, note_;  // path_ is empty once published or moved from
};

// Gives the files the mode and owner of those that they replace, syncs them (one by one, or the whole file system for
// more than 8), renames each to its place, and syncs the directories. After an error, files that were not renamed are
// not visible, and renamed ones stay.
[[nodiscard]] Status publish(std::vector<StagedFile>& files);

}  // namespace larder::agent
