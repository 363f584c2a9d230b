#include "agent/api/http/http_message.h"

#include "agent/api/json/view_json.h"
#include "base/error_table.h"

namespace larder::agent {

ApiResponse json_response(int status, std::string body) {
  ApiResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

ApiResponse error_response(const Error& error, std::optional<int> status) {
  ApiResponse response = json_response(status.value_or(error_info(error.code).http_status), error_view(error));
  if (error.retry_after) response.headers.emplace_back("Retry-After", std::to_string(error.retry_after->count()));
  return response;
}

Responder::~Responder() {
  if (send_) fail(Error{ErrorCode::internal, "answer", "the request was dropped; see the agent's log"});
}

void Responder::operator()(ApiResponse response) {
  if (!send_) return;
  auto send = std::exchange(send_, nullptr);
  send(std::move(response));
}

}  // namespace larder::agent
