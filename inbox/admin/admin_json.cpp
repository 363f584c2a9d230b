#include "inbox/admin/admin_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error_table.h"
#include "base/text/text.h"
#include "base/text/units.h"
#include "inbox/model/dialect_names.h"

namespace larder::inbox {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

ordered_json time_of(const std::optional<WallTime>& time) {
  return time ? ordered_json(format_time(*time)) : ordered_json(nullptr);
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json brief(const UploadRow& row) {
  const DeliveryRow delivery = row.delivery.value_or(DeliveryRow{});
  const auto accepted_at = row.delivery ? std::optional(row.delivery->accepted_at) : std::nullopt;
  const auto expires_at = row.state == UploadState::receiving ? std::optional(row.expires_at) : std::nullopt;
  const std::optional<Digest>& digest = row.computed ? row.computed : row.declared;
  return {{"id", row.id},
          {"inbox", row.inbox},
          {"state", state_name(row.state)},
          {"name", row.name},
          {"size", or_null(row.size)},
          {"offset", row.offset},
          {"sha256", digest ? ordered_json(to_hex(*digest)) : ordered_json(nullptr)},
          {"principal", row.principal},
          {"key", row.key},
          {"dialect", dialect_name(row.dialect)},
          {"created_at", format_time(row.created_at)},
          {"progressed_at", format_time(row.progressed_at)},
          {"expires_at", time_of(expires_at)},
          {"accepted_at", time_of(accepted_at)},
          {"settled_at", time_of(row.settled_at)},
          {"attempt", delivery.attempt},
          {"holder", delivery.holder},
          {"next_at", time_of(delivery.next_at)},
          {"lease_until", time_of(delivery.lease_until)},
          {"has_content", row.has_content}};
}

tl::unexpected<Error> bad_body(std::string detail) {
  return fail(ErrorCode::invalid_argument, "read the request's body", std::move(detail));
}

// Any other problem means that the upload is in another state, or that its attempt is another.
ErrorCode code_of(Problem problem) {
  if (problem == Problem::unknown_upload || problem == Problem::unknown_inbox) return ErrorCode::not_found;
  if (problem == Problem::busy) return ErrorCode::busy;
  if (problem == Problem::no_space) return ErrorCode::disk_full;
  return problem == Problem::failed ? ErrorCode::database_error : ErrorCode::invalid_state;
}

http::Response error_text(int status, ErrorCode code, const std::string& text,
                          std::optional<std::chrono::seconds> retry_after) {
  const ordered_json error = {{"code", error_info(code).name}, {"text", text}};
  http::Response response = json_answer(status, dump({{"error", error}}));
  if (retry_after) response.fields.push_back({"Retry-After", std::to_string(retry_after->count())});
  return response;
}

}  // namespace

std::string upload_json(const UploadRow& row) {
  ordered_json json = brief(row);
  json["metadata"] = row.metadata;
  json["url"] = row.url;
  json["result"] = row.delivery ? row.delivery->result : std::string();
  json["answer"] = nullptr;
  if (row.answer) json["answer"] = ordered_json{{"status", row.answer->status}, {"text", row.answer->text}};
  return dump(json);
}

std::string uploads_json(const std::vector<UploadRow>& rows, const std::string& next) {
  ordered_json all = ordered_json::array();
  for (const UploadRow& row : rows) all.push_back(brief(row));
  ordered_json json;
  json["uploads"] = std::move(all);
  json["next"] = next.empty() ? ordered_json(nullptr) : ordered_json(next);
  return dump(json);
}

Result<std::string> parse_said(std::string_view body, const char* member, bool required) {
  if (trim(body).empty() && !required) return std::string();
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const std::string wanted =
      fmt::format("it has to be {{\"{}\": \"…\"}}, with 1 to {} bytes of text", member, kMaxReason);
  if (!json.is_object() || json.size() != 1 || !json.contains(member) || !json[member].is_string())
    return bad_body(wanted);
  auto text = json[member].get<std::string>();
  if (text.empty() || text.size() > kMaxReason) return bad_body(wanted);
  return text;
}

http::Response json_answer(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.fields = {{"Cache-Control", "no-store"}, {"Content-Type", "application/json"}};
  response.body = std::move(body);
  return response;
}

http::Response error_answer(const Error& error) {
  return error_answer(error_info(error.code).http_status, error);
}

http::Response error_answer(int status, const Error& error) {
  return error_text(status, error.code, error.text(), error.retry_after);
}

http::Response refused_answer(const Refused& refused) {
  const ErrorCode code = code_of(refused.problem);
  return error_text(error_info(code).http_status, code, refused.detail, refused.retry_after);
}

}  // namespace larder::inbox
