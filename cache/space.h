// The accounts of space: what the cache holds, what running contents still need, what the file system has. Pure.
//
// All sizes in bytes. Two limits: the cache's own (max_size, over contents that are bounded by it) and the file
// system's: keep_free stays untouched by bounded contents, keep_free_of_jobs by the others.
//
// What was removed is not always free: a user who was given a descriptor of a content can keep it open. So the free
// space is what the file system says, and nothing more is evicted for bytes that were removed already and did not come.
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

// What is in force for configured values (0 = automatic) on a file system of `total` bytes.
[[nodiscard]] SpaceLimits limits_in_force(std::uint64_t max_size, std::uint64_t keep_free, std::uint64_t total);

class SpaceLedger {
 public:
  void set_limits(SpaceLimits limits) { limits_ = limits; }
  [[nodiscard]] SpaceLimits limits() const { return limits_; }

  // Facts, newly read; they replace what was counted since the last ones.
  void measured_disk(DiskSpace disk);
  void measured_index(std::uint64_t bounded_bytes, std::uint64_t evictable_bytes);
  [[nodiscard]] std::uint64_t evictable() const { return evictable_; }
  [[nodiscard]] DiskSpace disk() const { return disk_; }
  // Removed, as far as the file system shows, and not free: still open somewhere.
  [[nodiscard]] std::uint64_t unlinked() const { return unlinked_; }

  // A running content: `size` in all, of which `held` are committed and written already.
  void reserve(const ContentId& id, std::uint64_t size, std::uint64_t held, bool bounded);
  // Of unknown size: it needs at least this. Whether that is more than before.
  bool grow(const ContentId& id, std::uint64_t size);
  void unbind(const ContentId& id);  // it goes on without the cache's limit
  void wrote(const ContentId& id, std::uint64_t bytes);
  void committed(const ContentId& id, std::uint64_t bytes);
  void release(const ContentId& id);
  [[nodiscard]] bool reserved(const ContentId& id) const { return contents_.count(id) != 0; }
  [[nodiscard]] bool bounded(const ContentId& id) const;

  // A record and its file went.
  void removed(std::uint64_t bytes, bool bounded, bool was_evictable);

  // How far the accounts are overdrawn, reservations included: what eviction has to free. 0: nothing.
  [[nodiscard]] std::uint64_t overdrawn() const;
  // How much more may be put into the cache without evicting anything.
  [[nodiscard]] std::uint64_t room() const;
  // Whether content `id`, reserved already, can have its space, evicting all that may be evicted if need be.
  [[nodiscard]] bool can_have(const ContentId& id) const;
  // Whether it has its space now, nothing evicted.
  [[nodiscard]] bool has(const ContentId& id) const;
  // "needs 5.00 GiB, 1.20 GiB may be used: …" for a reserved content that cannot.
  [[nodiscard]] std::string explain(const ContentId& id) const;

 private:
  struct Running {
    std::uint64_t size = 0;
    std::uint64_t held = 0;     // committed to the index
    std::uint64_t written = 0;  // on the disk, committed or not
    bool bounded = true;
  };
  [[nodiscard]] std::int64_t cache_room() const;                        // max_size less what is held and reserved
  [[nodiscard]] std::int64_t disk_room(std::uint64_t kept_free) const;  // available less what is yet to be written
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
