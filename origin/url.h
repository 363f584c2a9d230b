// URLs of origins: parsing, the canonical form that names versions, and the policy of what may be asked at all. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder::origin {

struct Url {
  std::string scheme;      // lower case
  std::string user;        // percent-decoded; never in canonical()
  std::string password;    // percent-decoded; never in canonical(), logs or errors
  std::string host;        // lower case, no brackets, IDN as given in punycode
  std::uint16_t port = 0;  // explicit or the scheme's
  std::string path;        // starts with '/', dot segments removed, percent-encoding normalised
  std::string query;       // without '?', as given; has_query tells "?" from none
  bool has_query = false;

  // RFC 3986 §6.2 normal form without user info and fragment: what versions are keyed by.
  [[nodiscard]] std::string canonical() const;
  [[nodiscard]] bool has_credentials() const { return !user.empty() || !password.empty(); }
  // Last path segment, percent-decoded, safe as a file name; "index" where there is none.
  [[nodiscard]] std::string file_name() const;
};

inline constexpr std::size_t kMaxUrl = 8192;

// http and https only. Control characters, spaces, CR/LF, bad ports, empty hosts and anything over kMaxUrl are
// invalid_url; other schemes are forbidden_url.
[[nodiscard]] Result<Url> parse_url(std::string_view text);
// Location of a redirect (RFC 3986 §5), relative forms included.
[[nodiscard]] Result<Url> resolve_reference(const Url& base, std::string_view reference);

// Which answers may be given to others, as far as the configuration says (sharing_rules.h).
struct SharingPolicy {
  std::vector<std::string> private_hosts;  // exact names or "*.suffix": nothing of them is shared
  bool share_loopback = false;             // what comes from this machine or its link is offered to neighbours
  bool callers_redirect = false;           // the job, not the configuration, allows redirects to this machine
};

struct UrlPolicy {
  bool allow_loopback = true;         // 127.0.0.0/8, ::1, "localhost" as the URL asked for
  bool allow_private = true;          // RFC 1918, link-local, ULA
  bool redirect_to_loopback = false;  // a redirect from a host that is not loopback to one that is
  bool redirect_to_private = true;    // … from a public host to a private address
  bool redirect_downgrade = false;    // https -> http
  unsigned max_redirects = 10;
  std::vector<std::string> deny_hosts;  // exact names or "*.suffix"
  SharingPolicy sharing;
};

// `rules`: exact names or "*.suffix", in any case. The first that the host matches, or null.
[[nodiscard]] const std::string* matching_host(const std::vector<std::string>& rules, std::string_view host);

[[nodiscard]] Status check_url(const UrlPolicy& policy, const Url& url);
[[nodiscard]] Status check_redirect(const UrlPolicy& policy, const Url& from, const Url& to);
// The address that a name resolved to, as numeric text; checked before a request is sent (DNS rebinding).
[[nodiscard]] Status check_address(const UrlPolicy& policy, const Url& url, std::string_view address, bool redirected);

}  // namespace larder::origin
