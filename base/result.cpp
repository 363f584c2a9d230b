#include "base/result.h"

namespace larder {

std::string Error::text() const {
  std::string text;
  text.reserve(9 + doing.size() + detail.size());
  text.append("cannot ").append(doing);
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

}  // namespace larder
