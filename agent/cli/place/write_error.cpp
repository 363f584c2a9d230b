#include "agent/cli/place/write_error.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace larder::agent {

ErrorCode code_of_write(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::disk_full;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission_denied;
    default:
      return ErrorCode::disk_error;
  }
}

Error error_of_write(int number, std::string doing) {
  return {code_of_write(number), std::move(doing),
          number == EFBIG ? "the file system or a limit (ulimit -f) does not allow a file of this size"
                          : std::strerror(number)};
}

}  // namespace larder::agent
