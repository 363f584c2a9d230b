// Certificate authorities as text. The agent takes them as text only and never opens a path that a caller named: a FIFO
// or a dead network file system behind such a path would stop the thread that carries every download.
// Pure; any thread; about 5 ms for the largest text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::origin {

inline constexpr std::size_t kMaxAuthorities = 512 * 1024;  // bytes of PEM text; bundles have 220 to 300 KB

// Checks that `pem` has at least one certificate, that every block is a readable certificate, and that there is no
// private key. Text between the blocks is ignored, as in the bundles that systems ship. Error: invalid_argument, which
// quotes nothing of the text.
[[nodiscard]] Status check_authorities(std::string_view pem);

}  // namespace larder::origin
