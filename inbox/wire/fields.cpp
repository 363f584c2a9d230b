#include "inbox/wire/fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kMaxDigits = 19;  // of 2^63 - 1
constexpr std::uint64_t kMaxNumber = (std::uint64_t{1} << 63) - 1;
constexpr std::size_t kMaxShown = 64;  // of a value that an answer repeats

std::string shown(std::string_view value) {
  std::string text(value.substr(0, kMaxShown));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return is_control(c) || static_cast<signed char>(c) < 0; }, '?');
  return text;
}

}  // namespace

tl::unexpected<Fault> bad(std::string_view why, int status) {
  return tl::unexpected<Fault>(
      Fault{Problem::bad_request, fmt::format("cannot take the request: {}", why), status, {}});
}

tl::unexpected<Fault> bad(Problem problem, std::string_view why) {
  return tl::unexpected<Fault>(Fault{problem, fmt::format("cannot take the request: {}", why), 0, {}});
}

Read<std::optional<std::string_view>> only_field(const http::RequestHead& head, std::string_view name) {
  std::optional<std::string_view> value;
  for (const http::Field& field : head.fields) {
    if (!http::same_name(field.name, name)) continue;
    if (value) return bad(fmt::format("{} is given twice; give it once", name));
    value = field.value;
  }
  return value;
}

Read<std::string_view> needed_field(const http::RequestHead& head, std::string_view name) {
  const auto value = only_field(head, name);
  if (!value) return tl::unexpected(value.error());
  if (!*value) return bad(fmt::format("it has no {}", name));
  return **value;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || text.size() > kMaxDigits || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;  // 19 digits fit
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value <= kMaxNumber ? std::optional(value) : std::nullopt;
}

Read<std::optional<std::uint64_t>> number_field(const http::RequestHead& head, std::string_view name) {
  const auto value = only_field(head, name);
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::optional<std::uint64_t>();
  const auto number = parse_number(**value);
  if (!number) return bad(fmt::format("{} \"{}\" is no number of bytes", name, shown(**value)));
  return number;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes ";
  if (value.size() <= kUnit.size() || !http::same_name(value.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  value.remove_prefix(kUnit.size());
  const std::size_t dash = value.find('-'), slash = value.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const auto first = parse_number(value.substr(0, dash));
  const auto last = parse_number(value.substr(dash + 1, slash - dash - 1));
  const auto total = parse_number(value.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

Read<std::string> content_type(const http::RequestHead& head) {
  const auto value = only_field(head, "Content-Type");
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::string();
  return lower_case(trim((*value)->substr(0, (*value)->find(';'))));
}

Read<void> refuse_coding(const http::RequestHead& head) {
  const auto value = only_field(head, "Content-Encoding");
  if (!value) return tl::unexpected(value.error());
  if (*value && !http::same_name(**value, "identity"))
    return bad("its body has a Content-Encoding; send the bytes of the file as they are", 415);
  return {};
}

}  // namespace larder::inbox
