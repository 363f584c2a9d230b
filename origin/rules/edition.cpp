#include "origin/rules/edition.h"

#include "base/text/http_date.h"
#include "origin/http/http_fields.h"
#include "origin/rules/codings.h"
#include "origin/rules/content_disposition.h"

namespace larder::origin {
namespace {

// Returns whether the directive stands anywhere in Cache-Control as a word. Stricter than parse_cache_control(): it
// counts also within a malformed value.
bool says(const HttpHead& head, std::string_view directive) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  for (const std::string* value : find_all(head.headers, "cache-control")) {
    const std::string text = lower_case(*value);
    for (std::size_t at = text.find(directive); at != std::string::npos; at = text.find(directive, at + 1)) {
      const std::size_t end = at + directive.size();
      if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]))) return true;
    }
  }
  return false;
}

// Without an announced end libcurl takes the end of the connection for the end of the body, over TLS too, whether a
// close alert came or not. It also accepts a status line "HTTP/2" in plain text, so version 2 counts over https only.
bool end_is_announced(const HttpHead& head, const AnswerContext& context) {
  if (head.status == 206 || head.status == 416) return true;  // Content-Range has the length
  if (const auto chunked = is_chunked(head.headers); chunked && *chunked) return true;
  if (const auto length = content_length(head.headers); length && *length) return true;
  return head.version >= 20 && context.effective_url.starts_with("https:");
}

std::string media_type_of(const HttpHead& head) {
  constexpr std::size_t kMax = 127;
  const std::string* value = head.find_field("content-type");
  if (value == nullptr) return {};
  return lower_case(trim(std::string_view(*value).substr(0, value->find(';')))).substr(0, kMax);
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
  const std::string* modified = head.find_field("last-modified");
  const std::string* date = head.find_field("date");
  if (modified == nullptr) return false;
  if (date == nullptr) return true;  // no reason to doubt it
  const auto modified_at = parse_http_date(*modified, now), answered_at = parse_http_date(*date, now);
  if (!modified_at || !answered_at) return false;
  return *answered_at - *modified_at >= std::chrono::seconds(1);
}

CodingFinding coding_of(const HttpHead& head, const AnswerContext& context) {
  if (head.find_field("content-encoding") == nullptr && head.status != 226) return {};
  return find_coding(head, file_names(head, {context.url, context.effective_url}));
}

AnswerFacts answer_facts(const HttpHead& head, const cache::Version& version, const AnswerContext& context) {
  AnswerFacts facts;
  facts.no_store = says(head, "no-store");
  facts.is_private = says(head, "private");
  facts.sets_cookie = head.find_field("set-cookie") != nullptr || head.find_field("set-cookie2") != nullptr;
  facts.vary = vary_names(head.headers);
  facts.vary.insert(facts.vary.end(), context.redirects_vary.begin(), context.redirects_vary.end());
  facts.has_validator = version.has_validator();
  facts.weak_etag = head.find_field("etag") != nullptr && version.etag.empty();
  const bool dated = head.find_field("last-modified") != nullptr;  // not repeated in every 206
  facts.weak_date = version.etag.empty() && dated && !last_modified_is_strong(head, context.now);
  facts.coded = coding_of(head, context).what == CodingFinding::What::coded;
  facts.transformed = head.status == 203;
  facts.end_announced = version.size.has_value() || end_is_announced(head, context);
  facts.private_host = context.private_host;
  facts.local_address = context.local_address;
  return facts;
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
                   parse_accept_ranges(head.headers) != AcceptRanges::none && head.status != 203;
  edition.one_stream = !edition.ranges;
  edition.any_validator = head.find_field("etag") != nullptr || head.find_field("last-modified") != nullptr;
  edition.media_type = media_type_of(head);
  edition.file_name = offered_file_name(head.headers);
  const AnswerFacts facts = answer_facts(head, version, context);
  edition.end_announced = facts.end_announced;
  edition.coded = facts.coded;
  edition.privacy = privacy_of(context.request, &facts);
  if (const auto digest = promised_sha256(head.headers)) edition.sha256 = *digest;
  return edition;
}

}  // namespace larder::origin
