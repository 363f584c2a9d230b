// Read access to a content, as the cache gives it to who reads, serves or hands over.
#pragma once

#include "base/io/file_system.h"

namespace larder::cache {

// A read-only descriptor on a content. While the lease lives, the content is not evicted; after drop() its bytes stay
// readable. May be destroyed on any thread.
class ContentLease {
 public:
  virtual ~ContentLease() = default;
  [[nodiscard]] virtual int descriptor() const = 0;  // O_RDONLY; owned by the lease
  [[nodiscard]] virtual File& file() = 0;            // for reads on worker threads
};

}  // namespace larder::cache
