// Certificate authorities by the variables that curl, OpenSSL and most containers know. They speak for the user whose
// process it is: of an agent that such a user started for itself they are the configuration (its origin.ca_file, where
// it has one, comes first); the system's agent does not read them.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

struct AuthorityVariables {
  std::string curl_ca_bundle, ssl_cert_file, ssl_cert_dir;
  [[nodiscard]] bool empty() const { return curl_ca_bundle.empty() && ssl_cert_file.empty() && ssl_cert_dir.empty(); }
};
[[nodiscard]] AuthorityVariables authority_variables();  // of this process

// The PEM text that they name, as curl has it: CURL_CA_BUNDLE alone where it is set, else the files of SSL_CERT_DIR
// (directories between colons; names as c_rehash makes them, in order) and SSL_CERT_FILE together. Empty where none is
// set. The same for the same files, whoever reads them. Blocks. Errors name the variable and the path; not_found where
// no certificate is there at all. Whether it is readable PEM is for origin::check_authorities().
[[nodiscard]] Result<std::string> read_authorities_of(const AuthorityVariables& variables);

// Tells two texts apart.
[[nodiscard]] std::string authorities_fingerprint(const std::string& pem);

}  // namespace larder::agent
