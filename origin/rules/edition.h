// What the origin says a URL is now: version, ranges, whether it may be shared and why not. Found from the head of a
// response. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "cache/record/version.h"
#include "origin/http/http_client.h"
#include "origin/rules/codings.h"
#include "origin/rules/sharing_rules.h"

namespace larder::origin {

// What the origin says a URL is now.
struct Edition {
  cache::Version version;
  bool ranges = false;                   // byte ranges can be asked for
  bool one_stream = false;               // no ranges, no length or HTTP/1.0: cannot be resumed
  Privacy privacy = Privacy::shareable;  // who may be given it, and why nobody else
  std::optional<Digest> sha256;          // Repr-Digest / Digest of the whole, where given
  std::string effective_url;             // after redirects, without credentials
  int http_version = 11;
  // The origin said where the file ends: by a length, a last chunk, HTTP/2's end of stream. Otherwise its end is that
  // of the connection, which a broken one has as well.
  bool end_announced = true;
  bool coded = false;         // the bytes are those of the file in a coding: only for who has their digest (codings.h)
  bool any_validator = true;  // ETag or Last-Modified, weak or malformed ones too
  std::string media_type;     // Content-Type in lower case without parameters; empty: unsaid
  std::string file_name;      // by Content-Disposition (content_disposition.h): no path; empty: unsaid

  // Other jobs may have it; whether neighbours may too says reach_of(privacy).
  [[nodiscard]] bool shareable() const { return reach_of(privacy) != Reach::own_job; }
};

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
