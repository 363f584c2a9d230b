// The version of both programs; the build gives it (CMake's project version).
#pragma once

namespace larder::agent {

#ifndef LARDER_VERSION
#error "LARDER_VERSION comes from the build"
#endif
inline constexpr const char* kVersion = LARDER_VERSION;

}  // namespace larder::agent
