#include "inbox/wire/reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/http_date.h"
#include "base/text/text.h"
#include "inbox/wire/fields.h"

namespace larder::inbox {
namespace {

struct Asked {
  enum class Kind { whole, part, nothing } kind = Kind::whole;
  ByteRange bytes{};
};

// "FIRST-LAST", "FIRST-" or "-COUNT" (RFC 9110 §14.1.2).
Asked range_of(std::string_view value, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (value.size() < kUnit.size() || lower_case(value.substr(0, kUnit.size())) != kUnit) return {};
  const std::string_view range = trim(value.substr(kUnit.size()));
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view before = range.substr(0, dash), behind = range.substr(dash + 1);
  const auto first = parse_number(before), last = parse_number(behind);
  if ((!before.empty() && !first) || (!behind.empty() && !last) || (!first && !last)) return {};
  if (!first) {
    if (*last == 0 || size == 0) return {Asked::Kind::nothing, {}};
    return {Asked::Kind::part, {size - std::min(*last, size), std::min(*last, size)}};
  }
  if (last && *last < *first) return {};
  if (*first >= size) return {Asked::Kind::nothing, {}};
  return {Asked::Kind::part, {*first, (last ? std::min(*last, size - 1) + 1 : size) - *first}};
}

std::string entity_tag(const UploadStatus& upload) {
  return "\"" + upload.id + "\"";
}

// A reply does not change, so what the client has of it is of this one, unless it says otherwise.
bool is_of_another(const http::RequestHead& head, const UploadStatus& upload) {
  const std::string* const condition = head.find("If-Range");
  if (condition == nullptr || *condition == entity_tag(upload)) return false;
  return !upload.delivered_at || *condition != format_http_date(*upload.delivered_at);
}

Asked asked_of(const http::RequestHead& head, const UploadStatus& upload, std::uint64_t size) {
  const auto range = only_field(head, "Range");
  if (!range || !*range || is_of_another(head, upload)) return {};
  return range_of(**range, size);
}

}  // namespace

ReplyAnswer answer_reply(const http::RequestHead& head, const UploadStatus& upload, std::uint64_t size) {
  ReplyAnswer answer;
  http::Response& response = answer.response;
  response.fields = {{"Cache-Control", "no-store"}};
  if (!upload.reply_at.empty()) {
    response.status = 302;
    response.fields.push_back({"Location", upload.reply_at});
    return answer;
  }
  response.fields.push_back({"Accept-Ranges", "bytes"});
  response.fields.push_back({"ETag", entity_tag(upload)});
  if (upload.delivered_at) response.fields.push_back({"Last-Modified", format_http_date(*upload.delivered_at)});
  const Asked asked = asked_of(head, upload, size);
  if (asked.kind == Asked::Kind::nothing) {
    response.status = 416;
    response.fields.push_back({"Content-Range", fmt::format("bytes */{}", size)});
    return answer;
  }
  // It is an application's, and of any kind: no browser is to take it for a page of this server.
  response.fields.push_back({"Content-Type", "application/octet-stream"});
  response.fields.push_back({"X-Content-Type-Options", "nosniff"});
  answer.bytes = asked.kind == Asked::Kind::whole ? ByteRange{0, size} : asked.bytes;
  if (asked.kind == Asked::Kind::part) {
    response.status = 206;
    response.fields.push_back(
        {"Content-Range", fmt::format("bytes {}-{}/{}", asked.bytes.offset, asked.bytes.end() - 1, size)});
  }
  return answer;
}

}  // namespace larder::inbox
