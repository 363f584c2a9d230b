// To how many askers at once this agent gives the bytes of a small content with its catalogue's answers. Who is refused
// and comes again finds others that hold it by then: so a crowd is served by all who have it, not by the first alone,
// whose line would have to carry it as often as there are members. Pure; loop thread; one for an agent.
#pragma once

#include <cstddef>
#include <map>

#include "base/hash/digest.h"

namespace larder::peer {

class InlineShare {
 public:
  static constexpr std::size_t kOfOne = 2;   // askers of one version
  static constexpr std::size_t kOfAll = 16;  // of all together

  // False: too many are being given to. Otherwise end() is to follow once the bytes are on their way.
  [[nodiscard]] bool begin(const Digest& version_key) {
    const auto known = giving_.find(version_key);
    if (all_ >= kOfAll || (known != giving_.end() && known->second >= kOfOne)) return false;
    ++giving_[version_key];
    ++all_;
    return true;
  }

  void end(const Digest& version_key) {
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
