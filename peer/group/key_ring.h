// The group keys that this agent can decrypt datagrams with: the current one and a few earlier ones. Under an earlier
// key only a HELLO is read, of a machine that slept through a revocation (discovery.h). Plain value; loop thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "peer/group/keys.h"

namespace larder::peer {

class KeyRing {
 public:
  static constexpr std::size_t kMaxOld = 8;

  KeyRing() = default;
  // Of `old` the first kMaxOld are kept.
  KeyRing(GroupKey current, std::vector<GroupKey> old) : current_(current), old_(std::move(old)) {
    old_.resize(std::min(old_.size(), kMaxOld));
  }

  [[nodiscard]] const GroupKey& current() const { return current_; }
  // Returns null where no key has that epoch.
  [[nodiscard]] const GroupKey* find_key(std::uint32_t epoch) const {
    if (epoch == current_.epoch()) return &current_;
    const auto found =
        std::find_if(old_.begin(), old_.end(), [&](const GroupKey& key) { return key.epoch() == epoch; });
    return found == old_.end() ? nullptr : &*found;
  }

 private:
  GroupKey current_;
  std::vector<GroupKey> old_;
};

}  // namespace larder::peer
