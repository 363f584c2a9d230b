#include "inbox/wire/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text/text.h"
#include "inbox/wire/target.h"

namespace larder::inbox {
namespace {

struct Pair {
  std::string_view key;
  std::string value;
};

bool is_metadata_key(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Read<Pair> parse_pair(std::string_view text) {
  const std::size_t blank = text.find(' ');
  const std::string_view key = text.substr(0, blank);
  if (!is_metadata_key(key)) return bad("Upload-Metadata has a key that is empty or not of visible ASCII characters");
  if (blank == std::string_view::npos) return Pair{key, ""};
  const auto bytes = from_base64(text.substr(blank + 1));
  if (!bytes) return bad("Upload-Metadata has a value that is not in base64");
  return Pair{key, std::string(http::as_text(*bytes))};
}

Read<std::vector<Pair>> parse_pairs(std::string_view value) {
  if (value.size() > kMaxMetadata) return bad(fmt::format("Upload-Metadata has more than {} bytes", kMaxMetadata));
  std::vector<Pair> pairs;
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const auto pair = parse_pair(trim(value.substr(0, comma)));
    if (!pair) return tl::unexpected(pair.error());
    const auto same = [&](const Pair& other) { return other.key == pair->key; };
    if (std::any_of(pairs.begin(), pairs.end(), same)) return bad("Upload-Metadata has a key twice");
    if (pairs.size() == kMaxMetadataPairs)
      return bad(fmt::format("Upload-Metadata has more than {} keys", kMaxMetadataPairs));
    pairs.push_back(*pair);
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return pairs;
}

}  // namespace

Read<Metadata> parse_metadata(std::string_view value) {
  const auto pairs = parse_pairs(value);
  if (!pairs) return tl::unexpected(pairs.error());
  Metadata found;
  std::string fallback;
  for (const Pair& pair : *pairs) {
    if (pair.key == "filename") found.name = pair.value;
    if (pair.key == "name") fallback = pair.value;
    if (pair.key == "larder-key") found.key = pair.value;
  }
  if (found.name.empty()) found.name = fallback;
  if (!found.name.empty() && !is_file_name(found.name))
    return bad(
        fmt::format("the file name in Upload-Metadata is none: at most {} bytes of UTF-8, without slashes", kMaxName));
  if (!found.key.empty() && !is_key(found.key))
    return bad("larder-key in Upload-Metadata is no transaction id: visible ASCII without quotes and slashes");
  return found;
}

Read<std::string> idempotency_key(const http::RequestHead& head) {
  const auto value = only_field(head, "Idempotency-Key");
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::string();
  std::string_view key = **value;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (!is_key(key))
    return bad(fmt::format("Idempotency-Key is none: 1 to {} visible ASCII characters without slashes", kMaxKey));
  return std::string(key);
}

}  // namespace larder::inbox
