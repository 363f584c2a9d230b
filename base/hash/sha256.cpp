// SHA-256 by OpenSSL, in a file of its own: a program that does not use it need not load that library.
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/hash/openssl_sha256.h"

namespace larder {
namespace {

// Called only if OpenSSL is broken or memory is exhausted: going on would give wrong hashes.
[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "larder: %s failed\n", what);
  std::abort();
}

// Fetches the method once: an implicit fetch by name costs a lock and a search per digest.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (method == nullptr) die("EVP_MD_fetch(SHA256)");
  return method;
}

}  // namespace

Sha256Context::Sha256Context() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) die("EVP_MD_CTX_new");
  if (EVP_DigestInit_ex2(context_, sha256_method(), nullptr) != 1) die("EVP_DigestInit_ex2");
}

Sha256Context::~Sha256Context() {
  EVP_MD_CTX_free(context_);
}

void Sha256Context::update(Bytes bytes) {
  if (EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1) die("EVP_DigestUpdate");
}

void Sha256Context::finish(Digest& out) {
  if (EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(out.data()), nullptr) != 1) die("EVP_DigestFinal");
  // A null type keeps the provider's context, so starting afresh allocates nothing.
  if (EVP_DigestInit_ex2(context_, nullptr, nullptr) != 1) die("EVP_DigestInit_ex2");
}

void Sha256Context::take_over(const Sha256Context& other) {
  if (EVP_MD_CTX_copy_ex(context_, other.context_) != 1) die("EVP_MD_CTX_copy_ex");
}

Sha256Context& Sha256Context::of_this_thread() {
  thread_local Sha256Context context;
  return context;
}

struct Sha256::Impl {
  Sha256Context context;
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(Bytes bytes) {
  impl_->context.update(bytes);
}

Digest Sha256::finish() {
  Digest digest;
  impl_->context.finish(digest);
  return digest;
}

Sha256 Sha256::copy() const {
  Sha256 copied;
  copied.impl_->context.take_over(impl_->context);
  return copied;
}

Digest sha256(Bytes bytes) {
  Sha256Context& context = Sha256Context::of_this_thread();
  context.update(bytes);
  Digest digest;
  context.finish(digest);
  return digest;
}

}  // namespace larder
