// A duration as a number, for rates.
#pragma once

#include "base/runtime/clock.h"

namespace larder::peer {

[[nodiscard]] inline double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace larder::peer
