// tests/support/fault_origin.py as a child process; see the top of that file for paths and faults. It ends with us.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash/digest.h"

namespace larder::test {

class FaultOrigin {
 public:
  explicit FaultOrigin(std::vector<std::string> options = {});
  ~FaultOrigin();
  FaultOrigin(const FaultOrigin&) = delete;
  FaultOrigin& operator=(const FaultOrigin&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // "http://127.0.0.1:PORT" + path
  [[nodiscard]] std::string url(const std::string& path) const;

  // The bytes of /c/SEED/SIZE from `offset` on.
  static std::string content(const std::string& seed, std::uint64_t offset, std::uint64_t length);

 private:
  pid_t pid_ = -1;
  int stdin_ = -1;
  std::uint16_t port_ = 0;
  std::string base_;
};

}  // namespace larder::test
