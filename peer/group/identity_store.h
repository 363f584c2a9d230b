// The directory <state>/identity (docs/formats/identity.md), which holds this agent's identity. Directory 0700, files
// 0600, each replaced as a whole (written beside, synced, renamed, directory synced), so that a crash leaves the old or
// the new one.
//
// Every call blocks: call at start, and later on a worker, one at a time. Errors: permission_denied where other users
// may access it, content_damaged where a file is not what was written, else the file system's. No error text has a
// secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/io/file_system.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/identity.h"

namespace larder::peer {

// A change of the stored identity; parts that are not set stay as they are.
struct IdentityChange {
  std::optional<Identity> identity;
  std::optional<GroupBook> book;  // of the group of `authority_pem`
  std::string authority_pem;      // of the group that `book` belongs to
  std::optional<AgentKey> next_key;
  bool drop_next_key = false;
  bool leave = false;  // deletes identity, book and next key
  [[nodiscard]] bool empty() const { return !identity && !book && !next_key && !drop_next_key && !leave; }
};

class IdentityStore {
 public:
  IdentityStore(FileSystem& files, const std::string& state_directory);

  // Reads the identity; an empty Stored where nothing is there. Also deletes files that a crash left behind.
  [[nodiscard]] Result<Stored> load();
  // Writes a change, in an order in which a crash in between does no harm: see the format's page.
  [[nodiscard]] Status apply(const IdentityChange& change);
  // Returns the start epoch of this run's datagrams: greater than all earlier ones, and durable. If the file is
  // damaged, the epoch comes from the clock alone, which is enough unless the clock was set back; that is logged.
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
