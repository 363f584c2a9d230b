#include "inbox/wire/put.h"

#include <fmt/format.h>

#include <array>

#include "inbox/wire/answers.h"
#include "inbox/wire/digests.h"
#include "inbox/wire/metadata.h"
#include "inbox/wire/problems.h"

namespace larder::inbox {
namespace {

// They say that the body is a part, or goes with another protocol that appends.
constexpr std::array<std::string_view, 4> kPartial = {"Content-Range", "Upload-Offset", "Upload-Length",
                                                      "X-Update-Range"};

Read<void> check_whole(const http::RequestHead& head) {
  for (const std::string_view name : kPartial) {
    if (head.find(name))
      return bad(fmt::format("{} does not go with a {}, whose body is the whole file", name, head.method));
  }
  // Of the draft for resumable uploads: "?0" announces that the body is not all.
  const auto complete = only_field(head, "Upload-Complete");
  if (!complete) return tl::unexpected(complete.error());
  if (*complete && **complete != "?1") return bad("uploads in parts are spoken here as tus 1.0.0 or BITS", 501);
  if (auto coded = refuse_coding(head); !coded) return coded;
  const auto type = content_type(head);
  if (!type) return tl::unexpected(type.error());
  if (*type == "multipart/form-data") return bad("its body is a form; send the bytes of the file alone", 415);
  return {};
}

// Of If-None-Match only "*": the file must not be there yet.
Read<bool> read_condition(const http::RequestHead& head) {
  if (head.find("If-Match")) return bad("If-Match asks for a file that is there already, and no file is replaced", 412);
  const auto none_match = only_field(head, "If-None-Match");
  if (!none_match) return tl::unexpected(none_match.error());
  if (*none_match && **none_match != "*") return bad("If-None-Match is taken as * alone");
  return none_match->has_value();
}

// Without Content-Encoding and Content-Range the body is the file, so both fields mean the same digest.
Read<std::optional<Digest>> whole_digest(const http::RequestHead& head) {
  auto whole = digest_field(head, "Repr-Digest");
  if (!whole) return whole;
  auto content = digest_field(head, "Content-Digest");
  if (!content) return content;
  if (*whole && *content && **whole != **content)
    return bad("Repr-Digest and Content-Digest differ, and are of the same bytes");
  return *whole ? whole : content;
}

Read<void> check_key(const http::RequestHead& head, const Target& target) {
  const auto key = idempotency_key(head);
  if (!key) return tl::unexpected(key.error());
  if (!key->empty() && *key != target.key) return bad("Idempotency-Key is not the transaction id of the URL");
  return {};
}

Read<MakeUpload> read_whole(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  if (const auto whole = check_whole(head); !whole) return tl::unexpected(whole.error());
  if (const auto same = check_key(head, target); !same) return tl::unexpected(same.error());
  const auto digest = whole_digest(head);
  if (!digest) return tl::unexpected(digest.error());
  MakeUpload create;
  AppendPart& part = create.part.emplace();
  // RFC 9110, section 8.6: without both fields a request has no body, and a client that forgot its length would be told
  // that its file is safe.
  if (!head.chunked && !head.content_length)
    return bad("it says neither Content-Length nor chunks; of an empty file too, send Content-Length: 0", 411);
  if (!head.chunked) part.length = part.total = *head.content_length;
  if (part.length.value_or(0) > settings.max_size)
    return bad(Problem::too_large, fmt::format("this inbox takes at most {} bytes", settings.max_size));
  create.upload.inbox = target.inbox;
  create.upload.key = target.key;
  create.upload.name = target.name;
  create.upload.size = part.length;
  create.upload.sha256 = *digest;
  create.upload.url = asked_url(head, settings.base_url, settings.scheme);
  create.upload.dialect = Dialect::put;
  return create;
}

http::Response answer_taken(const Request& request, const UploadStatus& status) {
  http::Response response;
  response.status = 201;
  if (status.answer && !status.answer->text.empty()) response = http::text_response(201, status.answer->text + "\n");
  response.fields.push_back({"Location", fmt::format("{}/up/{}/state", request.base_url, status.id)});
  if (status.sha256) response.fields.push_back({"Repr-Digest", digest_member(*status.sha256)});
  if (status.has_reply) response.fields.push_back({"Larder-Reply-URL", reply_url(status, request.base_url)});
  return response;
}

// The bytes came, but not all that there are: nothing was taken.
Refused not_whole(const UploadStatus& status) {
  return {Problem::body_broken, "", status, std::nullopt};
}

}  // namespace

Read<Request> read_put(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  auto only_new = read_condition(head);
  if (!only_new) return tl::unexpected(only_new.error());
  auto create = read_whole(head, target, settings);
  if (!create) return tl::unexpected(create.error());
  Request request;
  request.dialect = Dialect::put;
  request.operation = std::move(*create);
  request.only_new = *only_new;
  request.base_url = settings.base_url;
  return request;
}

http::Response answer_put(const Request& request, const Outcome<UploadStatus>& outcome, const WireSettings& settings) {
  if (outcome && is_success(*outcome)) return answer_taken(request, *outcome);
  const Refused refused = !outcome ? outcome.error() : refusal_of(*outcome).value_or(not_whole(*outcome));
  http::Response response = refuse(Dialect::put, refused, settings);
  if (request.only_new && refused.problem == Problem::already_settled) response.status = 412;
  return response;
}

}  // namespace larder::inbox
