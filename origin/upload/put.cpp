#include "origin/upload/put.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace larder::origin {
namespace {

enum class Act {
  finish,      // the server took it
  compare,     // the server tells what it has
  follow,      // a redirect
  send_later,  // the file again, after the wait
  look_later,  // the same question again, after the wait
  exists,      // If-None-Match: something is there
  nothing,     // nothing is there: the file again
  too_large,
  rejected,  // the server read it, and does not take it
  refuse,    // the server's word ends the upload
  fail,      // the upload ends; a person may mend the cause
  forget,    // the same, and what was remembered of the place is wrong
};

// clang-format off
struct Row {
  Heard heard;
  Act append, settle;
};
constexpr std::array kWords = {
    StatusWord{422, Heard::rejected},
};
constexpr std::array<Row, kHeardCount> kTable = {{
    // answer                  append            settle
    {Heard::success,         Act::finish,      Act::compare},
    {Heard::redirect,        Act::follow,      Act::follow},
    {Heard::no_answer,       Act::send_later,  Act::look_later},
    {Heard::nonsense,        Act::send_later,  Act::refuse},
    {Heard::broken,          Act::fail,        Act::fail},
    {Heard::transient,       Act::send_later,  Act::look_later},
    {Heard::unauthorized,    Act::fail,        Act::fail},
    {Heard::forbidden,       Act::refuse,      Act::refuse},
    {Heard::gone,            Act::forget,      Act::nothing},
    {Heard::not_possible,    Act::forget,      Act::refuse},
    // The folder is missing (RFC 4918), or another content has this key.
    {Heard::conflict,        Act::refuse,      Act::refuse},
    {Heard::precondition,    Act::exists,      Act::refuse},
    {Heard::too_large,       Act::too_large,   Act::refuse},
    {Heard::wrong_type,      Act::forget,      Act::refuse},
    {Heard::out_of_step,     Act::refuse,      Act::refuse},
    {Heard::locked,          Act::refuse,      Act::refuse},
    {Heard::damaged,         Act::refuse,      Act::refuse},
    {Heard::unknown_session, Act::refuse,      Act::refuse},
    {Heard::never_fits,      Act::refuse,      Act::refuse},
    {Heard::rejected,        Act::rejected,    Act::refuse},
    {Heard::refused,         Act::refuse,      Act::refuse},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].heard) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

UploadRequest whole_file(const UploadTurn& turn) {
  const UploadPlan& plan = turn.plan;
  UploadProgress& progress = turn.progress;
  progress.phase = UploadPhase::append;
  UploadRequest request = request_to(plan, "PUT", upload_url(plan, progress));
  request.headers.emplace_back("Content-Type", "application/octet-stream");
  // Of PUT the URL is the transaction, unless the caller named another one.
  if (plan.key_repeated) request.headers.emplace_back("Idempotency-Key", fmt::format("\"{}\"", plan.key));
  if (!plan.overwrite) request.headers.emplace_back("If-None-Match", "*");
  begin_part(progress, plan, plan.size, request);
  DigestField digest{"Repr-Digest", PartAlgorithm::sha256, DigestField::Form::digest, true};
  if (plan.sha256) {
    request.headers.emplace_back(digest.name, digest_field_value(digest, *plan.sha256));
  } else if (plan.size <= kMaxUnaskedPut || plan.key_repeated || progress.sent > 0) {
    // Small enough to be hashed before it is sent; or the server may have it already, and says so by its digest.
    request.digests.push_back(std::move(digest));
  }
  return request;
}

UploadRequest look(const UploadTurn& turn) {
  turn.progress.phase = UploadPhase::settle;
  UploadRequest request = request_to(turn.plan, "HEAD", upload_url(turn.plan, turn.progress));
  request.headers.emplace_back("Want-Repr-Digest", "sha-256=1");
  hash_up_to(turn.progress, request, turn.plan.size);
  return request;
}

UploadStep follow(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  const Result<Url> to = redirect_target(turn, upload_url(turn.plan, turn.progress), answer);
  if (!to) return failed_or_unknown(turn, upload_error(turn.plan, to.error().code, to.error().detail));
  turn.progress.url = to->canonical();
  return send_step(turn.progress.phase == UploadPhase::settle ? look(turn) : whole_file(turn));
}

UploadStep file_again(const UploadTurn& turn, const UploadAnswer& answer) {
  Error cause = answer_error(turn.plan, answer, turn.now);
  // A server that cannot be reached costs nothing, and is tried as long as the job lasts.
  if (answer.sent > 0 && ++turn.progress.resends > kMaxResends) {
    cause.detail += fmt::format("; it was sent {} times", turn.progress.resends);
    return failed_or_unknown(turn, std::move(cause));
  }
  return send_later(turn, whole_file(turn), std::move(cause));
}

Error exists_error(const UploadTurn& turn) {
  return upload_error(turn.plan, ErrorCode::already_exists,
                      "another file is there already; choose another name, or have it removed");
}

UploadStep exists(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  // An earlier try may have put it there, as a whole or, on a server that keeps what was cut off, in part.
  if (turn.progress.sent > answer.sent || turn.progress.last_byte_sent) return send_step(look(turn));
  return failed_step(exists_error(turn));
}

UploadStep compare(const UploadTurn& turn, const UploadAnswer& answer) {
  const auto length = number_field(answer.head, "content-length");
  const DigestWord word = compare_digest(turn.plan, answer);
  if (word == DigestWord::same) return finished_step(turn, answer);
  if (word == DigestWord::different || (length && *length != turn.plan.size)) return failed_step(exists_error(turn));
  return failed_or_unknown(turn, exists_error(turn));
}

UploadStep refuse(const UploadTurn& turn, const UploadAnswer& answer, ErrorCode code) {
  Error error = answer_error(turn.plan, answer, turn.now);
  if (!answer.error && answer.head.status == 409)
    error.detail += "; the folder may be missing there, or another file have this place";
  if (!answer.error && answer.head.status >= 400) take_back_last_byte(turn.progress);
  if (code != ErrorCode::http_fatal) {
    error.code = code;
    return failed_step(std::move(error));
  }
  return failed_or_unknown(turn, std::move(error));
}

UploadStep rejected(const UploadTurn& turn, const UploadAnswer& answer) {
  const bool other = compare_digest(turn.plan, answer) == DigestWord::different;
  return refuse(turn, answer, other ? ErrorCode::digest_mismatch : ErrorCode::rejected_by_application);
}

UploadStep fail_upload(const UploadTurn& turn, const UploadAnswer& answer, bool forget) {
  if (!answer.error) take_back_last_byte(turn.progress);
  Error error = answer_error(turn.plan, answer, turn.now);
  if (!forget) return failed_step(std::move(error));
  UploadStep step = failed_or_unknown(turn, std::move(error));
  step.forget_discovery = true;
  return step;
}

UploadStep carry_out(Act act, const UploadTurn& turn, const UploadAnswer& answer) {
  switch (act) {
    case Act::finish:
      return finished_step(turn, answer);
    case Act::compare:
      return compare(turn, answer);
    case Act::follow:
      return follow(turn, answer);
    case Act::send_later:
    case Act::nothing:
      return file_again(turn, answer);
    case Act::look_later:
      return send_later(turn, look(turn), answer_error(turn.plan, answer, turn.now));
    case Act::exists:
      return exists(turn, answer);
    case Act::too_large:
      return refuse(turn, answer, ErrorCode::too_large);
    case Act::rejected:
      return rejected(turn, answer);
    case Act::refuse:
      return refuse(turn, answer, ErrorCode::http_fatal);
    case Act::fail:
      return fail_upload(turn, answer, false);
    case Act::forget:
      return fail_upload(turn, answer, true);
  }
  return failed_step(upload_error(turn.plan, ErrorCode::internal, "a rule is missing"));
}

}  // namespace

UploadStep start_put(const UploadTurn& turn) {
  UploadProgress& progress = turn.progress;
  progress.hashed = 0;
  progress.redirects = 0;
  progress.failures = 0;
  progress.offset = 0;
  if (progress.phase == UploadPhase::settle) return send_step(look(turn));
  return send_step(whole_file(turn));
}

UploadStep after_put(const UploadTurn& turn, const UploadAnswer& answer) {
  note_sent(turn.progress, turn.plan, answer);
  const Heard heard = hear_answer(answer, kWords);
  if (heard != Heard::redirect) turn.progress.redirects = 0;
  const Row& row = kTable[static_cast<std::size_t>(heard)];
  return carry_out(turn.progress.phase == UploadPhase::settle ? row.settle : row.append, turn, answer);
}

UploadStep cancel_put(const UploadTurn&) {
  UploadStep step;
  step.kind = UploadStep::Kind::done;
  return step;
}

}  // namespace larder::origin
