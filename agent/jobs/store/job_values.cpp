#include "agent/jobs/store/job_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error_table.h"

namespace larder::agent {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

// Cuts the part up to `mark` off the front of `text`.
std::optional<std::string_view> cut(std::string_view& text, char mark) {
  const std::size_t end = text.find(mark);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

}  // namespace

std::string encode_headers(const std::vector<origin::Header>& headers) {
  std::string text;
  for (const auto& [name, value] : headers) text += fmt::format("{}: {}\n", name, value);
  return text;
}

std::optional<std::vector<origin::Header>> decode_headers(std::string_view text) {
  std::vector<origin::Header> headers;
  while (!text.empty()) {
    const auto line = cut(text, '\n');
    const std::size_t mark = line ? line->find(": ") : std::string_view::npos;
    if (mark == std::string_view::npos) return std::nullopt;
    headers.emplace_back(line->substr(0, mark), line->substr(mark + 2));
  }
  return headers;
}

std::string encode_ranges(const std::vector<ByteRange>& ranges) {
  std::string text;
  for (const ByteRange& range : ranges) text += fmt::format("{}+{},", range.offset, range.length);
  return text;
}

std::optional<std::vector<ByteRange>> decode_ranges(std::string_view text) {
  std::vector<ByteRange> ranges;
  while (!text.empty()) {
    const auto offset_text = cut(text, '+');
    const auto length_text = offset_text ? cut(text, ',') : std::nullopt;
    if (!length_text) return std::nullopt;
    const auto offset = number<std::uint64_t>(*offset_text);
    const auto length = number<std::uint64_t>(*length_text);
    if (!offset || !length) return std::nullopt;
    ranges.push_back({*offset, *length});
  }
  return ranges;
}

std::string encode_mirrors(const std::vector<Mirror>& mirrors) {
  std::string text;
  for (const auto& [url, user, password] : mirrors) text += fmt::format("{}\n{}\n{}\n", url, user, password);
  return text;
}

std::optional<std::vector<Mirror>> decode_mirrors(std::string_view text) {
  std::vector<Mirror> mirrors;
  while (!text.empty()) {
    const auto url = cut(text, '\n');
    const auto user = url ? cut(text, '\n') : std::nullopt;
    const auto password = user ? cut(text, '\n') : std::nullopt;
    if (!password) return std::nullopt;
    mirrors.push_back({std::string(*url), std::string(*user), std::string(*password)});
  }
  return mirrors;
}

std::string encode_error(const Error& error) {
  std::string doing = error.doing;
  std::replace(doing.begin(), doing.end(), '\n', ' ');
  const std::string wait = error.retry_after ? std::to_string(error.retry_after->count()) : "-";
  return fmt::format("{}\n{}\n{}\n{}", error_info(error.code).name, wait, doing, error.detail);
}

std::optional<Error> decode_error(std::string_view text) {
  const auto name = cut(text, '\n');
  const auto wait = name ? cut(text, '\n') : std::nullopt;
  const auto doing = wait ? cut(text, '\n') : std::nullopt;
  if (!doing) return std::nullopt;
  const auto code = error_code_from_name(*name);
  if (!code) return std::nullopt;
  Error error{*code, std::string(*doing), std::string(text)};
  if (*wait != "-") {
    const auto seconds = number<std::int64_t>(*wait);
    if (!seconds) return std::nullopt;
    error.retry_after = std::chrono::seconds(*seconds);
  }
  return error;
}

std::string encode_version(const cache::Version& version) {
  const std::string size = version.size ? std::to_string(*version.size) : "-";
  return fmt::format("{}\n{}\n{}\n{}", size, version.etag, version.last_modified, version.url);
}

std::optional<cache::Version> decode_version(std::string_view text) {
  const auto size = cut(text, '\n');
  const auto etag = size ? cut(text, '\n') : std::nullopt;
  const auto modified = etag ? cut(text, '\n') : std::nullopt;
  if (!modified) return std::nullopt;
  cache::Version version;
  version.url = std::string(text);
  version.etag = std::string(*etag);
  version.last_modified = std::string(*modified);
  if (*size != "-") {
    version.size = number<std::uint64_t>(*size);
    if (!version.size) return std::nullopt;
  }
  return version;
}

}  // namespace larder::agent
