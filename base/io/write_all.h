// write(2) until all bytes are written: it may take a part of them, or be interrupted. Any thread; blocks. Each returns
// 0, or the errno of the write that failed; then a part may have been written.
#pragma once

#include <cstdint>

#include "base/hash/digest.h"

namespace larder {

[[nodiscard]] int write_all(int file, Bytes bytes);
[[nodiscard]] int write_all_at(int file, Bytes bytes, std::uint64_t offset);

}  // namespace larder
