// SHA-256 by OpenSSL without an allocation per digest; for sha256.cpp and merkle.cpp only.
#pragma once

#include "base/hash/digest.h"

struct evp_md_ctx_st;

namespace larder {

class Sha256Context {
 public:
  Sha256Context();
  ~Sha256Context();
  Sha256Context(const Sha256Context&) = delete;
  Sha256Context& operator=(const Sha256Context&) = delete;

  void update(Bytes bytes);
  void finish(Digest& out);                    // also starts a new digest
  void take_over(const Sha256Context& other);  // the bytes of `other` in place of its own

  // The context of this thread, shared by all functions that use it: finish() before returning to the caller.
  static Sha256Context& of_this_thread();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace larder
