// Who sends a request, and whether it may upload there. Pure; any thread.
//
// A token is long and random, so its SHA-256 is all that the configuration has, and looking that up tells an attacker
// nothing of other tokens. Basic is the same token as the password: what BITS and curl can send.
//
// A certificate is known by itself (its SHA-256), or by a name that its authority has put into it: the first is one
// certificate, the second outlives its renewal.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash/digest.h"
#include "base/http/message/message.h"
#include "base/http/peer_certificate.h"
#include "inbox/config/inbox_config.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

class Access {
 public:
  explicit Access(const ServerConfig& config);

  // By Authorization (RFC 6750 §2.1, RFC 7617 §2), else by the connection's certificate; "anybody" without both.
  // Refused, unauthorized: what was shown proves nobody. Authorization comes first: a relay may have a certificate of
  // its own, and pass on the tokens of others.
  [[nodiscard]] Outcome<Principal> identify(const http::RequestHead& head,
                                            const std::optional<http::PeerCertificate>& certificate = {}) const;
  // None: it may. unauthorized where credentials could help, else forbidden.
  [[nodiscard]] static std::optional<Refused> refusal(const Principal& principal, const InboxConfig& inbox);
  // WWW-Authenticate, one field each.
  [[nodiscard]] static std::vector<std::string> challenges();

 private:
  [[nodiscard]] const std::string* owner_of(std::string_view token) const;
  [[nodiscard]] Outcome<Principal> owner_of(const http::PeerCertificate& certificate) const;
  std::map<Digest, std::string> owners_;  // by the token's digest
  std::map<Digest, std::string> of_certificate_;
  std::map<std::string, std::string, std::less<>> of_name_;  // of a certificate
};

// For `larder-inbox --new-token`: 256 bits as text without characters that anything would quote.
[[nodiscard]] std::string new_token();

}  // namespace larder::inbox
