// The edition of a URL, read from the head of a response: version, ranges, whether it may be shared and why not. Pure.
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

// The bytes of a URL as the origin describes them now.
struct Edition {
  cache::Version version;
  bool ranges = false;                   // byte ranges can be asked for
  bool one_stream = false;               // no ranges, no length or HTTP/1.0: cannot be resumed
  Privacy privacy = Privacy::shareable;  // with whom it may be shared, and the reason
  std::optional<Digest> sha256;          // Repr-Digest / Digest of the whole, where given
  std::string effective_url;             // after redirects, without credentials
  int http_version = 11;
  // The origin announces the file's end: by a length, a last chunk, HTTP/2's end of stream. Otherwise the end of the
  // connection is the file's end, and a broken connection looks the same.
  bool end_announced = true;
  bool coded = false;         // the bytes are an encoded form of the file (codings.h)
  bool any_validator = true;  // ETag or Last-Modified, weak or malformed ones too
  std::string media_type;     // Content-Type in lower case without parameters; empty: unsaid
  std::string file_name;      // by Content-Disposition (content_disposition.h): no path; empty: unsaid

  // Returns whether other jobs may have it. For neighbours see reach_of(privacy).
  [[nodiscard]] bool shareable() const { return reach_of(privacy) != Reach::own_job; }
};

// Facts about a request that its answer does not tell.
struct AnswerContext {
  std::string url;            // canonical, as asked for: the version belongs to it
  std::string effective_url;  // after redirects
  RequestFacts request;
  bool bytes_proven = false;                // the caller gave a digest or a signature
  std::vector<std::string> redirects_vary;  // the names in Vary of the redirects that were followed
  bool private_host = false;                // the configuration lists the host that answered, or one on the way
  bool local_address = false;               // the answer, or a redirect before it, came from this machine or its link
  WallTime now{};
};

// Returns the strong ETag with its quotes; empty: none, weak, malformed, or two that differ.
[[nodiscard]] std::string strong_etag(const std::vector<Header>& headers);
// Returns Last-Modified as IMF-fixdate; empty: none, malformed, or two that differ.
[[nodiscard]] std::string last_modified(const std::vector<Header>& headers, WallTime now);
// Returns false without a valid Last-Modified, or if Date shows that the file was modified within the last second, so
// that it could change again without a new Last-Modified (RFC 9110 §8.8.2.2). True without Date.
[[nodiscard]] bool last_modified_is_strong(const HttpHead& head, WallTime now);

[[nodiscard]] CodingFinding coding_of(const HttpHead& head, const AnswerContext& context);

// Returns the facts for privacy_of(). `version`: the version of the answer.
[[nodiscard]] AnswerFacts answer_facts(const HttpHead& head, const cache::Version& version,
                                       const AnswerContext& context);

// `size`: of the whole content. Ranges are assumed to work unless the origin says Accept-Ranges: none, speaks HTTP/1.0
// or a proxy changed the file (203). Trying costs nothing: an origin without ranges answers with the whole, which is
// then noticed. Without a size or a validator there are no ranges, since those of two editions could not be told apart.
// `known`: the version that the answer belongs to, if the caller has found it, since a 206 need not repeat every
// validator.
[[nodiscard]] Edition edition_of(const HttpHead& head, std::optional<std::uint64_t> size, const AnswerContext& context,
                                 const cache::Version* known = nullptr);

}  // namespace larder::origin
