#include "base/hash/buffer.h"

#include <algorithm>
#include <cstring>

namespace larder {

std::size_t Buffer::append(Bytes bytes) {
  const std::size_t taken = std::min(bytes.size(), capacity_ - size_);
  if (taken != 0) std::memcpy(data_.get() + size_, bytes.data(), taken);
  size_ += taken;
  return taken;
}

Buffer copy_of(Bytes bytes) {
  Buffer copy(bytes.size());
  copy.append(bytes);
  return copy;
}

}  // namespace larder
