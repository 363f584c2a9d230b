// Repr-Digest and Digest: never both a digest and a contradiction.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "origin/http/http_fields.h"

using namespace larder;
using namespace larder::origin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto modern = parse_repr_digest(text);
  if (modern && parse_repr_digest("sha-256=:" + to_base64(*modern) + ":") != modern) std::abort();
  const auto old = parse_digest(text);
  if (old && parse_digest("SHA-256=" + to_base64(*old)) != old) std::abort();
  const auto both = promised_sha256({{"repr-digest", text}, {"digest", text}});
  if (both && (modern || old) && *both != (modern ? modern : old)) std::abort();
  return 0;
}
