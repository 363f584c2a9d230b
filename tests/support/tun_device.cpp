#include "tests/support/tun_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace larder::test {
namespace {

[[noreturn]] void fail_with(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd open(const std::string& path, int flags) {
  UniqueFd opened(::open(path.c_str(), flags | O_CLOEXEC));
  if (!opened) fail_with("cannot open " + path);
  return opened;
}

void enter(const UniqueFd& name_space, const std::string& name) {
  if (::setns(name_space.get(), CLONE_NEWNET) != 0) fail_with("cannot enter the network namespace " + name);
}

}  // namespace

TunDevice::TunDevice(const std::string& name_space, const std::string& device) {
  ifreq request{};
  if (device.empty() || device.size() >= sizeof request.ifr_name)
    throw std::invalid_argument("cannot make a TUN device of the name \"" + device + "\": it must have 1 to 15 bytes");
  std::memcpy(request.ifr_name, device.data(), device.size());
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  const UniqueFd own = open("/proc/self/ns/net", O_RDONLY), other = open("/run/netns/" + name_space, O_RDONLY);
  // A device is made where the thread was when it opened /dev/net/tun.
  enter(other, name_space);
  UniqueFd tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) fail_with("cannot make the device " + device);
  if (::ioctl(tun.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
    fail_with("cannot let the kernel hand over large packets of " + device);
  enter(own, "that this program was started in");
  descriptor_ = std::move(tun);
}

std::size_t TunDevice::read(unsigned char* buffer, std::size_t capacity) const {
  const ssize_t size = ::read(descriptor_.get(), buffer, capacity);
  if (size >= 0) return static_cast<std::size_t>(size);
  if (errno != EAGAIN && errno != EINTR) fail_with("cannot read from the TUN device");
  return 0;
}

bool TunDevice::write(const unsigned char* bytes, std::size_t size) const {
  return ::write(descriptor_.get(), bytes, size) == static_cast<ssize_t>(size);
}

}  // namespace larder::test
