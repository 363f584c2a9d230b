// Hex and base64 of base/hash/digest.h.
#include <array>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "base/runtime/loop.h"
#include "base/text/text.h"

namespace larder {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool hex_into(std::string_view hex, std::span<std::byte> out) {
  if (hex.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

constexpr auto kBase64Values = [] {
  std::array<int, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
    values[static_cast<unsigned char>(kBase64Digits[i])] = static_cast<int>(i);
  }
  return values;
}();

}  // namespace

Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string to_hex(Bytes bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    hex.push_back(kHexDigits[std::to_integer<std::size_t>(byte >> 4)]);
    hex.push_back(kHexDigits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
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
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0U);
    }
    text.push_back(kBase64Digits[group >> 18]);
    text.push_back(kBase64Digits[group >> 12 & 63]);
    text.push_back(i + 1 < bytes.size() ? kBase64Digits[group >> 6 & 63] : '=');
    text.push_back(i + 2 < bytes.size() ? kBase64Digits[group & 63] : '=');
  }
  return text;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  if (text.ends_with("==")) {
    padding = 2;
  } else if (text.ends_with('=')) {
    padding = 1;
  }
  const std::size_t digits = text.size() - padding;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int value = kBase64Values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    pending = (pending << 6 | static_cast<std::uint32_t>(value)) & 0xffffU;
    pending_bits += 6;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      bytes.push_back(static_cast<std::byte>(pending >> pending_bits & 255U));
    }
  }
  // Bits left over must be zero, or two texts would name the same bytes.
  if ((pending & ((1U << pending_bits) - 1U)) != 0) return std::nullopt;
  return bytes;
}

std::string random_id() {
  const auto random = make_system_random();
  const std::array<std::uint64_t, 2> words{random->next(), random->next()};
  return to_hex(std::as_bytes(std::span(words)));
}

}  // namespace larder
