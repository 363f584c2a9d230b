#include "cache/space.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/units.h"

namespace larder::cache {
namespace {

constexpr std::uint64_t kLargestAutomatic = 64 * kGiB;
// On a large file system a tenth would refuse downloads that fit easily.
constexpr std::uint64_t kLargestOfJobs = kGiB;

std::uint64_t less(std::uint64_t from, std::uint64_t bytes) {
  return from - std::min(from, bytes);
}

std::uint64_t positive(std::int64_t bytes) {
  return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

std::int64_t as_signed(std::uint64_t bytes) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(bytes, INT64_MAX / 4));
}

}  // namespace

SpaceLimits limits_in_force(std::uint64_t max_size, std::uint64_t keep_free, std::uint64_t total) {
  return {max_size != 0 ? max_size : std::min(total / 5, kLargestAutomatic), keep_free != 0 ? keep_free : total / 10,
          keep_free != 0 ? keep_free : std::min(total / 10, kLargestOfJobs)};
}

void SpaceLedger::measured_disk(DiskSpace disk) {
  const std::uint64_t expected = disk_.available;
  if (disk.available < expected) {
    unlinked_ += std::min(expected - disk.available, removed_);
  } else {
    unlinked_ = less(unlinked_, disk.available - expected);
  }
  removed_ = 0;
  disk_ = disk;
}

void SpaceLedger::measured_index(std::uint64_t bounded_bytes, std::uint64_t evictable_bytes) {
  bounded_bytes_ = bounded_bytes;
  evictable_ = evictable_bytes;
}

void SpaceLedger::reserve(const ContentId& id, std::uint64_t size, std::uint64_t held, bool bounded) {
  release(id);
  contents_[id] = {size, held, held, bounded};
  if (bounded) reserved_bounded_ += less(size, held);
  outstanding_ += less(size, held);
}

bool SpaceLedger::grow(const ContentId& id, std::uint64_t size) {
  const auto found = contents_.find(id);
  if (found == contents_.end() || size <= found->second.size) return false;
  const std::uint64_t more = size - found->second.size;
  found->second.size = size;
  if (found->second.bounded) reserved_bounded_ += more;
  outstanding_ += more;
  return true;
}

void SpaceLedger::unbind(const ContentId& id) {
  const auto found = contents_.find(id);
  if (found == contents_.end() || !found->second.bounded) return;
  found->second.bounded = false;
  reserved_bounded_ = less(reserved_bounded_, less(found->second.size, found->second.held));
}

void SpaceLedger::wrote(const ContentId& id, std::uint64_t bytes) {
  const auto found = contents_.find(id);
  if (found == contents_.end()) return;
  const std::uint64_t counted = std::min(bytes, less(found->second.size, found->second.written));
  found->second.written += counted;
  outstanding_ = less(outstanding_, counted);
  disk_.available = less(disk_.available, bytes);
}

void SpaceLedger::committed(const ContentId& id, std::uint64_t bytes) {
  const auto found = contents_.find(id);
  if (found == contents_.end()) return;
  const std::uint64_t counted = std::min(bytes, less(found->second.size, found->second.held));
  found->second.held += counted;
  if (!found->second.bounded) return;
  reserved_bounded_ = less(reserved_bounded_, counted);
  bounded_bytes_ += bytes;
}

void SpaceLedger::release(const ContentId& id) {
  const auto found = contents_.find(id);
  if (found == contents_.end()) return;
  const Running& content = found->second;
  if (content.bounded) reserved_bounded_ = less(reserved_bounded_, less(content.size, content.held));
  outstanding_ = less(outstanding_, less(content.size, content.written));
  contents_.erase(found);
}

bool SpaceLedger::bounded(const ContentId& id) const {
  const auto found = contents_.find(id);
  return found == contents_.end() || found->second.bounded;
}

void SpaceLedger::removed(std::uint64_t bytes, bool bounded, bool was_evictable) {
  if (bounded) bounded_bytes_ = less(bounded_bytes_, bytes);
  if (was_evictable) evictable_ = less(evictable_, bytes);
  disk_.available += bytes;
  removed_ += bytes;
}

std::int64_t SpaceLedger::cache_room() const {
  return as_signed(limits_.max_size) - as_signed(bounded_bytes_) - as_signed(reserved_bounded_);
}

std::int64_t SpaceLedger::disk_room(std::uint64_t kept_free) const {
  return as_signed(disk_.available) - as_signed(outstanding_) - as_signed(kept_free);
}

std::uint64_t SpaceLedger::overdrawn() const {
  return positive(-std::min(cache_room(), disk_room(limits_.keep_free) + as_signed(unlinked_)));
}

std::uint64_t SpaceLedger::room() const {
  return positive(std::min(cache_room(), disk_room(limits_.keep_free)));
}

std::int64_t SpaceLedger::shortage(const Running& content) const {
  return content.bounded ? -std::min(cache_room(), disk_room(limits_.keep_free))
                         : -disk_room(limits_.keep_free_of_jobs);
}

bool SpaceLedger::can_have(const ContentId& id) const {
  const auto found = contents_.find(id);
  return found != contents_.end() && shortage(found->second) <= as_signed(evictable_);
}

bool SpaceLedger::has(const ContentId& id) const {
  const auto found = contents_.find(id);
  return found != contents_.end() && shortage(found->second) <= 0;
}

std::string SpaceLedger::explain(const ContentId& id) const {
  const auto found = contents_.find(id);
  if (found == contents_.end()) return "no space was reserved";
  const Running& content = found->second;
  const std::uint64_t needs = less(content.size, content.written);
  const std::uint64_t may = positive(as_signed(needs) - shortage(content) + as_signed(evictable_));
  const std::string start = fmt::format("needs {}, {} may be used: ", format_bytes(needs), format_bytes(may));
  const std::uint64_t others = less(outstanding_, needs);
  const std::string disk = fmt::format("the file system has {} available", format_bytes(disk_.available));
  std::string running = others == 0 ? "" : fmt::format(", running jobs need {} of it", format_bytes(others));
  if (unlinked_ > 0)
    running += fmt::format(", {} of removed contents are still open somewhere", format_bytes(unlinked_));
  const std::uint64_t kept = limits_.keep_free_of_jobs;
  if (!content.bounded && kept == 0) return start + disk + running;
  if (!content.bounded)
    return start + disk + running + fmt::format(" and {} stay free (cache.keep_free)", format_bytes(kept));
  if (cache_room() < disk_room(limits_.keep_free)) {
    return start + fmt::format("the cache may have {} in all (cache.max_size) and holds {}, of which {} can go",
                               format_bytes(limits_.max_size), format_bytes(bounded_bytes_), format_bytes(evictable_));
  }
  return start + disk + running + fmt::format(" and {} stay free (cache.keep_free)", format_bytes(limits_.keep_free));
}

}  // namespace larder::cache
