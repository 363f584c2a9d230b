#include "origin/upload/upload.h"

#include "origin/upload/bits.h"
#include "origin/upload/put.h"
#include "origin/upload/tus.h"

namespace larder::origin {

UploadStep start_upload(const UploadTurn& turn) {
  if (const Status ok = check_plan(turn.plan); !ok) return failed_step(ok.error());
  switch (turn.plan.dialect) {
    case UploadDialect::tus:
      return start_tus(turn);
    case UploadDialect::bits:
      return start_bits(turn);
    case UploadDialect::put:
      break;
  }
  return start_put(turn);
}

UploadStep after_answer(const UploadTurn& turn, const UploadAnswer& answer) {
  switch (turn.plan.dialect) {
    case UploadDialect::tus:
      return after_tus(turn, answer);
    case UploadDialect::bits:
      return after_bits(turn, answer);
    case UploadDialect::put:
      break;
  }
  return after_put(turn, answer);
}

UploadStep after_reply(const UploadTurn& turn) {
  if (turn.plan.dialect == UploadDialect::bits) return after_bits_reply(turn);
  return failed_step(upload_error(turn.plan, ErrorCode::internal, "only BITS has replies"));
}

UploadStep cancel_upload(const UploadTurn& turn) {
  switch (turn.plan.dialect) {
    case UploadDialect::tus:
      return cancel_tus(turn);
    case UploadDialect::bits:
      return cancel_bits(turn);
    case UploadDialect::put:
      break;
  }
  return cancel_put(turn);
}

}  // namespace larder::origin
