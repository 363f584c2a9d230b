#include "origin/http/authorities.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace larder::origin {
namespace {

tl::unexpected<Error> unusable(std::string why) {
  return fail(ErrorCode::invalid_argument, "use the certificate authorities", std::move(why));
}

// One block of a PEM file, as OpenSSL allocates it.
struct Block {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
};

// Parses with OpenSSL, the library of libcurl, so that a block accepted here is accepted there.
bool is_certificate(const Block& block) {
  const std::string_view name(block.name);
  const unsigned char* at = block.data;
  X509* read = nullptr;
  if (name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD) {
    read = d2i_X509(nullptr, &at, block.size);
  } else if (name == PEM_STRING_X509_TRUSTED) {
    read = d2i_X509_AUX(nullptr, &at, block.size);
  }
  X509_free(read);
  return read != nullptr;
}

}  // namespace

Status check_authorities(std::string_view pem) {
  if (pem.size() > kMaxAuthorities)
    return unusable(fmt::format("the text is larger than {} KiB; give only the authorities that sign for this origin",
                                kMaxAuthorities / 1024));
  if (pem.find('\0') != std::string_view::npos) return unusable("the text has a NUL: it is not PEM");
  // Searched in the whole text, so that a key is found also in a damaged block or after the last certificate.
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos)
    return unusable("there is a private key among them; give the certificates alone");
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                       &BIO_free);
  if (!text) return unusable("there is no memory to read them");
  ERR_clear_error();
  std::size_t certificates = 0;
  for (;;) {
    Block block;
    if (PEM_read_bio(text.get(), &block.name, &block.header, &block.data, &block.size) != 1) {
      const unsigned long reason = ERR_peek_last_error();
      ERR_clear_error();
      if (ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE) break;
      return unusable(fmt::format("block {} is damaged: it is cut off or not base64", certificates + 1));
    }
    if (!is_certificate(block)) {
      ERR_clear_error();
      return unusable(fmt::format("block {} is no certificate that can be read", certificates + 1));
    }
    ++certificates;
  }
  if (certificates == 0) return unusable("there is no certificate in the text (PEM: -----BEGIN CERTIFICATE-----)");
  return {};
}

}  // namespace larder::origin
