#include "origin/http/http_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text/http_date.h"
#include "base/text/text.h"

namespace larder::origin {

std::vector<const std::string*> find_all(const std::vector<Header>& headers, std::string_view name) {
  std::vector<const std::string*> values;
  for (const Header& header : headers) {
    if (header.first == name) values.push_back(&header.second);
  }
  return values;
}

std::vector<std::string_view> split_list(std::string_view value) {
  std::vector<std::string_view> elements;
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= value.size(); ++i) {
    if (i < value.size() && quoted && value[i] == '\\') {
      ++i;
      continue;
    }
    if (i < value.size() && value[i] == '"') quoted = !quoted;
    if (i < value.size() && (quoted || value[i] != ',')) continue;
    const std::string_view element = trim(value.substr(std::min(start, value.size()), i - start));
    if (!element.empty()) elements.push_back(element);
    start = i + 1;
  }
  return elements;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 32) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trim(value);
  constexpr std::size_t kUnit = 5;  // "bytes"
  if (value.size() <= kUnit || lower_case(value.substr(0, kUnit)) != "bytes" || value[kUnit] != ' ')
    return std::nullopt;
  value = trim(value.substr(kUnit));
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view range = value.substr(0, slash), total = value.substr(slash + 1);
  ContentRange parsed;
  if (total != "*") {
    parsed.total = parse_decimal(total);
    if (!parsed.total || *parsed.total > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  }
  if (range == "*") {
    parsed.unsatisfied = true;
    return parsed.total ? std::optional(parsed) : std::nullopt;
  }
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_decimal(range.substr(0, dash)), last = parse_decimal(range.substr(dash + 1));
  if (!first || !last || *first > *last || *last >= std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  if (parsed.total && *last >= *parsed.total) return std::nullopt;
  parsed.first = *first;
  parsed.last = *last;
  return parsed;
}

namespace {

// The index and libcurl count in signed 64-bit integers.
constexpr std::uint64_t kMaxLength = std::numeric_limits<std::int64_t>::max();

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<std::optional<std::uint64_t>> content_length(const std::vector<Header>& headers) {
  std::optional<std::uint64_t> length;
  for (const std::string* value : find_all(headers, "content-length")) {
    for (const std::string_view element : split_list(*value)) {
      const auto one = parse_decimal(element);
      if (!one || *one > kMaxLength) {
        return fail(
            ErrorCode::bad_response, "read the answer",
            fmt::format("its Content-Length is {}: {}",
                        is_number(element) ? "larger than any file can be" : "not a number", value->substr(0, 64)));
      }
      if (length && *length != *one) {
        return fail(ErrorCode::bad_response, "read the answer",
                    fmt::format("it has two Content-Length values, {} and {}", *length, *one));
      }
      length = one;
    }
  }
  return length;
}

Result<bool> is_chunked(const std::vector<Header>& headers) {
  bool chunked = false;
  for (const std::string* value : find_all(headers, "transfer-encoding")) {
    for (const std::string_view element : split_list(*value)) {
      const std::string coding = lower_case(element);
      if (coding == "identity") continue;
      if (coding != "chunked" || chunked) {
        return fail(ErrorCode::bad_response, "read the answer",
                    fmt::format("the origin encoded it for the way with Transfer-Encoding: {}, which nobody asked for; "
                                "let it send the file as it is, or chunked once",
                                value->substr(0, 64)));
      }
      chunked = true;
    }
  }
  return chunked;
}

std::optional<EntityTag> parse_etag(std::string_view value) {
  constexpr std::size_t kMaxTag = 1024;  // the index keeps no longer ones
  value = trim(value);
  EntityTag tag;
  if (value.starts_with("W/")) {
    tag.weak = true;
    value.remove_prefix(2);
  }
  if (value.size() < 2 || value.size() > kMaxTag || value.front() != '"' || value.back() != '"') return std::nullopt;
  for (const char c : value.substr(1, value.size() - 2)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x21 || byte == 0x22 || byte == 0x7f) return std::nullopt;
  }
  tag.text = std::string(value);
  return tag;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, WallTime now) {
  value = trim(value);
  if (value.empty()) return std::nullopt;
  const bool digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    const auto seconds = parse_decimal(value);
    const auto cap = static_cast<std::uint64_t>(kMaxRetryAfter.count());
    return std::chrono::seconds(std::min(seconds.value_or(cap), cap));  // an overflow is a long time
  }
  const auto date = parse_http_date(value, now);
  if (!date) return std::nullopt;
  if (*date <= now) return std::chrono::seconds(0);
  return std::min(std::chrono::ceil<std::chrono::seconds>(*date - now), kMaxRetryAfter);
}

CacheControl parse_cache_control(const std::vector<Header>& headers) {
  CacheControl control;
  for (const std::string* value : find_all(headers, "cache-control")) {
    for (const std::string_view element : split_list(*value)) {
      const std::size_t equals = element.find('=');
      const std::string name = lower_case(trim(element.substr(0, equals)));
      std::string_view argument =
          equals == std::string_view::npos ? std::string_view{} : trim(element.substr(equals + 1));
      if (argument.size() >= 2 && argument.front() == '"' && argument.back() == '"') {
        argument = argument.substr(1, argument.size() - 2);
      }
      if (name == "no-store") control.no_store = true;
      if (name == "no-cache") control.no_cache = true;
      if (name == "private") control.is_private = true;
      if (name == "public") control.is_public = true;
      if (name == "max-age") control.max_age = parse_decimal(argument);
      if (name == "s-maxage") control.s_maxage = parse_decimal(argument);
    }
  }
  return control;
}

AcceptRanges parse_accept_ranges(const std::vector<Header>& headers) {
  AcceptRanges said = AcceptRanges::unsaid;
  for (const std::string* value : find_all(headers, "accept-ranges")) {
    for (const std::string_view element : split_list(*value)) {
      const std::string unit = lower_case(element);
      if (unit == "bytes") return AcceptRanges::bytes;
      if (unit == "none") said = AcceptRanges::none;
    }
  }
  return said;
}

}  // namespace larder::origin
