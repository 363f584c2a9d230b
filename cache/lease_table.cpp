#include "cache/lease_table.h"

namespace larder::cache {

void LeaseTable::add(const ContentId& id) {
  const std::lock_guard lock(mutex_);
  ++counts_[id];
}

void LeaseTable::remove(const ContentId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(id);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

bool LeaseTable::leased(const ContentId& id) const {
  const std::lock_guard lock(mutex_);
  return counts_.count(id) != 0;
}

std::vector<ContentId> LeaseTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<ContentId> ids;
  ids.reserve(counts_.size());
  for (const auto& [id, count] : counts_) ids.push_back(id);
  return ids;
}

}  // namespace larder::cache
