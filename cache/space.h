// The accounts of space: bytes that the cache holds, bytes that running contents still need, and the file system's free
// space. Pure.
//
// All sizes in bytes. Two limits: the cache's own (max_size, over contents that are bounded by it) and the file
// system's: keep_free stays untouched by bounded contents, keep_free_of_jobs by the others.
//
// A removed content does not always free its space: a user with a lease can keep its descriptor open. So free space is
// what the file system says, and no second content is evicted in place of bytes that are removed but not yet free.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/io/file_system.h"
#include "cache/record/record.h"

namespace larder::cache {

struct SpaceLimits {
  std::uint64_t max_size = 0;
  std::uint64_t keep_free = 0;
  std::uint64_t keep_free_of_jobs = 0;
};

// Returns the limits for configured values (0 = automatic) on a file system of `total` bytes.
[[nodiscard]] SpaceLimits limits_in_force(std::uint64_t max_size, std::uint64_t keep_free, std::uint64_t total);

class SpaceLedger {
 public:
  void set_limits(SpaceLimits limits) { limits_ = limits; }
  [[nodiscard]] SpaceLimits limits() const { return limits_; }

  // Set newly measured facts, which replace the running counts.
  void measured_disk(DiskSpace disk);
  void measured_index(std::uint64_t bounded_bytes, std::uint64_t evictable_bytes);
  [[nodiscard]] std::uint64_t evictable() const { return evictable_; }
  [[nodiscard]] DiskSpace disk() const { return disk_; }
  // Returns the bytes that were removed and are not free: files still open somewhere.
  [[nodiscard]] std::uint64_t unlinked() const { return unlinked_; }

  // Adds a running content: `size` in all, of which `held` are committed and written already.
  void reserve(const ContentId& id, std::uint64_t size, std::uint64_t held, bool bounded);
  // Raises the size of a content whose final size is unknown. Returns whether it grew.
  bool grow(const ContentId& id, std::uint64_t size);
  void unbind(const ContentId& id);  // takes the content out of the cache's limits
  void wrote(const ContentId& id, std::uint64_t bytes);
  void committed(const ContentId& id, std::uint64_t bytes);
  void release(const ContentId& id);
  [[nodiscard]] bool reserved(const ContentId& id) const { return contents_.count(id) != 0; }
  [[nodiscard]] bool bounded(const ContentId& id) const;

  // Called when a record and its file were removed.
  void removed(std::uint64_t bytes, bool bounded, bool was_evictable);

  // Returns the bytes that eviction has to free, reservations included.
  [[nodiscard]] std::uint64_t overdrawn() const;
  // Returns the bytes that the cache may take without evicting.
  [[nodiscard]] std::uint64_t room() const;
  // Returns whether there is space for the reserved content `id` if all evictable contents are evicted.
  [[nodiscard]] bool can_have(const ContentId& id) const;
  // Returns whether there is space for it without evicting.
  [[nodiscard]] bool has(const ContentId& id) const;
  // Returns "needs 5.00 GiB, 1.20 GiB may be used: …" for a reserved content without space.
  [[nodiscard]] std::string explain(const ContentId& id) const;

 private:
  struct Running {
    std::uint64_t size = 0;
    std::uint64_t held = 0;     // committed to the index
    std::uint64_t written = 0;  // on the disk, committed or not
    bool bounded = true;
  };
  [[nodiscard]] std::int64_t cache_room() const;                        // max_size less held and reserved bytes
  [[nodiscard]] std::int64_t disk_room(std::uint64_t kept_free) const;  // available less outstanding bytes
  [[nodiscard]] std::int64_t shortage(const Running& content) const;    // before eviction; negative: room to spare

  SpaceLimits limits_;
  DiskSpace disk_;
  std::uint64_t removed_ = 0;  // since disk_ was measured
  std::uint64_t unlinked_ = 0;
  std::uint64_t bounded_bytes_ = 0;
  std::uint64_t evictable_ = 0;
  std::uint64_t reserved_bounded_ = 0;  // sum over bounded running contents of size - held
  std::uint64_t outstanding_ = 0;       // sum over running contents of size - written
  std::unordered_map<ContentId, Running> contents_;
};

}  // namespace larder::cache
