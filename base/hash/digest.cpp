#include "base/hash/digest.h"

#include <sodium.h>

#include <cstdio>
#include <cstdlib>

namespace larder {
namespace {

// Called when the library is broken or a key has a wrong size: going on would give wrong hashes.
[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "larder: %s failed\n", what);
  std::abort();
}

}  // namespace

Digest blake2b256(Bytes bytes, Bytes key) {
  Digest digest;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* key_data = key.empty() ? nullptr : reinterpret_cast<const unsigned char*>(key.data());
  const bool key_fits = key.empty() || (key.size() >= crypto_generichash_blake2b_KEYBYTES_MIN &&
                                        key.size() <= crypto_generichash_blake2b_KEYBYTES_MAX);
  if (!key_fits || crypto_generichash_blake2b(reinterpret_cast<unsigned char*>(digest.data()), digest.size(), data,
                                              bytes.size(), key_data, key.size()) != 0) {
    die("crypto_generichash_blake2b (a key has 16 to 64 bytes)");
  }
  return digest;
}

}  // namespace larder
