#include "agent/api/http/range_header.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace larder::agent {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  // Too many digits: an offset beyond every content.
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  return error == std::errc{} ? std::optional<std::uint64_t>(value) : std::nullopt;
}

}  // namespace

std::variant<WholeContent, ByteRange, Unsatisfiable> parse_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (header.substr(0, kUnit.size()) != kUnit) return WholeContent{};
  header.remove_prefix(kUnit.size());
  const auto dash = header.find('-');
  if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return WholeContent{};
  const std::string_view left = header.substr(0, dash), right = header.substr(dash + 1);
  if (left.empty()) {
    const auto length = number(right);
    if (!length) return WholeContent{};
    if (*length == 0 || size == 0) return Unsatisfiable{};
    const std::uint64_t tail = std::min(*length, size);
    return ByteRange{size - tail, tail};
  }
  const auto first = number(left);
  const auto last = right.empty() ? std::optional<std::uint64_t>(UINT64_MAX) : number(right);
  if (!first || !last || *last < *first) return WholeContent{};
  if (*first >= size) return Unsatisfiable{};
  return ByteRange{*first, std::min(*last, size - 1) - *first + 1};
}

}  // namespace larder::agent
