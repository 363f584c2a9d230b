// What holds of every request to the inbox, whatever its fields say, and of every answer to it, whatever came of it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/http/message/request_parser.h"
#include "base/http/message/response_writer.h"
#include "inbox/wire/answers.h"
#include "inbox/wire/reply.h"
#include "inbox/wire/target.h"
#include "inbox/wire/wire.h"
#include "tests/fuzz/must.h"

namespace larder::inbox::fuzz {

// The first line of the input is a method and a target; the others are fields, behind those of the dialect.
inline std::string request_text(std::string_view input, std::string_view dialect_fields) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  std::string lines = std::string(input.substr(0, end)) + " HTTP/1.1\nHost: h\n" + std::string(dialect_fields);
  if (end < input.size()) lines += input.substr(end + 1);
  if (lines.back() != '\n') lines += '\n';
  std::string bytes;
  for (const char c : lines + "\n") bytes += c == '\n' ? "\r\n" : std::string(1, c);
  return bytes;
}

inline std::optional<http::RequestHead> head_of(const std::string& bytes) {
  static const http::HttpLimits limits = [] {
    http::HttpLimits wide;
    wide.body_bytes = std::uint64_t{1} << 62;
    return wide;
  }();
  http::RequestParser parser(limits);
  if (parser.step(bytes).event != http::RequestParser::Event::head) return std::nullopt;
  return parser.take_head();
}

inline const std::string* field_of(const http::Response& response, std::string_view name) {
  const std::string* found = nullptr;
  for (const http::Field& field : response.fields) {
    if (!http::same_name(field.name, name)) continue;
    must(found == nullptr);
    found = &field.value;
  }
  return found;
}

inline void check_part(const AppendPart& part, const WireSettings& settings) {
  const std::uint64_t length = part.length.value_or(0);
  must(part.offset <= settings.max_size && length <= settings.max_size - part.offset);
  must(!part.total || (*part.total <= settings.max_size && part.offset + length <= *part.total));
  must(!part.digest ||
       part.digest->value.size() == (part.digest->algorithm == PartDigest::Algorithm::sha1 ? 20U : 32U));
}

inline void check_request(const Request& request, const WireSettings& settings) {
  if (const auto* const create = std::get_if<MakeUpload>(&request.operation)) {
    const CreateUpload& upload = create->upload;
    must(upload.dialect == request.dialect && !upload.inbox.empty() && !upload.url.empty());
    must(upload.key.empty() ? request.dialect == Dialect::tus : is_key(upload.key));
    must(upload.name.empty() ? request.dialect == Dialect::tus : is_file_name(upload.name));
    must(!upload.size || *upload.size <= settings.max_size);
    must(create->part.has_value() ? request.dialect != Dialect::bits : request.dialect != Dialect::put);
    if (!create->part) return;
    check_part(*create->part, settings);
    must(create->part->offset == 0 && create->part->total == upload.size);
  } else if (const auto* const append = std::get_if<SendPart>(&request.operation)) {
    must(is_id_text(append->part.id));
    check_part(append->part, settings);
    must(append->part.skips_known == (request.dialect == Dialect::bits));
    must(request.dialect == Dialect::tus || (append->part.length.value_or(0) > 0 && append->part.total));
  } else if (const auto* const leave = std::get_if<LeaveSession>(&request.operation)) {
    must(is_id_text(leave->id) && request.dialect == Dialect::bits);
  }
}

// Every state with and without a stored answer, at several offsets; every problem with and without an upload.
inline std::vector<Outcome<UploadStatus>> all_outcomes() {
  std::vector<Outcome<UploadStatus>> outcomes;
  for (std::size_t state = 0; state < kUploadStateCount; ++state) {
    for (const std::uint64_t offset : {0U, 4U, 10U}) {
      UploadStatus status;
      status.id = "abc";
      status.state = static_cast<UploadState>(state);
      status.offset = offset;
      status.size = 10;
      outcomes.emplace_back(status);
      status.answer = StoredAnswer{state % 2 == 0 ? 204 : 409, "x"};
      outcomes.emplace_back(status);
    }
  }
  const std::size_t statuses = outcomes.size();
  for (std::size_t problem = 0; problem <= static_cast<std::size_t>(Problem::failed); ++problem) {
    outcomes.emplace_back(tl::unexpected(Refused{static_cast<Problem>(problem), "", std::nullopt, std::nullopt}));
    const UploadStatus upload = *outcomes[problem % statuses];
    outcomes.emplace_back(tl::unexpected(Refused{static_cast<Problem>(problem), "", upload, std::nullopt}));
  }
  return outcomes;
}

inline void check_writable(const http::Response& response) {
  must(http::write_head(response.status, response.fields, http::form_of(response, nullptr, true)).has_value());
}

inline void check_answer(const Request& request, const Outcome<UploadStatus>& outcome, const http::Response& response) {
  check_writable(response);
  const bool success = outcome && is_success(*outcome);
  const std::string* const offset = field_of(response, "Upload-Offset");
  must(!offset || (outcome && (success || std::to_string(outcome->size.value_or(0)) != *offset)));
  if (request.dialect == Dialect::tus) must(field_of(response, "Tus-Resumable") != nullptr);
  if (request.dialect == Dialect::put && std::holds_alternative<MakeUpload>(request.operation))
    must((response.status / 100 == 2) == success);
  if (request.dialect != Dialect::bits) return;
  must(response.body.empty() && field_of(response, "BITS-Packet-Type") != nullptr);
  must(std::holds_alternative<SendPart>(request.operation) ==
       (field_of(response, "BITS-Received-Content-Range") != nullptr));
  const bool error =
      field_of(response, "BITS-Error-Code") != nullptr || field_of(response, "BITS-Error-Context") != nullptr;
  must(!error || (response.status != 200 && response.status != 416));
}

// Whatever range is asked for, no byte beyond the reply is sent.
inline void check_reply(const http::RequestHead& head) {
  UploadStatus upload;
  upload.id = "abc";
  upload.delivered_at = WallTime(std::chrono::seconds(784111777));
  for (const std::uint64_t size : {0U, 1U, 1000U}) {
    const ReplyAnswer reply = answer_reply(head, upload, size);
    check_writable(reply.response);
    const int status = reply.response.status;
    must(reply.bytes.has_value() ? status == 200 || status == 206 : status == 416);
    if (!reply.bytes) continue;
    must(reply.bytes->offset <= size && reply.bytes->length <= size - reply.bytes->offset);
    must(status == 206 ? reply.bytes->length > 0 : reply.bytes->length == size);
  }
}

inline void check(std::string_view input, std::string_view dialect_fields) {
  static const std::vector<Outcome<UploadStatus>> outcomes = all_outcomes();
  WireSettings small;
  small.max_size = 100;
  small.max_part = 50;
  small.bits_empty_files = true;
  const auto head = head_of(request_text(input, dialect_fields));
  if (!head) return;
  check_reply(*head);
  for (const WireSettings& settings : {WireSettings(), small}) {
    auto translated = translate(*head, settings);
    if (const auto* const refusal = std::get_if<http::Response>(&translated)) {
      check_writable(*refusal);
      must(refusal->status >= 400 || refusal->status == 204 || refusal->status == 200);
      continue;
    }
    const Request& request = std::get<Request>(translated);
    check_request(request, settings);
    for (const auto& outcome : outcomes) {
      static_cast<void>(next_step(request, outcome));
      static_cast<void>(step_after_part(request, outcome));
      check_answer(request, outcome, answer(request, outcome, settings));
    }
  }
}

}  // namespace larder::inbox::fuzz
