// SHA-1 by OpenSSL.
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

#include "base/hash/digest.h"

namespace larder {
namespace {

// Called only if OpenSSL is broken or memory is exhausted: going on would give wrong hashes.
[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "larder: %s failed\n", what);
  std::abort();
}

}  // namespace

struct Sha1::Impl {
  Impl() : context(EVP_MD_CTX_new()) {
    if (context == nullptr || EVP_DigestInit_ex2(context, EVP_sha1(), nullptr) != 1) die("EVP_DigestInit_ex2(SHA1)");
  }
  ~Impl() { EVP_MD_CTX_free(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  EVP_MD_CTX* context;
};

Sha1::Sha1() : impl_(std::make_unique<Impl>()) {}
Sha1::~Sha1() = default;
Sha1::Sha1(Sha1&&) noexcept = default;
Sha1& Sha1::operator=(Sha1&&) noexcept = default;

void Sha1::update(Bytes bytes) {
  if (EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) != 1) die("EVP_DigestUpdate");
}

Sha1Digest Sha1::finish() {
  Sha1Digest digest;
  auto* const out = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_DigestFinal_ex(impl_->context, out, nullptr) != 1) die("EVP_DigestFinal");
  if (EVP_DigestInit_ex2(impl_->context, EVP_sha1(), nullptr) != 1) die("EVP_DigestInit_ex2(SHA1)");
  return digest;
}

}  // namespace larder
