// Finished bytes to what can only be written to: standard output, pipes, devices, files that cannot be replaced.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace larder::agent {

enum class StreamEnd {
  written,
  reader_gone,  // who reads has had enough
  interrupted,  // the wait said so
};

// Waits until `fd` takes bytes, or a moment where `fd` is negative. False: the user does not want to wait any longer.
using WaitForRoom = std::function<bool(int fd)>;
[[nodiscard]] bool wait_for_room(int fd);  // for as long as it takes

// The first `size` bytes of `from` to `to`. `where` names it in errors; `what` names the content.
[[nodiscard]] Result<StreamEnd> write_stream(int from, int to, std::uint64_t size, const WaitForRoom& wait,
                                             const std::string& where, const std::string& what);

// True where `fd` is a pipe or a socket that nobody reads any more.
[[nodiscard]] bool reader_is_gone(int fd);

}  // namespace larder::agent
