// Parsers of the HTTP header fields that decide about bytes: strict, bounded, pure. What is malformed is absent, never
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
// Elements of a comma-separated list (RFC 9110 §5.6.1), quoted strings kept whole. All of them: a head is bounded
// (header_block.h), and an element that is passed over could be the one that forbids something.
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

// Absent, one value (equal duplicates count as one, RFC 9110 §8.6), or bad_response.
[[nodiscard]] Result<std::optional<std::uint64_t>> content_length(const std::vector<Header>& headers);

// Transfer-Encoding of all its lines: true for exactly one `chunked`, false for none; `identity` says nothing. Any
// other coding is bad_response: libcurl takes the chunks off, wherever `chunked` stands, and leaves every other coding
// on.
[[nodiscard]] Result<bool> is_chunked(const std::vector<Header>& headers);

// RFC 9110 §8.8.3; `text` keeps its quotes, without W/.
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

// SHA-256 of the whole: Repr-Digest (RFC 9530) "sha-256=:base64:" and Digest (RFC 3230) "SHA-256=base64". Algorithms
// other than SHA-256 are passed over; a malformed member makes the field absent. Content-Digest is not of the whole.
[[nodiscard]] std::optional<Digest> parse_repr_digest(std::string_view value);
[[nodiscard]] std::optional<Digest> parse_digest(std::string_view value);
// Of a whole response: bad_response when two of them contradict each other.
[[nodiscard]] Result<std::optional<Digest>> promised_sha256(const std::vector<Header>& headers);

}  // namespace larder::origin
