// The hex and base64 functions of base/hash/digest.h, by libsodium: its decoders refuse blanks and missing padding.
#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "base/runtime/loop.h"

namespace larder {
namespace {

constexpr int kPadded = sodium_base64_VARIANT_ORIGINAL;

const unsigned char* data_of(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

bool hex_into(std::string_view hex, std::span<std::byte> out) {
  if (hex.size() != out.size() * 2) return false;
  if (out.empty()) return true;  // libsodium does not allow a null pointer
  std::size_t length = 0;
  return sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), hex.data(), hex.size(), nullptr,
                        &length, nullptr) == 0 &&
         length == out.size();
}

}  // namespace

Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string to_hex(Bytes bytes) {
  std::string hex(bytes.size() * 2, '\0');
  sodium_bin2hex(hex.data(), hex.size() + 1, data_of(bytes), bytes.size());  // + 1: the NUL after a string
  return hex;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  if (!hex_into(hex, bytes)) return std::nullopt;
  return bytes;
}

std::optional<Digest> digest_from_hex(std::string_view hex) {
  Digest digest;
  if (!hex_into(hex, digest)) return std::nullopt;
  return digest;
}

std::string to_base64(Bytes bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kPadded) - 1, '\0');
  sodium_bin2base64(text.data(), text.size() + 1, data_of(bytes), bytes.size(), kPadded);
  return text;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  // libsodium 1.0.18 accepts bytes that are not ASCII as digits.
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7f; }))
    return std::nullopt;
  std::vector<std::byte> bytes(text.size() / 4 * 3 + 1);  // never empty: libsodium does not allow a null pointer
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(), nullptr,
                        &length, nullptr, kPadded) != 0)
    return std::nullopt;
  bytes.resize(length);
  return bytes;
}

std::string random_id() {
  const auto random = make_system_random();
  const std::array<std::uint64_t, 2> words{random->next(), random->next()};
  return to_hex(std::as_bytes(std::span(words)));
}

}  // namespace larder
