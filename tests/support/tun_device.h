// A TUN device of a network namespace: what is sent there is read here, and what is written here arrives there. It is
// there as long as this object. Packets have an OffloadHeader in front (segments.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/io/unique_fd.h"

namespace larder::test {

class TunDevice {
 public:
  // Makes the device in /run/netns/`name_space`; the calling thread is in its own namespace again afterwards. Throws
  // std::system_error.
  TunDevice(const std::string& name_space, const std::string& device);

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // One packet; 0: none is there now. Throws once the device is no more.
  [[nodiscard]] std::size_t read(unsigned char* buffer, std::size_t capacity) const;
  // False: it was not taken, since the device is down or its other side is short of memory: a packet is lost.
  [[nodiscard]] bool write(const unsigned char* bytes, std::size_t size) const;

 private:
  UniqueFd descriptor_;
};

}  // namespace larder::test
