// Parsers of the HTTP header fields that decide about bytes: strict, bounded, pure. A malformed value is absent, never
// guessed; the callers decide what absence means.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/text/text.h"
#include "origin/http/http_client.h"

namespace larder::origin {

[[nodiscard]] std::vector<const std::string*> find_all(const std::vector<Header>& headers, std::string_view name);
// Returns the elements of a comma-separated list (RFC 9110 §5.6.1), quoted strings kept whole. There is no bound on
// their number: a head is bounded (header_block.h), and an element left out could be the one that forbids something.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view value);

// Digits only; no sign, no space; absent on overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);

// RFC 9110 §14.4: "bytes 0-99/200", "bytes 0-99/*", "bytes */200".
struct ContentRange {
  bool unsatisfied = false;  // "*/N": first and last mean nothing
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;
};
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view value);

// Returns Content-Length, absent if there is none. Equal duplicates count as one (RFC 9110 §8.6). Error: bad_response
// for different or malformed values.
[[nodiscard]] Result<std::optional<std::uint64_t>> content_length(const std::vector<Header>& headers);

// Reads all lines of Transfer-Encoding: true for exactly one `chunked`, false for none; `identity` is ignored. Error:
// bad_response for any other coding, since libcurl removes `chunked` wherever it stands and leaves every other coding
// on.
[[nodiscard]] Result<bool> is_chunked(const std::vector<Header>& headers);

// RFC 9110 §8.8.3. `text` has the quotes, but not W/.
struct EntityTag {
  bool weak = false;
  std::string text;
};
[[nodiscard]] std::optional<EntityTag> parse_etag(std::string_view value);

inline constexpr std::chrono::seconds kMaxRetryAfter{3600};
// Seconds or a date; never negative, at most kMaxRetryAfter.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, WallTime now);

struct CacheControl {
  bool no_store = false;
  bool no_cache = false;
  bool is_private = false;  // also the qualified form
  bool is_public = false;
  std::optional<std::uint64_t> max_age, s_maxage;
};
[[nodiscard]] CacheControl parse_cache_control(const std::vector<Header>& headers);  // all fields of that name

enum class AcceptRanges { unsaid, bytes, none };
[[nodiscard]] AcceptRanges parse_accept_ranges(const std::vector<Header>& headers);

// Return the SHA-256 of the whole: Repr-Digest (RFC 9530) "sha-256=:base64:" and Digest (RFC 3230) "SHA-256=base64".
// Other algorithms are passed over; a malformed SHA-256 member makes the field absent. Content-Digest is not read,
// since it is not a digest of the whole.
[[nodiscard]] std::optional<Digest> parse_repr_digest(std::string_view value);
[[nodiscard]] std::optional<Digest> parse_digest(std::string_view value);
// Returns the digest that all fields of a head agree on; absent: there is none. Error: bad_response if two differ.
[[nodiscard]] Result<std::optional<Digest>> promised_sha256(const std::vector<Header>& headers);

}  // namespace larder::origin
