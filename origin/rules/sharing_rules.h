// Whether content that one job fetched may be given to others. One rule for all callers: content is shareable only if a
// stranger would get the same by asking this agent for that URL. docs/decisions/0030-what-is-shared.md has the rule as
// a table. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/version.h"
#include "origin/http/http_client.h"
#include "origin/url/url.h"

namespace larder::origin {

struct Target;

// Why an answer is shared with fewer than everybody. In order of precedence: the first reason that holds is reported.
enum class Privacy : std::uint8_t {
  shareable,
  // reasons in the request, known before any answer
  callers_proxy,
  callers_authorities,
  client_certificate,
  credentials,
  callers_header,
  callers_http_version,
  signed_query,
  private_host,
  // reasons in the answer, or in how the content came together
  two_urls,
  private_beginning,
  callers_redirect,
  says_no_store,
  says_private,
  sets_cookie,
  varies,
  varies_by_everything,
  coded,
  transformed,
  end_not_announced,
  no_validator,
  weak_etag,
  weak_date,
  loopback_answer,
};
inline constexpr std::size_t kPrivacies = static_cast<std::size_t>(Privacy::loopback_answer) + 1;

// With whom content may be shared. peer/reach is another thing: whether agents reach one another by TCP.
enum class Reach : std::uint8_t {
  own_job,       // its own job only: a download and a content of its own, removed with the job
  this_machine,  // other jobs of this machine; never offered to neighbours
  everybody,
};

struct PrivacyInfo {
  Privacy privacy = Privacy::shareable;
  Reach reach = Reach::everybody;
  std::string_view code;    // in JSON, in the database: "callers_proxy"
  std::string_view text;    // for people, after "not shared: "
  std::string_view key;     // the configuration key with which an admin changes it; empty: none
  std::string_view advice;  // for that admin; empty: none
};
[[nodiscard]] const PrivacyInfo& privacy_info(Privacy privacy);
[[nodiscard]] std::optional<Privacy> privacy_from_code(std::string_view code);
[[nodiscard]] inline Reach reach_of(Privacy privacy) {
  return privacy_info(privacy).reach;
}
// Returns the one with the smaller reach; `a` if both are equal.
[[nodiscard]] Privacy stricter(Privacy a, Privacy b);
// Returns "not shared: TEXT (KEY in the agent's configuration: ADVICE)", or "not offered to neighbours: …"; empty for
// shareable.
[[nodiscard]] std::string privacy_note(Privacy privacy);

// Facts about a request, known before its answer.
struct RequestFacts {
  bool callers_proxy = false;  // the job's own proxy, or a name or password for one
  bool callers_authorities = false;
  bool client_certificate = false;
  bool credentials = false;                  // user or password (of the URL too), or headers with credentials
  std::vector<std::string> callers_headers;  // names in lower case
  bool callers_http_version = false;
  bool signed_query = false;      // of the URL asked for
  bool private_host = false;      // of the URL asked for
  bool local_host = false;        // the URL asked for names this machine or its link
  bool callers_redirect = false;  // the caller alone allowed redirects to this machine
  bool share_loopback = false;    // the configuration offers local content
};
[[nodiscard]] RequestFacts request_facts(const Target& target);

struct AnswerFacts {
  bool no_store = false;
  bool is_private = false;
  bool sets_cookie = false;
  std::vector<std::string> vary;  // names in lower case, or "*"; of the answer and of the redirects that led to it
  bool has_validator = false;
  bool weak_etag = false;      // there is an ETag, and it is weak
  bool weak_date = false;      // no strong ETag, and modified within the last second
  bool coded = false;          // its bytes are an encoded form of the file (codings.h)
  bool transformed = false;    // a proxy on the way says that it changed the file (203)
  bool end_announced = true;   // by a length, a chunked coding, a framed stream
  bool private_host = false;   // of the URL that answered
  bool local_address = false;  // the answer, or a redirect before it, came from this machine or its link
};

// Returns the first reason that holds. `answer` null: decides by the request alone; the decision with an answer never
// has a wider reach.
[[nodiscard]] Privacy privacy_of(const RequestFacts& request, const AnswerFacts* answer);
[[nodiscard]] inline Privacy privacy_before_answer(const Target& target) {
  return privacy_of(request_facts(target), nullptr);
}

// Returns whether the query (without '?') has a parameter that looks like a signature, a token or a password: by its
// name in any case and percent-encoding, or by a value that is a JSON Web Token.
[[nodiscard]] bool is_signed_query(std::string_view query);
// The same for a URL: its query, and parameters of a path's segments ("/x;jsessionid=1").
[[nodiscard]] bool is_signed(const Url& url);
// Returns the names in Vary, in lower case, without repetition.
[[nodiscard]] std::vector<std::string> vary_names(const std::vector<Header>& headers);

}  // namespace larder::origin
