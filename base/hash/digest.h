// SHA-256 and SHA-1 (OpenSSL EVP) and BLAKE2b-256 (libsodium), streaming; hex and base64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

using Bytes = std::span<const std::byte>;
using Digest = std::array<std::byte, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(Bytes bytes);
  [[nodiscard]] Digest finish();      // also starts a new digest
  [[nodiscard]] Sha256 copy() const;  // goes on from the same bytes, by itself

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// SHA-1 (OpenSSL EVP), streaming. For digests that a protocol prescribes; it proves nothing against an attacker.
using Sha1Digest = std::array<std::byte, 20>;

class Sha1 {
 public:
  Sha1();
  ~Sha1();
  Sha1(Sha1&&) noexcept;
  Sha1& operator=(Sha1&&) noexcept;
  void update(Bytes bytes);
  [[nodiscard]] Sha1Digest finish();  // also starts a new digest

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

[[nodiscard]] Digest sha256(Bytes bytes);
// Unkeyed if `key` is empty; a key of other than 16 to 64 bytes ends the process.
[[nodiscard]] Digest blake2b256(Bytes bytes, Bytes key = {});

[[nodiscard]] Bytes as_bytes(std::string_view text);
[[nodiscard]] std::string to_hex(Bytes bytes);                                       // lower case
[[nodiscard]] std::optional<std::vector<std::byte>> from_hex(std::string_view hex);  // either case
[[nodiscard]] std::optional<Digest> digest_from_hex(std::string_view hex);           // exactly 64 digits
[[nodiscard]] std::string to_base64(Bytes bytes);
[[nodiscard]] std::optional<std::vector<std::byte>> from_base64(std::string_view text);  // strict, padded
[[nodiscard]] std::string random_id();  // 32 hex digits from the operating system's random source

}  // namespace larder
