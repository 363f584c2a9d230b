// Why a file of the user's could not be written, from the errno of the call that failed. Pure.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

// disk_full: room, quota or a limit is used up; permission_denied; anything else is disk_error.
[[nodiscard]] ErrorCode code_of_write(int number);
// `doing`: "write /a/b".
[[nodiscard]] Error error_of_write(int number, std::string doing);

}  // namespace larder::agent
