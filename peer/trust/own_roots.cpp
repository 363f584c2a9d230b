#include "peer/trust/own_roots.h"

#include <algorithm>

namespace larder::peer {

OwnRoots::Short OwnRoots::shortened(const Digest& root) {
  Short out{};
  std::copy_n(root.begin(), out.size(), out.begin());
  return out;
}

bool OwnRoots::differs(const Digest& version, std::uint64_t segment, const Digest& root) const {
  const auto found = versions_.find(version);
  if (found == versions_.end()) return false;
  const auto known = found->second.find(segment);
  return known != found->second.end() && known->second != shortened(root);
}

std::vector<Digest> OwnRoots::keep(const Digest& version, std::uint64_t segment, const Digest& root) {
  return put(version, segment, shortened(root));
}

std::vector<Digest> OwnRoots::restore(const OwnRoot& root) {
  return put(root.version, root.segment, root.root);
}

std::vector<Digest> OwnRoots::put(const Digest& version, std::uint64_t segment, const Short& root) {
  std::vector<Digest> gone;
  const auto [found, is_new] = versions_.try_emplace(version);
  if (is_new) order_.push_back(version);
  if (found->second.try_emplace(segment, root).second) ++segments_;
  while ((versions_.size() > kMaxVersions || segments_ > kMaxSegments) && order_.size() > 1) {
    const Digest oldest = order_.front();
    order_.pop_front();
    segments_ -= versions_.at(oldest).size();
    versions_.erase(oldest);
    gone.push_back(oldest);
  }
  return gone;
}

std::vector<OwnRoot> OwnRoots::of(const Digest& version) const {
  std::vector<OwnRoot> out;
  const auto found = versions_.find(version);
  if (found == versions_.end()) return out;
  for (const auto& [segment, root] : found->second) out.push_back({version, segment, root});
  return out;
}

void OwnRoots::forget_all() {
  versions_.clear();
  order_.clear();
  segments_ = 0;
}

}  // namespace larder::peer
