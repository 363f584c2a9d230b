#include "origin/rules/sharing_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "origin/http/http_fields.h"
#include "origin/rules/request_rules.h"
#include "origin/rules/target.h"
#include "origin/url/address.h"

namespace larder::origin {
namespace {

constexpr std::array<PrivacyInfo, kPrivacies> kInfo = {{
    {Privacy::shareable, Reach::everybody, "shareable", "", "", ""},
    {Privacy::callers_proxy, Reach::own_job, "callers_proxy", "the job names a proxy of its own, or a user for one",
     "origin.proxy", "what comes over the configured proxy is shared"},
    {Privacy::callers_authorities, Reach::own_job, "callers_authorities",
     "the job names certificate authorities of its own", "origin.ca_file",
     "what the configured authorities vouch for is shared"},
    {Privacy::client_certificate, Reach::own_job, "client_certificate", "the request shows a client certificate", "",
     ""},
    {Privacy::credentials, Reach::own_job, "credentials", "the request carries credentials or cookies", "", ""},
    {Privacy::callers_header, Reach::own_job, "callers_header",
     "the job sends a header other than Accept, Accept-Language and User-Agent", "", ""},
    {Privacy::callers_http_version, Reach::own_job, "callers_http_version", "the job chooses the version of HTTP", "",
     ""},
    {Privacy::signed_query, Reach::own_job, "signed_query", "the URL looks signed, or as if it held a token", "", ""},
    {Privacy::private_host, Reach::own_job, "private_host", "the configuration shares nothing of this host",
     "origin.private_hosts", "hosts that are not listed there are shared"},
    {Privacy::two_urls, Reach::own_job, "two_urls", "its bytes came from more than one URL", "", ""},
    {Privacy::private_beginning, Reach::own_job, "private_beginning", "an earlier attempt of the job was not shared",
     "", ""},
    {Privacy::callers_redirect, Reach::own_job, "callers_redirect",
     "a redirect led to this machine, which the job alone allows", "origin.redirect_to_loopback",
     "redirects that the configuration follows are shared"},
    {Privacy::says_no_store, Reach::own_job, "says_no_store", "the origin says no-store", "", ""},
    {Privacy::says_private, Reach::own_job, "says_private", "the origin says private", "", ""},
    {Privacy::sets_cookie, Reach::own_job, "sets_cookie", "the origin sets a cookie with it", "", ""},
    {Privacy::varies, Reach::own_job, "varies", "the origin says Vary about a header that the job sends", "", ""},
    {Privacy::varies_by_everything, Reach::own_job, "varies_by_everything", "the origin says Vary: *", "", ""},
    {Privacy::coded, Reach::own_job, "coded", "the origin sends it in a coding that nobody asked for", "", ""},
    {Privacy::transformed, Reach::own_job, "transformed", "a proxy says that it changed the file (203)", "", ""},
    {Privacy::end_not_announced, Reach::own_job, "end_not_announced", "the origin does not say where it ends", "", ""},
    {Privacy::no_validator, Reach::own_job, "no_validator", "the origin gives neither ETag nor Last-Modified", "", ""},
    {Privacy::weak_etag, Reach::own_job, "weak_etag", "the origin gives only a weak ETag and no Last-Modified", "", ""},
    {Privacy::weak_date, Reach::own_job, "weak_date",
     "the origin modified it within the last second and gives no strong ETag", "", ""},
    {Privacy::loopback_answer, Reach::this_machine, "loopback_answer", "it comes from this machine or its link",
     "origin.share_loopback", "true offers such contents too"},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kInfo.size(); ++i) {
    if (static_cast<std::size_t>(kInfo[i].privacy) != i || kInfo[i].code.empty()) return false;
  }
  return true;
}
static_assert(is_in_order(), "a reason's row is at its place");

bool is_allowed_header(std::string_view name) {
  return name == "accept" || name == "accept-language" || name == "user-agent";
}

bool sends_allowed_headers_only(const RequestFacts& request) {
  return std::all_of(request.callers_headers.begin(), request.callers_headers.end(), is_allowed_header);
}

bool names_header_of_caller(const RequestFacts& request, const AnswerFacts& answer) {
  return std::any_of(answer.vary.begin(), answer.vary.end(), [&request](const std::string& name) {
    return std::find(request.callers_headers.begin(), request.callers_headers.end(), name) !=
           request.callers_headers.end();
  });
}

using Request = RequestFacts;
using Answer = AnswerFacts;

bool never(const Request&) {
  return false;
}
bool never(const Request&, const Answer&) {
  return false;
}

// The tests for one reason: by the request alone, and by request and answer.
struct Condition {
  Privacy privacy = Privacy::shareable;
  bool (*of_request)(const Request&) = never;
  bool (*of_answer)(const Request&, const Answer&) = never;
};

// In order of precedence; kInfo has the same order.
constexpr std::array<Condition, kPrivacies - 1> kConditions = {{
    {Privacy::callers_proxy, [](const Request& r) { return r.callers_proxy; }},
    {Privacy::callers_authorities, [](const Request& r) { return r.callers_authorities; }},
    {Privacy::client_certificate, [](const Request& r) { return r.client_certificate; }},
    {Privacy::credentials, [](const Request& r) { return r.credentials; }},
    {Privacy::callers_header, [](const Request& r) { return !sends_allowed_headers_only(r); }},
    {Privacy::callers_http_version, [](const Request& r) { return r.callers_http_version; }},
    {Privacy::signed_query, [](const Request& r) { return r.signed_query; }},
    {Privacy::private_host, [](const Request& r) { return r.private_host; },
     [](const Request&, const Answer& a) { return a.private_host; }},
    // Set by the callers from how the content came together; no request or answer shows it.
    {Privacy::two_urls, never, never},
    {Privacy::private_beginning, never, never},
    {Privacy::callers_redirect, never,
     [](const Request& r, const Answer& a) { return r.callers_redirect && a.local_address && !r.local_host; }},
    {Privacy::says_no_store, never, [](const Request&, const Answer& a) { return a.no_store; }},
    {Privacy::says_private, never, [](const Request&, const Answer& a) { return a.is_private; }},
    {Privacy::sets_cookie, never, [](const Request&, const Answer& a) { return a.sets_cookie; }},
    {Privacy::varies, never, names_header_of_caller},
    {Privacy::varies_by_everything, never,
     [](const Request&, const Answer& a) { return std::find(a.vary.begin(), a.vary.end(), "*") != a.vary.end(); }},
    {Privacy::coded, never, [](const Request&, const Answer& a) { return a.coded; }},
    {Privacy::transformed, never, [](const Request&, const Answer& a) { return a.transformed; }},
    {Privacy::end_not_announced, never, [](const Request&, const Answer& a) { return !a.end_announced; }},
    {Privacy::no_validator, never, [](const Request&, const Answer& a) { return !a.has_validator && !a.weak_etag; }},
    {Privacy::weak_etag, never, [](const Request&, const Answer& a) { return !a.has_validator && a.weak_etag; }},
    {Privacy::weak_date, never, [](const Request&, const Answer& a) { return a.weak_date; }},
    {Privacy::loopback_answer, [](const Request& r) { return r.local_host && !r.share_loopback; },
     [](const Request& r, const Answer& a) { return a.local_address && !r.share_loopback; }},
}};

constexpr bool has_same_order() {
  for (std::size_t i = 0; i < kConditions.size(); ++i) {
    if (kConditions[i].privacy != kInfo[i + 1].privacy) return false;
  }
  return true;
}
static_assert(has_same_order(), "each reason has one condition, in the order of precedence");

}  // namespace

const PrivacyInfo& privacy_info(Privacy privacy) {
  return kInfo.at(static_cast<std::size_t>(privacy));
}

std::optional<Privacy> privacy_from_code(std::string_view code) {
  const auto* const found =
      std::find_if(kInfo.begin(), kInfo.end(), [code](const PrivacyInfo& info) { return info.code == code; });
  if (found == kInfo.end()) return std::nullopt;
  return found->privacy;
}

Privacy stricter(Privacy a, Privacy b) {
  return reach_of(b) < reach_of(a) ? b : a;
}

std::string privacy_note(Privacy privacy) {
  const PrivacyInfo& info = privacy_info(privacy);
  if (info.reach == Reach::everybody) return {};
  std::string note =
      fmt::format("{}: {}", info.reach == Reach::own_job ? "not shared" : "not offered to neighbours", info.text);
  if (!info.key.empty()) note += fmt::format(" ({} in the agent's configuration: {})", info.key, info.advice);
  return note;
}

RequestFacts request_facts(const Target& target) {
  static const ConnectOptions plain;
  static const UrlPolicy policy;
  const ConnectOptions& options = target.options ? *target.options : plain;
  const SharingPolicy& sharing = (target.policy ? *target.policy : policy).sharing;
  RequestFacts facts;
  facts.callers_proxy = options.callers_proxy || !options.proxy_user.empty() || !options.proxy_password.empty();
  facts.callers_authorities = options.callers_authorities;
  facts.client_certificate = !options.client_certificate.empty() || !options.client_key.empty();
  facts.credentials = target.url.has_credentials() || options.has_credentials();
  for (const auto& [name, value] : options.headers) facts.callers_headers.push_back(lower_case(name));
  facts.callers_http_version = options.http != ConnectOptions::Http::any;
  facts.signed_query = is_signed(target.url);
  facts.private_host = matching_host(sharing.private_hosts, target.url.host) != nullptr;
  facts.local_host = is_local_host(target.url.host);
  facts.callers_redirect = sharing.callers_redirect;
  facts.share_loopback = sharing.share_loopback;
  return facts;
}

Privacy privacy_of(const RequestFacts& request, const AnswerFacts* answer) {
  for (const Condition& condition : kConditions) {
    const bool holds = condition.of_request(request) || (answer != nullptr && condition.of_answer(request, *answer));
    if (holds) return condition.privacy;
  }
  return Privacy::shareable;
}

std::vector<std::string> vary_names(const std::vector<Header>& headers) {
  std::vector<std::string> names;
  for (const std::string* value : find_all(headers, "vary")) {
    std::string_view rest = *value;
    while (true) {
      const std::size_t comma = rest.find(',');
      std::string name = lower_case(trim(rest.substr(0, comma)));
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return names;
}

}  // namespace larder::origin
