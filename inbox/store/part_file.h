// The file of one upload while it is received. Every call may block: worker threads, one at a time.
//
// It has two ends: the kept one, which the ledger knows, and the written one. Bytes between them are nobody's: cut()
// drops them. After a failed sync the kernel may have dropped pages that it calls clean, so only cut() is possible
// then. The SHA-256 of the whole is made on the way; where it is not known (a restart) hash_more() reads the file
// again.
#pragma once

#include <memory>
#include <optional>

#include "base/io/file_system.h"
#include "inbox/store/file_names.h"

namespace larder::inbox {

// What is worth remembering of an upload between two of its parts: it saves reading it again.
struct KnownHash {
  std::uint64_t offset = 0;  // of these first bytes
  Sha256 hash;
};

// Undoes PartFile::finish() of an upload whose row did not become durable: more bytes may come. False: there
// was nothing to undo.
Result<bool> unfinish(FileSystem& files, const StorePaths& paths, std::string_view id);

class PartFile {
 public:
  // Opens the file of an upload of which `offset` bytes are kept, or makes it where none are. What is behind is cut
  // off. content_damaged: it is missing or shorter. `known` is taken where it is of this very offset.
  static Result<std::unique_ptr<PartFile>> open(FileSystem& files, StorePaths paths, std::string id,
                                                std::uint64_t offset, std::optional<KnownHash> known);

  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }

  Status append(Bytes bytes);
  Status sync();  // bytes and name survive a crash
  void keep();    // the ledger has what was written: call after sync() only
  Status cut();   // back to what is kept
  // Reads at most `limit` bytes for the hash of the whole; true: it is up to date.
  Result<bool> hash_more(std::uint64_t limit);
  // Of all that was written. Call after hash_more() said true.
  [[nodiscard]] Digest digest() const;
  // Gives the file the name that it keeps, durably. It takes no more bytes then. May be repeated.
  Status finish();
  [[nodiscard]] std::optional<KnownHash> known_hash() const;

 private:
  PartFile(FileSystem& files, StorePaths paths, std::string id, std::unique_ptr<File> file)
      : files_(files), paths_(std::move(paths)), id_(std::move(id)), file_(std::move(file)) {}

  FileSystem& files_;
  const StorePaths paths_;
  const std::string id_;
  std::unique_ptr<File> file_;
  std::uint64_t kept_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t written_back_ = 0;  // writing back was started up to here
  bool new_name_ = false;           // its directory was not synced since it was made
  bool renamed_ = false;
  Sha256 hash_;               // of the first hashed_ bytes
  std::uint64_t hashed_ = 0;  // smaller than end_: the rest has to be read
  Sha256 kept_hash_;          // of the first kept_hashed_ bytes, for cut()
  std::uint64_t kept_hashed_ = 0;
};

}  // namespace larder::inbox
