#include "inbox/wire/tus.h"

#include <fmt/format.h>

#include "base/text/http_date.h"
#include "inbox/wire/answers.h"
#include "inbox/wire/digests.h"
#include "inbox/wire/metadata.h"
#include "inbox/wire/problems.h"

namespace larder::inbox {
namespace {

constexpr std::string_view kResumable = "Tus-Resumable";

Read<void> check_version(const http::RequestHead& head) {
  const auto version = only_field(head, kResumable);
  if (!version) return tl::unexpected(version.error());
  if (*version && **version == kTusVersion) return {};
  auto fault = bad(fmt::format("it needs the field Tus-Resumable: {}", kTusVersion), 412);
  fault.value().fields = {{"Tus-Version", std::string(kTusVersion)}};
  return fault;
}

// --- reading

// The length of the whole, which is said now or later.
Read<std::optional<std::uint64_t>> declared_length(const http::RequestHead& head, const WireSettings& settings) {
  auto length = number_field(head, "Upload-Length");
  if (!length) return length;
  const auto later = only_field(head, "Upload-Defer-Length");
  if (!later) return tl::unexpected(later.error());
  if (*later && **later != "1") return bad("Upload-Defer-Length is not 1");
  if (later->has_value() == length->has_value())
    return bad("it has not exactly one of Upload-Length and Upload-Defer-Length");
  if (*length && **length > settings.max_size)
    return bad(Problem::too_large, fmt::format("this inbox takes at most {} bytes", settings.max_size));
  return length;
}

Read<void> check_sizes(const AppendPart& part, const WireSettings& settings) {
  const std::uint64_t length = part.length.value_or(0);
  if (part.total && *part.total > settings.max_size)
    return bad(Problem::too_large, fmt::format("this inbox takes at most {} bytes", settings.max_size));
  // Both are below 2^63: HTTP's own length has at most 18 digits.
  if (part.offset + length > settings.max_size)
    return bad(Problem::too_large, fmt::format("this inbox takes at most {} bytes", settings.max_size));
  if (part.total && part.offset + length > *part.total)
    return bad(Problem::wrong_size, fmt::format("its body goes beyond the {} bytes of the whole", *part.total));
  if (settings.max_part && length > *settings.max_part)
    return bad(Problem::part_too_large, fmt::format("a part has at most {} bytes here", *settings.max_part));
  return {};
}

enum class Carrier { creation, patch };

// The body as a part that begins at `offset`.
Read<AppendPart> read_part(const http::RequestHead& head, Carrier carrier, std::uint64_t offset,
                           std::optional<std::uint64_t> total, const WireSettings& settings) {
  if (const auto coded = refuse_coding(head); !coded) return tl::unexpected(coded.error());
  const auto type = content_type(head);
  if (!type) return tl::unexpected(type.error());
  if (*type != kOffsetOctetStream) return bad(fmt::format("its body is not of the type {}", kOffsetOctetStream), 415);
  AppendPart part;
  part.offset = offset;
  part.total = total;
  if (!head.chunked) part.length = head.content_length.value_or(0);
  auto digest = part_digest(head, carrier == Carrier::patch);
  if (!digest) return tl::unexpected(digest.error());
  part.digest = std::move(*digest);
  if (const auto fits = check_sizes(part, settings); !fits) return tl::unexpected(fits.error());
  return part;
}

// Upload-Metadata as it came, and what it says.
Read<void> read_names(const http::RequestHead& head, CreateUpload& upload) {
  auto key = idempotency_key(head);
  if (!key) return tl::unexpected(key.error());
  const auto metadata = only_field(head, "Upload-Metadata");
  if (!metadata) return tl::unexpected(metadata.error());
  upload.metadata = std::string(metadata->value_or(""));
  auto said = parse_metadata(upload.metadata);
  if (!said) return tl::unexpected(said.error());
  if (!key->empty() && !said->key.empty() && *key != said->key)
    return bad("Idempotency-Key and larder-key name two transactions");
  upload.key = key->empty() ? std::move(said->key) : std::move(*key);
  upload.name = std::move(said->name);
  return {};
}

Read<Operation> read_create(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  // tus-js-client asks again after 501, once for each of its parallel parts; 400 ends it.
  if (head.find("Upload-Concat")) return bad("Upload-Concat is not taken here; send the file as one upload");
  MakeUpload create;
  create.upload.inbox = target.inbox;
  create.upload.dialect = Dialect::tus;
  create.upload.url = asked_url(head, settings.base_url, settings.scheme);
  const auto length = declared_length(head, settings);
  if (!length) return tl::unexpected(length.error());
  create.upload.size = *length;
  if (const auto names = read_names(head, create.upload); !names) return tl::unexpected(names.error());
  const auto whole = digest_field(head, "Repr-Digest");
  if (!whole) return tl::unexpected(whole.error());
  create.upload.sha256 = *whole;
  if (head.has_body()) {
    auto part = read_part(head, Carrier::creation, 0, *length, settings);
    if (!part) return tl::unexpected(part.error());
    create.part = std::move(*part);
  } else if (*length && **length == 0) {
    // Complete at its creation: nothing else comes for it.
    create.part.emplace();
    create.part->length = 0;
    create.part->total = 0;
  }
  return create;
}

Read<Operation> read_append(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  const auto offset = number_field(head, "Upload-Offset");
  if (!offset) return tl::unexpected(offset.error());
  if (!*offset) return bad("it has no Upload-Offset");
  const auto total = number_field(head, "Upload-Length");
  if (!total) return tl::unexpected(total.error());
  auto part = read_part(head, Carrier::patch, **offset, *total, settings);
  if (!part) return tl::unexpected(part.error());
  const auto whole = digest_field(head, "Larder-Upload-Digest");
  if (!whole) return tl::unexpected(whole.error());
  part->sha256 = *whole;
  part->id = target.id;
  return SendPart{std::move(*part)};
}

Read<Operation> read_operation(const http::RequestHead& head, std::string_view method, const Target& target,
                               const WireSettings& settings) {
  if (target.kind == Target::Kind::collection) return read_create(head, target, settings);
  if (method == "PATCH") return read_append(head, target, settings);
  if (head.has_body()) return bad(fmt::format("a {} has no body", method));
  if (method == "DELETE") return CancelUpload{target.id};
  return AskOffset{target.id};
}

// --- answering

void add_status_fields(http::Fields& fields, const UploadStatus& status, std::string_view base_url) {
  if (status.state == UploadState::receiving && status.expires_at)
    fields.push_back({"Upload-Expires", format_http_date(*status.expires_at)});
  if (!is_success(status)) return;
  if (status.sha256) fields.push_back({"Repr-Digest", digest_member(*status.sha256)});
  if (status.has_reply) fields.push_back({"Larder-Reply-URL", reply_url(status, base_url)});
}

std::string location_of(const Request& request, const UploadStatus& status) {
  return fmt::format("{}/up/{}", request.base_url, status.id);
}

http::Response answer_create(const Request& request, const MakeUpload& create, const UploadStatus& status) {
  http::Response response;
  response.status = 201;
  response.fields = {{"Location", location_of(request, status)}};
  const auto offset = shown_offset(status);
  if (create.part && offset) response.fields.push_back({"Upload-Offset", std::to_string(*offset)});
  add_status_fields(response.fields, status, request.base_url);
  return response;
}

http::Response answer_append(const Request& request, const UploadStatus& status) {
  http::Response response;
  response.status = 204;
  response.fields = {{"Upload-Offset", std::to_string(status.offset)}};
  add_status_fields(response.fields, status, request.base_url);
  return response;
}

http::Response answer_look(const Request& request, const UploadStatus& status) {
  http::Response response;
  response.fields = {{"Upload-Offset", std::to_string(status.offset)}, {"Cache-Control", "no-store"}};
  if (status.size)
    response.fields.push_back({"Upload-Length", std::to_string(*status.size)});
  else
    response.fields.push_back({"Upload-Defer-Length", "1"});
  if (!status.metadata.empty()) response.fields.push_back({"Upload-Metadata", status.metadata});
  add_status_fields(response.fields, status, request.base_url);
  return response;
}

// Cancelled before: the answer was lost, and the same one is given again.
bool was_cancelled(const Request& request, const Outcome<UploadStatus>& outcome) {
  if (!std::holds_alternative<CancelUpload>(request.operation)) return false;
  if (outcome) return true;
  const Refused& refused = outcome.error();
  return refused.problem == Problem::gone && refused.upload && refused.upload->state == UploadState::cancelled;
}

// The plain creation of an upload that is there already tells where it is; the client asks for the offset there.
bool is_plain_creation(const Request& request, const Refused& refusal) {
  const auto* const create = std::get_if<MakeUpload>(&request.operation);
  return create && !create->part && refusal.problem == Problem::pending;
}

// Made while an earlier try, whose connection had broken, was still being written: its bytes are there, and the client
// goes on behind them, as after a creation that comes later.
const UploadStatus* found_further_on(const Request& request, const Refused& refused) {
  const bool further = std::holds_alternative<MakeUpload>(request.operation) &&
                       refused.problem == Problem::wrong_offset && refused.upload && !refusal_of(*refused.upload);
  return further ? &*refused.upload : nullptr;
}

http::Response refuse_tus(const Request& request, const Refused& refused, const WireSettings& settings) {
  http::Response response = refuse(Dialect::tus, refused, settings);
  // A failed upload was answered once with its reason; afterwards it is gone.
  if (refused.problem == Problem::content_digest && std::holds_alternative<AskOffset>(request.operation))
    response.status = 410;
  // The last part again, whose answer was lost, or another writer was faster: the client asks for the offset, and hears
  // that all is there.
  if (refused.problem == Problem::already_settled && std::holds_alternative<SendPart>(request.operation))
    response.status = 409;
  // The client may go on with it, though its first part was refused; not with the upload of another file.
  const bool goes_on = refused.upload && !refusal_of(*refused.upload) && refused.problem != Problem::key_conflict;
  if (std::holds_alternative<MakeUpload>(request.operation) && goes_on)
    response.fields.push_back({"Location", location_of(request, *refused.upload)});
  if (std::holds_alternative<AskOffset>(request.operation)) response.fields.push_back({"Cache-Control", "no-store"});
  return response;
}

http::Response answer_refused(const Request& request, const Refused& refused, const WireSettings& settings) {
  if (is_plain_creation(request, refused) && refused.upload)
    return answer_create(request, std::get<MakeUpload>(request.operation), *refused.upload);
  return refuse_tus(request, refused, settings);
}

http::Response answer_status(const Request& request, const UploadStatus& status, const WireSettings& settings) {
  if (const auto refusal = refusal_of(status)) return answer_refused(request, *refusal, settings);
  if (const auto* const create = std::get_if<MakeUpload>(&request.operation))
    return answer_create(request, *create, status);
  return std::holds_alternative<SendPart>(request.operation) ? answer_append(request, status)
                                                             : answer_look(request, status);
}

}  // namespace

Read<Request> read_tus(const http::RequestHead& head, std::string_view method, const Target& target,
                       const WireSettings& settings) {
  if (const auto spoken = check_version(head); !spoken) return tl::unexpected(spoken.error());
  auto operation = read_operation(head, method, target, settings);
  if (!operation) return tl::unexpected(operation.error());
  Request request;
  request.dialect = Dialect::tus;
  request.operation = std::move(*operation);
  request.base_url = settings.base_url;
  return request;
}

http::Response answer_tus(const Request& request, const Outcome<UploadStatus>& outcome, const WireSettings& settings) {
  http::Response response;
  if (was_cancelled(request, outcome))
    response.status = 204;
  else if (outcome)
    response = answer_status(request, *outcome, settings);
  else if (const UploadStatus* const there = found_further_on(request, outcome.error()))
    response = answer_status(request, *there, settings);
  else
    response = answer_refused(request, outcome.error(), settings);
  response.fields.push_back({std::string(kResumable), std::string(kTusVersion)});
  return response;
}

http::Fields tus_options(const WireSettings& settings) {
  return {{std::string(kResumable), std::string(kTusVersion)},
          {"Tus-Version", std::string(kTusVersion)},
          {"Tus-Extension", std::string(kTusExtensions)},
          {"Tus-Max-Size", std::to_string(settings.max_size)},
          {"Tus-Checksum-Algorithm", std::string(kChecksumAlgorithms)}};
}

}  // namespace larder::inbox
