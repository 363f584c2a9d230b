// Writes finished bytes to standard output, pipes, devices, and files that cannot be replaced.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace larder::agent {

enum class StreamEnd {
  written,
  reader_gone,  // the reader has gone
  interrupted,  // WaitForRoom returned false
};

// Waits until `fd` takes bytes, or a moment if `fd` is negative. Returns false if the user does not want to wait
// longer.
using WaitForRoom = std::function<bool(int fd)>;
[[nodiscard]] bool wait_for_room(int fd);  // without a limit

// Writes the first `size` bytes of `from` to `to`. For errors: `where` names the target, `what` the content.
[[nodiscard]] Result<StreamEnd> write_stream(int from, int to, std::uint64_t size, const WaitForRoom& wait,
                                             const std::string& where, const std::string& what);

// Returns true if `fd` is a pipe or socket without a reader.
[[nodiscard]] bool reader_is_gone(int fd);

}  // namespace larder::agent
