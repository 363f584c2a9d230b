// From the head of a response to what the origin says a URL is now: version, ranges, whether it may be shared and why
// not. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/version.h"
#include "origin/codings.h"
#include "origin/http_client.h"
#include "origin/origin.h"
#include "origin/sharing_rules.h"

namespace larder::origin {

// What is known of a request besides its answer.
struct AnswerContext {
  std::string url;            // canonical, as asked for: what the version belongs to
  std::string effective_url;  // after redirects
  RequestFacts request;
  bool bytes_proven = false;                // by what the caller gave: a digest or a signature
  std::vector<std::string> redirects_vary;  // the names in Vary of the redirects that were followed
  bool private_host = false;                // the configuration lists the host that answered, or one on the way
  bool local_address = false;               // the answer, or a redirect before it, came from this machine or its link
  WallTime now{};
};

// The strong ETag with its quotes, or empty: weak, malformed, or two that differ.
[[nodiscard]] std::string strong_etag(const std::vector<Header>& headers);
// As IMF-fixdate, or empty: malformed, or two that differ.
[[nodiscard]] std::string last_modified(const std::vector<Header>& headers, WallTime now);
// RFC 9110 §8.8.2.2: false when Date shows that the file was modified within the last second, so that it could change
// again without a new Last-Modified.
[[nodiscard]] bool last_modified_is_strong(const HttpHead& head, WallTime now);

[[nodiscard]] CodingFinding coding_of(const HttpHead& head, const AnswerContext& context);

// What privacy_of() asks of an answer. `version` is the one that it was found to be of.
[[nodiscard]] AnswerFacts answer_facts(const HttpHead& head, const cache::Version& version,
                                       const AnswerContext& context);

// `size` is of the whole content. Ranges are believed unless the origin says Accept-Ranges: none or speaks HTTP/1.0:
// asking costs nothing, since an origin without ranges answers with the whole, which is then noticed. Without a
// validator ranges of one edition cannot be told from those of another, so that there are none.
// `known`: the version that the answer was found to be of, since a 206 need not repeat every validator.
[[nodiscard]] Edition edition_of(const HttpHead& head, std::optional<std::uint64_t> size, const AnswerContext& context,
                                 const cache::Version* known = nullptr);

}  // namespace larder::origin
