#include "inbox/wire/digests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kMaxDictionary = 4096;

struct Algorithm {
  std::string_view name;
  PartDigest::Algorithm value;
  std::size_t bytes;
};
constexpr std::array kAlgorithms = {Algorithm{"sha1", PartDigest::Algorithm::sha1, 20},
                                    Algorithm{"sha256", PartDigest::Algorithm::sha256, 32}};

std::optional<Digest> to_digest(std::string_view base64) {
  constexpr std::size_t kBase64Length = 44;  // of 32 bytes
  if (base64.size() != kBase64Length) return std::nullopt;
  const auto bytes = from_base64(base64);
  Digest digest{};
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

// The value of a member "sha-256", without its parameters.
std::optional<Digest> byte_sequence(std::string_view item) {
  if (item.size() < 2 || item.front() != ':') return std::nullopt;
  const std::size_t close = item.find(':', 1);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view after = item.substr(close + 1);
  if (!after.empty() && after.front() != ';') return std::nullopt;
  return to_digest(item.substr(1, close - 1));
}

// Base64 has no comma, so members of digests can be told apart by commas alone. A string with one inside would be cut,
// and then be no digest.
Read<std::optional<Digest>> sha256_member(std::string_view name, std::string_view value) {
  std::optional<Digest> found;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view member = trim(value.substr(0, comma));
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || equals == 0) return bad(fmt::format("{} is no list of digests", name));
    if (member.substr(0, equals) == "sha-256") {
      if (found) return bad(fmt::format("{} has two digests sha-256", name));
      found = byte_sequence(member.substr(equals + 1));
      if (!found) return bad(fmt::format("{} has a sha-256 that is no \":BASE64:\" of 32 bytes", name));
    }
    if (comma == std::string_view::npos) return found;
    value.remove_prefix(comma + 1);
  }
}

PartDigest of_part(const Digest& digest) {
  return {PartDigest::Algorithm::sha256, {digest.begin(), digest.end()}};
}

}  // namespace

Read<std::optional<Digest>> digest_field(const http::RequestHead& head, std::string_view name) {
  const auto value = only_field(head, name);
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::optional<Digest>();
  if ((*value)->size() > kMaxDictionary) return bad(fmt::format("{} is too long", name));
  return sha256_member(name, **value);
}

Read<PartDigest> parse_checksum(std::string_view value) {
  const std::size_t blank = value.find(' ');
  const std::string_view name = value.substr(0, blank);
  const auto* const known = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                         [&](const Algorithm& algorithm) { return algorithm.name == name; });
  if (known == kAlgorithms.end())
    return bad(
        fmt::format("Upload-Checksum has an algorithm that is not known here; known are {}", kChecksumAlgorithms));
  const std::string_view base64 = blank == std::string_view::npos ? "" : value.substr(blank + 1);
  auto bytes = base64.size() > 2 * known->bytes ? std::nullopt : from_base64(base64);
  if (!bytes || bytes->size() != known->bytes)
    return bad(fmt::format("Upload-Checksum is no base64 of the {} bytes of {}", known->bytes, known->name));
  return PartDigest{known->value, std::move(*bytes)};
}

Read<std::optional<PartDigest>> part_digest(const http::RequestHead& head, bool is_patch) {
  std::optional<PartDigest> found;
  bool agree = true;
  const auto add = [&](PartDigest digest) {
    agree = agree && (!found || (found->algorithm == digest.algorithm && found->value == digest.value));
    found = std::move(digest);
  };
  for (const std::string_view name : {"Content-Digest", "Repr-Digest"}) {
    if (name == "Repr-Digest" && !is_patch) continue;
    const auto digest = digest_field(head, name);
    if (!digest) return tl::unexpected(digest.error());
    if (*digest) add(of_part(**digest));
  }
  const auto checksum = only_field(head, "Upload-Checksum");
  if (!checksum) return tl::unexpected(checksum.error());
  if (*checksum) {
    auto digest = parse_checksum(**checksum);
    if (!digest) return tl::unexpected(digest.error());
    add(std::move(*digest));
  }
  if (!agree) return bad("its body has two digests, of which one alone can be checked; send one");
  return found;
}

std::string digest_member(const Digest& digest) {
  return fmt::format("sha-256=:{}:", to_base64(digest));
}

}  // namespace larder::inbox
