#include "peer/group/keys.h"

#include <sodium.h>

#include <cstring>
#include <string_view>

namespace larder::peer {
namespace {

unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

void append_field(std::vector<std::byte>& out, std::string_view text) {
  // Length first, so that no two field lists have the same bytes.
  const auto length = static_cast<std::uint32_t>(text.size());
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(length >> shift));
  const Bytes bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Status initialise_crypto() {
  if (sodium_init() < 0) return fail(ErrorCode::internal, "start the cryptographic library", "libsodium refused");
  return {};
}

AgentKey AgentKey::generate() {
  SecretSeed seed;
  randombytes_buf(seed.data(), seed.size());
  AgentKey key = from_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

AgentKey AgentKey::from_seed(const SecretSeed& seed) {
  AgentKey key;
  crypto_sign_seed_keypair(raw(key.id_.data()), raw(key.secret_.data()), raw(seed.data()));
  return key;
}

AgentKey::~AgentKey() {
  sodium_memzero(secret_.data(), secret_.size());
}

SecretSeed AgentKey::seed() const {
  SecretSeed seed;
  std::memcpy(seed.data(), secret_.data(), seed.size());
  return seed;
}

Signature AgentKey::sign(Bytes message) const {
  Signature signature;
  crypto_sign_detached(raw(signature.data()), nullptr, raw(message.data()), message.size(), raw(secret_.data()));
  return signature;
}

bool verify(const AgentId& signer, Bytes message, const Signature& signature) {
  return crypto_sign_verify_detached(raw(signature.data()), raw(message.data()), message.size(), raw(signer.data())) ==
         0;
}

std::string agent_name(const AgentId& id) {
  return to_hex(id).substr(0, 8);
}

GroupKey GroupKey::generate(std::uint32_t epoch) {
  Digest secret;
  randombytes_buf(secret.data(), secret.size());
  return from_secret(epoch, secret);
}

GroupKey GroupKey::from_secret(std::uint32_t epoch, const Digest& secret) {
  GroupKey key;
  key.epoch_ = epoch;
  key.secret_ = secret;
  key.seal_key_ = key.derive("larder datagram v1");
  key.lookup_key_ = key.derive("larder lookup v1");
  return key;
}

Digest GroupKey::derive(std::string_view purpose) const {
  return blake2b256(as_bytes(purpose), secret_);
}

Digest GroupKey::version_key(const cache::Version& version) const {
  std::vector<std::byte> fields;
  append_field(fields, "version");
  append_field(fields, version.url);
  append_field(fields, version.size ? std::to_string(*version.size) : std::string());
  append_field(fields, version.etag);
  append_field(fields, version.last_modified);
  return blake2b256(fields, lookup_key_);
}

Digest GroupKey::url_key(const std::string& canonical_url) const {
  std::vector<std::byte> fields;
  append_field(fields, "url");
  append_field(fields, canonical_url);
  return blake2b256(fields, lookup_key_);
}

std::vector<std::byte> GroupKey::seal(Bytes header, Bytes message) const {
  std::vector<std::byte> sealed(kNonceSize + message.size() + kTagSize);
  randombytes_buf(sealed.data(), kNonceSize);
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(sealed.data() + kNonceSize), nullptr, raw(message.data()),
                                             message.size(), raw(header.data()), header.size(), nullptr,
                                             raw(sealed.data()), raw(seal_key_.data()));
  return sealed;
}

std::optional<std::vector<std::byte>> GroupKey::open(Bytes header, Bytes sealed) const {
  if (sealed.size() < kNonceSize + kTagSize) return std::nullopt;
  const Bytes cipher = sealed.subspan(kNonceSize);
  std::vector<std::byte> message(cipher.size() - kTagSize);
  const int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
      raw(message.data()), nullptr, nullptr, raw(cipher.data()), cipher.size(), raw(header.data()), header.size(),
      raw(sealed.data()), raw(seal_key_.data()));
  if (opened != 0) return std::nullopt;
  return message;
}

}  // namespace larder::peer
