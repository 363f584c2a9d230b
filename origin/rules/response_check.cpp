#include "origin/rules/response_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/http_date.h"
#include "origin/http/http_fields.h"
#include "origin/rules/status_rules.h"

namespace larder::origin {
namespace {

tl::unexpected<Error> refuse(ErrorCode code, std::string detail) {
  return fail(code, "read the answer", std::move(detail));
}

tl::unexpected<Error> bad(std::string detail) {
  return refuse(ErrorCode::bad_response, std::move(detail));
}

// Requests ask for identity: encoded bytes are not the file's, and the agent never decodes.
Status check_coding(const HttpHead& head, const AnswerContext& context) {
  if (context.bytes_proven) return {};
  const CodingFinding found = coding_of(head, context);
  if (found.what != CodingFinding::What::coded) return {};
  return bad(fmt::format(
      "the origin encoded it with Content-Encoding: {} although identity was asked for; let it send the file "
      "as it is, or give the digest of the bytes as they are sent (--sha256)",
      found.coding));
}

// 201, 203 and 226 carry the file as 200 does: they only add how it came about.
bool carries_the_whole(int status) {
  return status == 200 || status == 201 || status == 203 || status == 226;
}

Comparison compare_etag(const cache::Version& expected, const HttpHead& head) {
  Comparison result;
  if (expected.etag.empty()) return result;
  for (const std::string* value : find_all(head.headers, "etag")) {
    const auto tag = parse_etag(*value);
    if (!tag || tag->text != expected.etag) {
      result.difference = fmt::format("its ETag is {}, not {}", value->substr(0, 80), expected.etag);
      return result;
    }
    // A weak tag of the same text says nothing about equal bytes.
    result.confirmed = result.confirmed || !tag->weak;
  }
  return result;
}

Comparison compare_date(const cache::Version& expected, const HttpHead& head, WallTime now) {
  Comparison result;
  if (expected.last_modified.empty()) return result;
  for (const std::string* value : find_all(head.headers, "last-modified")) {
    const auto time = parse_http_date(*value, now);
    if (!time || format_http_date(*time) != expected.last_modified) {
      result.difference = fmt::format("its Last-Modified is {}, not {}", value->substr(0, 64), expected.last_modified);
      return result;
    }
    result.confirmed = true;
  }
  return result;
}

// Reads the one valid Content-Range that a 206 must have.
Result<ContentRange> read_range(const HttpHead& head) {
  if (const std::string* type = head.find_field("content-type");
      type != nullptr && lower_case(trim(*type)).starts_with("multipart/byteranges")) {
    return bad("it answers one range with multipart/byteranges");
  }
  const auto values = find_all(head.headers, "content-range");
  if (values.empty()) return bad("it is a part (206) without Content-Range");
  if (values.size() > 1) return bad("it has more than one Content-Range");
  const auto range = parse_content_range(*values.front());
  if (!range || range->unsatisfied)
    return bad(fmt::format("its Content-Range is malformed: {}", values.front()->substr(0, 80)));
  return *range;
}

Status check_body(const ContentRange& range, std::optional<std::uint64_t> body) {
  const std::uint64_t length = range.last - range.first + 1;
  if (!body || *body == length) return {};
  return bad(fmt::format("its Content-Length is {}, but its Content-Range has {} bytes", *body, length));
}

Status check_bounds(const ContentRange& range, const Asked& asked, std::optional<std::uint64_t> body) {
  if (range.first != asked.offset) {
    return bad(fmt::format("its Content-Range begins at {}, asked for was {}", range.first, asked.offset));
  }
  std::optional<std::uint64_t> end;  // one past the last byte that must come
  if (asked.length) end = asked.offset + *asked.length;
  const std::optional<std::uint64_t> total =
      range.total ? range.total : (asked.expected != nullptr ? asked.expected->size : std::nullopt);
  if (total) end = std::min(end.value_or(*total), *total);
  if (end && range.last + 1 != *end) {
    return bad(fmt::format("its Content-Range ends at {}, asked for was {}", range.last, *end - 1));
  }
  return check_body(range, body);
}

// Returns whether a 206 holds the whole file though only a part, or no range, was asked for.
bool is_whole_unasked(const ContentRange& range, const Asked& asked) {
  if (range.first != 0 || !range.total || range.last + 1 != *range.total) return false;
  return !asked.ranged || asked.offset != 0 || (asked.length && *asked.length < *range.total);
}

Result<Accepted> accept_whole(const HttpHead& head, std::optional<std::uint64_t> length, const Asked& asked,
                              const AnswerContext& context) {
  Accepted accepted;
  accepted.length = length;
  accepted.edition = edition_of(head, length, context, asked.expected);
  if (asked.ranged) {
    accepted.edition.ranges = false;
    accepted.edition.one_stream = true;
  }
  if (asked.expected == nullptr) return accepted;
  const Comparison comparison = compare_edition(*asked.expected, head, length, context.now);
  if (comparison.difference) return refuse(ErrorCode::version_changed, *comparison.difference);
  // The whole in answer to If-Range means a change unless a validator says otherwise.
  if (!comparison.confirmed && (asked.expected->has_validator() || asked.ranged)) {
    return refuse(ErrorCode::version_changed, "it carries neither the ETag nor the Last-Modified that the file had");
  }
  if (!accepted.length) accepted.length = asked.expected->size;
  return accepted;
}

// Returns the length of the body by Content-Length; absent if there is none, or if chunks override it.
Result<std::optional<std::uint64_t>> body_length(const HttpHead& head) {
  auto length = content_length(head.headers);
  if (!length) return length;
  const auto chunked = is_chunked(head.headers);
  if (!chunked) return tl::unexpected(chunked.error());
  if (*chunked) length->reset();  // chunks override Content-Length (RFC 9112 §6.3)
  return length;
}

Result<Accepted> check_part(const HttpHead& head, const Asked& asked, const AnswerContext& context) {
  const auto range = read_range(head);
  if (!range) return tl::unexpected(range.error());
  const auto body = body_length(head);
  if (!body) return tl::unexpected(body.error());
  if (is_whole_unasked(*range, asked)) {
    if (Status ok = check_body(*range, *body); !ok) return tl::unexpected(ok.error());
    return accept_whole(head, range->total, asked, context);
  }
  if (!asked.ranged) return bad("it is a part (206), but the whole was asked for");
  Accepted accepted;
  accepted.offset = range->first;
  accepted.length = range->last - range->first + 1;
  accepted.edition = edition_of(head, range->total, context, asked.expected);
  if (asked.expected != nullptr) {
    const Comparison comparison = compare_edition(*asked.expected, head, range->total, context.now);
    if (comparison.difference) return refuse(ErrorCode::version_changed, *comparison.difference);
    const bool whole = range->first == 0 && range->total && range->last + 1 == *range->total;
    if (!comparison.confirmed && !whole) {
      return refuse(
          ErrorCode::range_not_supported,
          "the answer to a range carries neither the ETag nor the Last-Modified of the file, so that parts of "
          "two editions could be mixed");
    }
  }
  if (Status ok = check_bounds(*range, asked, *body); !ok) return tl::unexpected(ok.error());
  return accepted;
}

Result<Accepted> check_whole(const HttpHead& head, const Asked& asked, const AnswerContext& context) {
  const auto length = body_length(head);
  if (!length) return tl::unexpected(length.error());
  return accept_whole(head, *length, asked, context);
}

// Judges a 416: an empty file, another edition, or a refused range.
Result<Accepted> check_unsatisfied(const HttpHead& head, const Asked& asked, const AnswerContext& context) {
  std::optional<std::uint64_t> total;
  if (const std::string* value = head.find_field("content-range")) {
    const auto range = parse_content_range(*value);
    if (range && range->unsatisfied) total = range->total;
  }
  if (asked.expected == nullptr && total == 0U) {  // a file of no bytes has no byte 0
    Accepted accepted;
    accepted.length = 0;
    accepted.edition = edition_of(head, 0, context);
    return accepted;
  }
  if (asked.expected != nullptr) {
    const Comparison comparison = compare_edition(*asked.expected, head, total, context.now);
    if (comparison.difference) return refuse(ErrorCode::version_changed, *comparison.difference);
    if (!total) return refuse(ErrorCode::version_changed, "the range is no longer there (416)");
  }
  return refuse(ErrorCode::range_not_supported,
                total ? fmt::format("the origin refuses the range (416) although the file has {} bytes", *total)
                      : std::string("the origin refuses the range (416)"));
}

}  // namespace

Comparison compare_edition(const cache::Version& expected, const HttpHead& head, std::optional<std::uint64_t> size,
                           WallTime now) {
  Comparison by_tag = compare_etag(expected, head);
  if (by_tag.difference) return by_tag;
  Comparison by_date = compare_date(expected, head, now);
  if (by_date.difference) return by_date;
  Comparison result;
  if (expected.size && size && *expected.size != *size) {
    result.difference = fmt::format("it has {} bytes, not {}", *size, *expected.size);
    return result;
  }
  result.confirmed = by_tag.confirmed || by_date.confirmed;
  return result;
}

Result<Accepted> check_response(const HttpHead& head, const Asked& asked, const AnswerContext& context) {
  if (head.status == 416 && asked.ranged) return check_unsatisfied(head, asked, context);
  if (head.status == 412 && asked.expected != nullptr) {
    return refuse(ErrorCode::version_changed, "the file is another edition now (412)");
  }
  const bool carries = carries_the_whole(head.status) || head.status == 206;
  if (!carries) return tl::unexpected(status_error(head, context.now));
  if (Status ok = check_coding(head, context); !ok) return tl::unexpected(ok.error());
  if (const auto digest = promised_sha256(head.headers); !digest) return tl::unexpected(digest.error());
  return head.status == 206 ? check_part(head, asked, context) : check_whole(head, asked, context);
}

}  // namespace larder::origin
