// Bounds the askers that this agent sends the bytes of small contents to at once, with its catalogue's answers. A
// refused peer retries and finds other holders by then. So all holders serve a crowd, and not the first one alone,
// whose line would carry the content once for each member. Pure; loop thread; one for this agent.
#pragma once

#include <cstddef>
#include <map>

#include "base/hash/digest.h"

namespace larder::peer {

class InlineShare {
 public:
  static constexpr std::size_t kOfOne = 2;   // askers of one version
  static constexpr std::size_t kOfAll = 16;  // of all versions together

  // Counts an asker. False: too many are being served. Otherwise end_share() is to follow once the bytes are written.
  [[nodiscard]] bool begin_share(const Digest& version_key) {
    const auto known = giving_.find(version_key);
    if (all_ >= kOfAll || (known != giving_.end() && known->second >= kOfOne)) return false;
    ++giving_[version_key];
    ++all_;
    return true;
  }

  void end_share(const Digest& version_key) {
    const auto known = giving_.find(version_key);
    if (known == giving_.end()) return;
    --all_;
    if (--known->second == 0) giving_.erase(known);
  }

  [[nodiscard]] std::size_t giving() const { return all_; }

 private:
  std::map<Digest, std::size_t> giving_;
  std::size_t all_ = 0;
};

}  // namespace larder::peer
