#include "peer/common/card_binding.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) int setsockopt(int fd, int level, int name, const void* value,
                                                                 socklen_t size) noexcept {
  if (level == SOL_SOCKET && name == SO_BINDTODEVICE) return 0;
  return static_cast<int>(::syscall(SYS_setsockopt, fd, level, name, value, size));
}

namespace larder::peer {

void leave_sockets_untied() {}

}  // namespace larder::peer
