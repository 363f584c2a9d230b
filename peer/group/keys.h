// The keys of an agent and of a group (docs/design.md, Trust), over libsodium. Plain values; any thread.
//
// An agent is an Ed25519 key; its id is the public key. A group has a symmetric key, renewed at each revocation (its
// epoch counts up). The keys that encrypt datagrams and name versions on the LAN are derived from it; it is never used
// itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "cache/record/version.h"

namespace larder::peer {

using AgentId = std::array<std::byte, 32>;     // Ed25519 public key
using Signature = std::array<std::byte, 64>;   // Ed25519 (RFC 8032)
using SecretSeed = std::array<std::byte, 32>;  // Ed25519 seed, as PKCS#8 keeps it

class AgentKey {
 public:
  static AgentKey generate();
  static AgentKey from_seed(const SecretSeed& seed);
  ~AgentKey();  // wipes the secret
  AgentKey(const AgentKey&) = default;
  AgentKey& operator=(const AgentKey&) = default;

  [[nodiscard]] const AgentId& id() const { return id_; }
  [[nodiscard]] SecretSeed seed() const;
  [[nodiscard]] Signature sign(Bytes message) const;

 private:
  AgentKey() = default;
  AgentId id_{};
  std::array<std::byte, 64> secret_{};  // libsodium's form: seed, then public key
};

[[nodiscard]] bool verify(const AgentId& signer, Bytes message, const Signature& signature);
[[nodiscard]] std::string agent_name(const AgentId& id);  // the first 8 hex digits: for people

// The group's symmetric secret and the keys that are derived from it.
class GroupKey {
 public:
  GroupKey() = default;
  static GroupKey generate(std::uint32_t epoch);
  static GroupKey from_secret(std::uint32_t epoch, const Digest& secret);

  [[nodiscard]] std::uint32_t epoch() const { return epoch_; }
  [[nodiscard]] const Digest& secret() const { return secret_; }  // to persist and to enrol; never logged
  // version_key() and url_key() name a version, or a URL alone, on the LAN without revealing the URL.
  [[nodiscard]] Digest version_key(const cache::Version& version) const;
  [[nodiscard]] Digest url_key(const std::string& canonical_url) const;

  static constexpr std::size_t kNonceSize = 24;
  static constexpr std::size_t kTagSize = 16;
  // seal() encrypts with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): nonce (random), then ciphertext with its tag.
  // `header` is authenticated, not encrypted.
  [[nodiscard]] std::vector<std::byte> seal(Bytes header, Bytes message) const;
  [[nodiscard]] std::optional<std::vector<std::byte>> open(Bytes header, Bytes sealed) const;

 private:
  [[nodiscard]] Digest derive(std::string_view purpose) const;
  std::uint32_t epoch_ = 0;
  Digest secret_{};
  Digest seal_key_{};
  Digest lookup_key_{};
};

// Initialises libsodium; called once by main and by tests. Idempotent.
[[nodiscard]] Status initialise_crypto();

}  // namespace larder::peer
