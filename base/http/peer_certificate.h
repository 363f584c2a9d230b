// Who the client of a TLS connection is, by a certificate that an authority of the server's choice has signed. A value.
#pragma once

#include <string>
#include <vector>

#include "base/hash/digest.h"

namespace larder::http {

inline constexpr std::size_t kMaxCertificateNames = 64;
inline constexpr std::size_t kMaxCertificateName = 512;  // bytes, with its kind

struct PeerCertificate {
  Digest sha256{};  // of the certificate in DER: what `openssl x509 -fingerprint -sha256` prints
  // Its subjectAltName (RFC 5280 §4.2.1.6) as "dns:build7.example", "email:anna@example.org", "uri:spiffe://…"; other
  // kinds, names that are too long or have control characters, and those behind the first kMaxCertificateNames are left
  // out. DNS names are in lower case.
  std::vector<std::string> names;
};

}  // namespace larder::http
