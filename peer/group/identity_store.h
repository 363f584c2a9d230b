// The directory <state>/identity (docs/formats/identity.md): who this agent is. Directory 0700, files 0600, each
// replaced as a whole (written beside, synced, renamed, directory synced), so that a crash leaves the old or the new
// one.
//
// Every call blocks: at start, and on a worker afterwards, one at a time. Errors: permission_denied where others may
// read or write it, content_damaged where a file is not what was written, else the file system's. None holds a secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/io/file_system.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/identity.h"

namespace larder::peer {

// What shall be different on disk afterwards; what is not named stays.
struct IdentityChange {
  std::optional<Identity> identity;
  std::optional<GroupBook> book;  // of `identity`, or of the one that is there (then `authority_pem` says which)
  std::string authority_pem;      // of the group that `book` belongs to
  std::optional<AgentKey> next_key;
  bool drop_next_key = false;
  bool leave = false;  // identity, book and next key go
  [[nodiscard]] bool empty() const { return !identity && !book && !next_key && !drop_next_key && !leave; }
};

class IdentityStore {
 public:
  IdentityStore(FileSystem& files, const std::string& state_directory);

  // Nothing stored is no error. Also clears away what a crash left between two files.
  [[nodiscard]] Result<Stored> load();
  // In an order in which a crash in between does no harm: see the format's page.
  [[nodiscard]] Status apply(const IdentityChange& change);
  // The start epoch of this run's datagrams: greater than every one before, durable when returned. Where the file is
  // damaged the clock alone says it, which is as good unless the clock was set back: logged.
  [[nodiscard]] Result<std::uint64_t> next_start_epoch(WallTime now);

  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  [[nodiscard]] std::string path(const char* name) const;
  [[nodiscard]] Status check_directory() const;
  [[nodiscard]] Result<std::optional<std::vector<std::byte>>> read(const char* name);
  [[nodiscard]] Status replace(const char* name, Bytes bytes);
  [[nodiscard]] Status remove(const char* name);

  FileSystem& files_;
  std::string directory_;
};

}  // namespace larder::peer
