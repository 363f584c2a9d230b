#include "peer/trust/suspicions.h"

#include <algorithm>

namespace larder::peer {

bool Suspicions::add(const Attestation& attestation, std::optional<Attestation>& gone) {
  auto& here = by_segment_[key_of(attestation)];
  const bool known = std::any_of(here.begin(), here.end(), [&](const List::iterator& one) {
    return one->agent == attestation.agent && one->root == attestation.root;
  });
  if (known) return false;
  here.push_back(all_.insert(all_.end(), attestation));
  if (all_.size() > kMax) {
    gone = all_.front();
    unlink(all_.begin());
    all_.pop_front();
  }
  return true;
}

void Suspicions::unlink(List::iterator what) {
  const auto found = by_segment_.find(key_of(*what));
  std::erase(found->second, what);
  if (found->second.empty()) by_segment_.erase(found);
}

std::vector<Attestation> Suspicions::take_segment(const Digest& version, std::uint64_t size, SegmentIndex segment) {
  std::vector<Attestation> out;
  const auto found = by_segment_.find({version, size, segment.value()});
  if (found == by_segment_.end()) return out;
  for (const List::iterator& one : found->second) {
    out.push_back(*one);
    all_.erase(one);
  }
  by_segment_.erase(found);
  return out;
}

std::vector<Attestation> Suspicions::take_version(const Digest& version) {
  std::vector<Attestation> out;
  auto found = by_segment_.lower_bound({version, 0, 0});
  while (found != by_segment_.end() && std::get<0>(found->first) == version) {
    for (const List::iterator& one : found->second) {
      out.push_back(*one);
      all_.erase(one);
    }
    found = by_segment_.erase(found);
  }
  return out;
}

bool Suspicions::any_of(const Digest& version) const {
  const auto found = by_segment_.lower_bound({version, 0, 0});
  return found != by_segment_.end() && std::get<0>(found->first) == version;
}

void Suspicions::forget_all() {
  all_.clear();
  by_segment_.clear();
}

}  // namespace larder::peer
