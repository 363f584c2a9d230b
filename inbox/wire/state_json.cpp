#include "inbox/wire/state_json.h"

#include <nlohmann/json.hpp>

#include "base/text/units.h"
#include "inbox/wire/answers.h"

namespace larder::inbox {

std::string state_json(const UploadStatus& status) {
  nlohmann::ordered_json json = {{"id", status.id}, {"state", state_name(status.state)}, {"name", status.name}};
  if (status.size) json["size"] = *status.size;
  if (const auto offset = shown_offset(status)) json["offset"] = *offset;
  if (status.sha256) json["sha256"] = to_hex(*status.sha256);
  json["attempt"] = status.attempt;
  json["reply"] = status.has_reply;
  if (status.state == UploadState::receiving && status.expires_at) json["expires_at"] = format_time(*status.expires_at);
  if (status.delivered_at) json["delivered_at"] = format_time(*status.delivered_at);
  if (status.answer) json["answer"] = {{"status", status.answer->status}, {"text", status.answer->text}};
  // Names are UTF-8 when they come, but the words of an application are anybody's.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace larder::inbox
