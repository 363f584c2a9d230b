// The digest of one part as its bytes come: tells whether the client and the disk speak of the same bytes.
#pragma once

#include <optional>
#include <variant>

#include "inbox/model/operations.h"

namespace larder::inbox {

class PartHasher {
 public:
  explicit PartHasher(PartDigest::Algorithm algorithm);
  void update(Bytes bytes);
  // Once, at the end of the part. A digest of another length is not equal.
  [[nodiscard]] bool equals(const PartDigest& expected);

 private:
  std::variant<Sha256, Sha1> hash_;
};

}  // namespace larder::inbox
