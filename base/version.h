// The version of both programs, set by the build (CMake's project version).
#pragma once

namespace larder::agent {

#ifndef LARDER_VERSION
#error "LARDER_VERSION comes from the build"
#endif
inline constexpr const char* kVersion = LARDER_VERSION;
// The version of the API: grows when a request may have a member or parameter that older agents refuse.
inline constexpr unsigned kApiVersion = 1;

}  // namespace larder::agent
