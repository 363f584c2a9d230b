// Any fields of a tus request to the inbox: it is read within its bounds or refused, and every answer to it can be
// written and tells no success that is none.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/inbox_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  larder::inbox::fuzz::check({reinterpret_cast<const char*>(data), size}, "Tus-Resumable: 1.0.0\n");
  return 0;
}
