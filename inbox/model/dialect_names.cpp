#include "inbox/model/dialect_names.h"

#include <array>
#include <utility>

namespace larder::inbox {
namespace {

constexpr std::array<std::pair<Dialect, std::string_view>, 3> kDialects = {
    {{Dialect::tus, "tus"}, {Dialect::bits, "bits"}, {Dialect::put, "put"}}};

}  // namespace

std::string_view dialect_name(Dialect dialect) {
  for (const auto& [value, name] : kDialects) {
    if (value == dialect) return name;
  }
  return "";
}

std::optional<Dialect> dialect_from_name(std::string_view name) {
  for (const auto& [value, known] : kDialects) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace larder::inbox
