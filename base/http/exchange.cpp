#include "base/http/exchange.h"

namespace larder::http {

Exchange::~Exchange() {
  if (answered_) return;
  respond(refusal_response(
      {500, {ErrorCode::internal, "answer", "the request was dropped; look into the log of the server"}}));
}

void Exchange::read_body(BodyReady ready) {
  if (const auto host = host_.lock()) host->read_body(number_, std::move(ready));
}

void Exchange::inform(int status, Fields fields) {
  if (const auto host = host_.lock(); host && !answered_ && head_.minor > 0)
    host->inform(number_, status, std::move(fields));
}

void Exchange::respond(Response response) {
  if (std::exchange(answered_, true)) return;
  if (const auto host = host_.lock()) host->respond(number_, std::move(response));
  visit_ = nullptr;
}

void Exchange::hand_over(Fields fields, TakeStream take) {
  if (head_.form != TargetForm::authority)
    return respond(refusal_response({500, {ErrorCode::internal, "answer", "only CONNECT has a stream to hand over"}}));
  if (std::exchange(answered_, true)) return;
  if (const auto host = host_.lock()) host->hand_over(number_, std::move(fields), std::move(take));
  visit_ = nullptr;
}

void Exchange::on_gone(Task gone) {
  if (const auto host = host_.lock()) host->on_gone(number_, std::move(gone));
}

std::vector<UniqueFd> Exchange::take_descriptors() {
  const auto host = host_.lock();
  return host ? host->take_descriptors(number_) : std::vector<UniqueFd>();
}

}  // namespace larder::http
