#include "agent/verdict/minisign.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::string_view kUntrusted = "untrusted comment:";
constexpr std::string_view kTrusted = "trusted comment: ";
constexpr std::size_t kMaxText = 16 * 1024;
constexpr const char* kDoing = "check the minisign signature";

tl::unexpected<Error> malformed(std::string_view what, std::string_view why) {
  return fail(ErrorCode::invalid_argument, fmt::format("read the minisign {}", what), std::string(why));
}

tl::unexpected<Error> invalid(std::string why) {
  return fail(ErrorCode::signature_invalid, kDoing, std::move(why));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

template <std::size_t N>
void copy_out(const std::vector<std::byte>& from, std::size_t offset, std::array<std::byte, N>& to) {
  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), N, to.begin());
}

bool begins_with(const std::vector<std::byte>& bytes, std::string_view two) {
  return static_cast<char>(bytes[0]) == two[0] && static_cast<char>(bytes[1]) == two[1];
}

template <class C>
const unsigned char* raw(const C& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string show(const MinisignKeyId& id) {
  // As minisign prints it: a little-endian number.
  MinisignKeyId reversed = id;
  std::reverse(reversed.begin(), reversed.end());
  return to_hex(reversed);
}

}  // namespace

Result<MinisignKey> parse_minisign_key(const std::string& text) {
  constexpr std::size_t kSize = 2 + 8 + 32;
  if (text.size() > kMaxText) return malformed("public key", "it is far too long");
  std::vector<std::string_view> lines = lines_of(text);
  if (!lines.empty() && lines.front().starts_with(kUntrusted)) lines.erase(lines.begin());
  if (lines.size() != 1) return malformed("public key", "it must be the one base64 line of the .pub file");
  const auto bytes = from_base64(lines.front());
  if (!bytes || bytes->size() != kSize || !begins_with(*bytes, "Ed")) {
    return malformed("public key", "it is not a minisign public key (56 base64 characters that begin with RW)");
  }
  MinisignKey key;
  copy_out(*bytes, 2, key.id);
  copy_out(*bytes, 10, key.key);
  return key;
}

Result<MinisignSignature> parse_minisign_signature(const std::string& text) {
  constexpr std::size_t kSize = 2 + 8 + 64;
  if (text.size() > kMaxText) return malformed("signature", "it is far too long");
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.size() != 4 || !lines[0].starts_with(kUntrusted) || !lines[2].starts_with(kTrusted)) {
    return malformed("signature",
                     "it must be the four lines of a .minisig file: untrusted comment, signature, trusted comment, "
                     "global signature");
  }
  const auto bytes = from_base64(lines[1]);
  const bool prehashed = bytes && bytes->size() == kSize && begins_with(*bytes, "ED");
  const bool legacy = bytes && bytes->size() == kSize && begins_with(*bytes, "Ed");
  if (!prehashed && !legacy) return malformed("signature", "its second line is not a minisign signature");
  const auto global = from_base64(lines[3]);
  if (!global || global->size() != 64) return malformed("signature", "its last line is not a global signature");
  MinisignSignature signature;
  signature.prehashed = prehashed;
  copy_out(*bytes, 2, signature.key_id);
  copy_out(*bytes, 10, signature.signature);
  copy_out(*global, 0, signature.global);
  signature.trusted_comment = std::string(lines[2].substr(kTrusted.size()));
  return signature;
}

struct MinisignCheck::Impl {
  MinisignKey key;
  MinisignSignature signature;
  crypto_generichash_state hash{};
  std::vector<std::byte> message;  // legacy only
};

MinisignCheck::MinisignCheck(MinisignKey key, MinisignSignature signature) : impl_(std::make_unique<Impl>()) {
  impl_->key = key;
  impl_->signature = std::move(signature);
  crypto_generichash_init(&impl_->hash, nullptr, 0, crypto_generichash_BYTES_MAX);
}

MinisignCheck::~MinisignCheck() = default;

Status MinisignCheck::begin(std::uint64_t content_size) {
  const MinisignSignature& signature = impl_->signature;
  if (signature.key_id != impl_->key.id) {
    return invalid(
        fmt::format("it was made with key {}, not with the given key {}", show(signature.key_id), show(impl_->key.id)));
  }
  std::vector<std::byte> signed_bytes(signature.signature.begin(), signature.signature.end());
  const Bytes comment = as_bytes(signature.trusted_comment);
  signed_bytes.insert(signed_bytes.end(), comment.begin(), comment.end());
  if (crypto_sign_verify_detached(raw(signature.global), raw(signed_bytes), signed_bytes.size(), raw(impl_->key.key)) !=
      0) {
    return invalid("its trusted comment or its global signature was changed");
  }
  if (signature.prehashed) return {};
  if (content_size > kMaxLegacyContent) {
    return invalid(
        fmt::format("it is of the legacy form, which can be checked up to {} only and the content has {}; "
                    "sign it with minisign -H",
                    format_bytes(kMaxLegacyContent), format_bytes(content_size)));
  }
  impl_->message.reserve(static_cast<std::size_t>(content_size));
  return {};
}

void MinisignCheck::update(Bytes bytes) {
  if (impl_->signature.prehashed) {
    crypto_generichash_update(&impl_->hash, raw(bytes), bytes.size());
  } else {
    impl_->message.insert(impl_->message.end(), bytes.begin(), bytes.end());
  }
}

Status MinisignCheck::finish() {
  std::array<std::byte, crypto_generichash_BYTES_MAX> digest{};
  Bytes message = impl_->message;
  if (impl_->signature.prehashed) {
    crypto_generichash_final(&impl_->hash, reinterpret_cast<unsigned char*>(digest.data()), digest.size());
    message = digest;
  }
  const int bad =
      crypto_sign_verify_detached(raw(impl_->signature.signature), raw(message), message.size(), raw(impl_->key.key));
  if (bad != 0) return invalid("the content is not what was signed");
  return {};
}

}  // namespace larder::agent
