// Certificate authorities from the variables that curl, OpenSSL and most containers use. They are valid for the user of
// the process: for an agent that a user started for itself they are part of the configuration (its origin.ca_file, if
// set, goes first). The system's agent does not read them.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

struct AuthorityVariables {
  std::string curl_ca_bundle, ssl_cert_file, ssl_cert_dir;
  [[nodiscard]] bool empty() const { return curl_ca_bundle.empty() && ssl_cert_file.empty() && ssl_cert_dir.empty(); }
};
[[nodiscard]] AuthorityVariables authority_variables();  // of this process

// Returns the PEM text that the variables name, as curl reads it: CURL_CA_BUNDLE alone if it is set, else the files of
// SSL_CERT_DIR (directories between colons; names as made by c_rehash, in order) and SSL_CERT_FILE together. Empty if
// none is set. The same files give the same text for every reader. Blocks. Errors name the variable and the path;
// not_found if there is no certificate at all. Whether the PEM is readable is for origin::check_authorities().
[[nodiscard]] Result<std::string> read_authorities_of(const AuthorityVariables& variables);

// Returns a text that differs for different authorities.
[[nodiscard]] std::string authorities_fingerprint(const std::string& pem);

}  // namespace larder::agent
