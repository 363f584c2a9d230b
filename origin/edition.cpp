#include "origin/edition.h"

#include "base/http_date.h"
#include "origin/http_fields.h"

namespace larder::origin {
namespace {

bool varies_by_everything(const HttpHead& head) {
  for (const std::string* value : find_all(head.headers, "vary")) {
    for (const std::string_view element : split_list(*value)) {
      if (element == "*") return true;
    }
  }
  return false;
}

// Empty: it may be shared.
std::string why_not_shareable(const HttpHead& head, const cache::Version& version, const AnswerContext& context) {
  const CacheControl control = parse_cache_control(head.headers);
  if (context.credentials) return "the request carries credentials or cookies";
  if (control.no_store) return "the origin says no-store";
  if (control.is_private) return "the origin says private";
  if (varies_by_everything(head)) return "the origin says Vary: *";
  const bool says_public = control.is_public || control.s_maxage || control.max_age.value_or(0) > 0;
  if (head.find("set-cookie") != nullptr && !says_public) return "the origin sets a cookie with it";
  if (!version.has_validator()) {
    return head.find("etag") != nullptr ? "the origin gives only a weak ETag and no Last-Modified"
                                        : "the origin gives neither ETag nor Last-Modified";
  }
  const bool dated = head.find("last-modified") != nullptr;  // not repeated in every 206
  if (version.etag.empty() && dated && !last_modified_is_strong(head, context.now)) {
    return "the origin modified it within the last second and gives no strong ETag";
  }
  return {};
}

}  // namespace

std::string strong_etag(const std::vector<Header>& headers) {
  std::string tag;
  for (const std::string* value : find_all(headers, "etag")) {
    const auto parsed = parse_etag(*value);
    if (!parsed || parsed->weak || (!tag.empty() && tag != parsed->text)) return {};
    tag = parsed->text;
  }
  return tag;
}

std::string last_modified(const std::vector<Header>& headers, WallTime now) {
  std::string date;
  for (const std::string* value : find_all(headers, "last-modified")) {
    const auto time = parse_http_date(*value, now);
    if (!time) return {};
    const std::string text = format_http_date(*time);
    if (!date.empty() && date != text) return {};
    date = text;
  }
  return date;
}

bool last_modified_is_strong(const HttpHead& head, WallTime now) {
  const std::string* modified = head.find("last-modified");
  const std::string* date = head.find("date");
  if (modified == nullptr) return false;
  if (date == nullptr) return true;  // nothing to doubt it by
  const auto modified_at = parse_http_date(*modified, now), answered_at = parse_http_date(*date, now);
  if (!modified_at || !answered_at) return false;
  return *answered_at - *modified_at >= std::chrono::seconds(1);
}

Edition edition_of(const HttpHead& head, std::optional<std::uint64_t> size, const AnswerContext& context,
                   const cache::Version* known) {
  Edition edition;
  cache::Version& version = edition.version;
  if (known != nullptr) {
    version = *known;
  } else {
    version.etag = strong_etag(head.headers);
    version.last_modified = last_modified(head.headers, context.now);
  }
  version.url = context.url;
  if (!version.size) version.size = size;
  edition.effective_url = context.effective_url;
  edition.http_version = head.version;
  edition.ranges = version.size.has_value() && version.has_validator() && head.version != 10 &&
                   parse_accept_ranges(head.headers) != AcceptRanges::none;
  edition.one_stream = !edition.ranges;
  edition.not_shareable = why_not_shareable(head, version, context);
  edition.shareable = edition.not_shareable.empty();
  if (const auto digest = promised_sha256(head.headers)) edition.sha256 = *digest;
  return edition;
}

}  // namespace larder::origin
