// URLs of origins: parsing, the canonical form by which versions are named, and the policy of which URLs may be
// fetched. Pure.
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
  std::string host;        // lower case, no brackets, international names as xn--…
  std::uint16_t port = 0;  // explicit or the scheme's
  std::string path;        // starts with '/', dot segments removed, percent-encoding normalised
  std::string query;       // without '?', as given; has_query tells "?" from none
  bool has_query = false;

  // RFC 3986 §6.2 normal form without user info and fragment: the key of versions.
  [[nodiscard]] std::string canonical() const;
  [[nodiscard]] bool has_credentials() const { return !user.empty() || !password.empty(); }
  // Last path segment, percent-decoded, safe as a file name; "index" where there is none.
  [[nodiscard]] std::string file_name() const;
};

inline constexpr std::size_t kMaxUrl = 8192;

// http and https only. Control characters, spaces, CR/LF, bad ports, empty hosts and anything over kMaxUrl are
// invalid_url; other schemes are forbidden_url.
[[nodiscard]] Result<Url> parse_url(std::string_view text);
// The same for a URL that a server wrote: its path may have a % that begins no percent-encoding.
[[nodiscard]] Result<Url> parse_found_url(std::string_view text);
// Resolves the Location of a redirect (RFC 3986 §5), relative or absolute. Accepts spaces, and one to three slashes
// after the scheme, as servers write them. A reference that keeps the host of `base` keeps its credentials.
[[nodiscard]] Result<Url> resolve_reference(const Url& base, std::string_view reference);

// The part of the configuration that decides which answers may be shared (sharing_rules.h).
struct SharingPolicy {
  std::vector<std::string> private_hosts;  // exact names or "*.suffix": nothing from these hosts is shared
  bool share_loopback = false;             // content from this machine or its link is offered to neighbours
  bool callers_redirect = false;           // the job, not the configuration, allows redirects to this machine
};

// Where requests may go. This machine (loopback) is reached only by URLs with a loopback address or localhost. Another
// name that resolves to loopback is refused, since the owner of that name could choose which local service is asked.
struct UrlPolicy {
  bool allow_loopback = true;         // 127.0.0.0/8, ::1, localhost and *.localhost, if the URL itself names it
  bool allow_private = true;          // an office's own addresses: RFC 1918, unique local
  bool redirect_to_loopback = false;  // a redirect from a host that is not loopback to one that is
  bool redirect_to_private = false;   // a redirect from a host with a public address to a private one
  bool redirect_downgrade = false;    // https -> http
  unsigned max_redirects = 10;
  std::vector<std::string> deny_hosts;  // exact names or "*.suffix"
  // Hosts, as URLs name them, that may be at link-local addresses and at those of metadata services. Written like
  // deny_hosts.
  std::vector<std::string> allow_link_local;
  SharingPolicy sharing;
};

// Returns the first of `rules` (exact names or "*.suffix", in any case) that matches the host, or null.
[[nodiscard]] const std::string* matching_host(const std::vector<std::string>& rules, std::string_view host);

[[nodiscard]] Status check_url(const UrlPolicy& policy, const Url& url);
// `outside`: a host on the way, `from` included, answered from a public address. Absent: not known, as through a proxy;
// then `from` counts as outside if its host_scope() is global. Error: redirect_forbidden.
[[nodiscard]] Status check_redirect(const UrlPolicy& policy, const Url& from, const Url& to,
                                    std::optional<bool> outside = std::nullopt);
// Checks the address that the URL's host resolved to, as numeric text. Called before connecting, and again before the
// request is sent, so that no name leads where its URL may not (DNS rebinding). `redirected`: a host outside redirected
// to this URL.
[[nodiscard]] Status check_address(const UrlPolicy& policy, const Url& url, std::string_view address, bool redirected);
// The same for a proxy. It may be on this machine or in the office, but not at a link-local address or a metadata
// service that allow_link_local does not name.
[[nodiscard]] Status check_proxy_address(const UrlPolicy& policy, std::string_view proxy_host,
                                         std::string_view address);

}  // namespace larder::origin
