#include "peer/messages/catalogue_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace larder::peer {
namespace {

constexpr std::string_view kVersions = "/v1/versions/";
constexpr std::string_view kLeaves = "/v1/leaves/";
constexpr std::size_t kMaxQuery = 256;

std::optional<Digest> key_after(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return digest_from_hex(path.substr(prefix.size()));
}

// Calls `take` for each "name=value" of the query. False: the query is malformed, or `take` refused a member.
template <class Take>
bool each_member(std::string_view query, Take take) {
  if (query.size() > kMaxQuery) return false;
  while (!query.empty()) {
    const std::string_view member = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), member.size() + 1));
    const auto equals = member.find('=');
    if (equals == std::string_view::npos) return false;
    if (!take(member.substr(0, equals), member.substr(equals + 1))) return false;
  }
  return true;
}

bool read_flag(std::string_view text, bool& out) {
  out = text == "1";
  return text == "0" || text == "1";
}

bool read_number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_kind(std::string_view text, KeyKind& out) {
  out = text == "url" ? KeyKind::url : KeyKind::version;
  return text == "url" || text == "version";
}

bool read_count(std::string_view text, std::optional<std::uint64_t>& out) {
  if (text == "all") {
    out.reset();
    return true;
  }
  out.emplace();
  return read_number(text, *out);
}

}  // namespace

std::string target_of(const ManifestQuery& query) {
  return fmt::format("{}{}?kind={}&inline={:d}&again={:d}", kVersions, to_hex(query.key),
                     query.kind == KeyKind::url ? "url" : "version", query.with_bytes, query.comes_again);
}

std::string target_of(const LeavesQuery& query) {
  return fmt::format("{}{}?first={}&count={}&open={:d}&leaves={:d}", kLeaves, to_hex(query.key), query.first,
                     query.count ? std::to_string(*query.count) : "all", query.open, query.leaves);
}

std::optional<ManifestQuery> parse_manifest_query(std::string_view path, std::string_view query) {
  const auto key = key_after(kVersions, path);
  if (!key) return std::nullopt;
  ManifestQuery out;
  out.key = *key;
  const bool good = each_member(query, [&out](std::string_view name, std::string_view value) {
    if (name == "kind") return read_kind(value, out.kind);
    if (name == "inline") return read_flag(value, out.with_bytes);
    if (name == "again") return read_flag(value, out.comes_again);
    return true;
  });
  return good ? std::optional(out) : std::nullopt;
}

std::optional<LeavesQuery> parse_leaves_query(std::string_view path, std::string_view query) {
  const auto key = key_after(kLeaves, path);
  if (!key) return std::nullopt;
  LeavesQuery out;
  out.key = *key;
  const bool good = each_member(query, [&out](std::string_view name, std::string_view value) {
    if (name == "first") return read_number(value, out.first);
    if (name == "count") return read_count(value, out.count);
    if (name == "open") return read_flag(value, out.open);
    if (name == "leaves") return read_flag(value, out.leaves);
    return true;
  });
  return good ? std::optional(out) : std::nullopt;
}

}  // namespace larder::peer
