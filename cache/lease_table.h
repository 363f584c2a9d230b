// Counts of leases per content. Thread-safe: a lease may end on any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/io/file_system.h"
#include "cache/record/record.h"

namespace larder::cache {

class LeaseTable {
 public:
  void add(const ContentId& id);
  void remove(const ContentId& id);
  [[nodiscard]] bool leased(const ContentId& id) const;
  [[nodiscard]] std::vector<ContentId> all() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<ContentId, std::size_t> counts_;
};

// Counts as one lease while it lives.
class LeaseCount {
 public:
  LeaseCount(std::shared_ptr<LeaseTable> table, ContentId id) : table_(std::move(table)), id_(std::move(id)) {
    table_->add(id_);
  }
  ~LeaseCount() { table_->remove(id_); }
  LeaseCount(const LeaseCount&) = delete;
  LeaseCount& operator=(const LeaseCount&) = delete;

 private:
  std::shared_ptr<LeaseTable> table_;
  ContentId id_;
};

}  // namespace larder::cache
