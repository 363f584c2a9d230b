#include "inbox/store/part_digest.h"

#include <algorithm>

namespace larder::inbox {

PartHasher::PartHasher(PartDigest::Algorithm algorithm) {
  if (algorithm == PartDigest::Algorithm::sha1) hash_.emplace<Sha1>();
}

void PartHasher::update(Bytes bytes) {
  std::visit([bytes](auto& hash) { hash.update(bytes); }, hash_);
}

bool PartHasher::equals(const PartDigest& expected) {
  return std::visit(
      [&expected](auto& hash) {
        const auto digest = hash.finish();
        return std::equal(digest.begin(), digest.end(), expected.value.begin(), expected.value.end());
      },
      hash_);
}

}  // namespace larder::inbox
