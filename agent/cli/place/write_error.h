// Errors of writing a file of the user's, from the errno of the failed call. Pure.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

// Returns disk_full for exhausted room, quota or limit; permission_denied; disk_error for anything else.
[[nodiscard]] ErrorCode code_of_write(int number);
// `doing`: "write /a/b".
[[nodiscard]] Error error_of_write(int number, std::string doing);

}  // namespace larder::agent
