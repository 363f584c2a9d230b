// Minisign signatures (https://jedisct1.github.io/minisign/): Ed25519 over the content itself (legacy, "Ed") or over
// its BLAKE2b-512 ("ED"; minisign -H, and the default of every release since 0.8). Pure: bytes in, result out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/hash/digest.h"
#include "base/result.h"

namespace larder::agent {

using MinisignKeyId = std::array<std::byte, 8>;

struct MinisignKey {
  MinisignKeyId id{};
  std::array<std::byte, 32> key{};
};

struct MinisignSignature {
  bool prehashed = true;
  MinisignKeyId key_id{};
  std::array<std::byte, 64> signature{};
  std::array<std::byte, 64> global{};  // over the signature and the trusted comment
  std::string trusted_comment;
};

// Reads the base64 line of the .pub file, or the whole file. Errors: invalid_argument.
[[nodiscard]] Result<MinisignKey> parse_minisign_key(const std::string& text);
// Reads the text of the .minisig file. Errors: invalid_argument.
[[nodiscard]] Result<MinisignSignature> parse_minisign_signature(const std::string& text);

// Maximum content under a legacy signature, which libsodium verifies only over one run of bytes in memory.
inline constexpr std::uint64_t kMaxLegacyContent = 256ULL * 1024 * 1024;

// Checks one content, passed in order. Call begin(), update() for all bytes, finish(). A bad signature:
// signature_invalid.
class MinisignCheck {
 public:
  MinisignCheck(MinisignKey key, MinisignSignature signature);
  ~MinisignCheck();
  MinisignCheck(const MinisignCheck&) = delete;
  MinisignCheck& operator=(const MinisignCheck&) = delete;

  // Checks all that needs no content: key id, trusted comment, size.
  [[nodiscard]] Status begin(std::uint64_t content_size);
  void update(Bytes bytes);
  [[nodiscard]] Status finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder::agent
