#include "origin/upload/tus.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text/http_date.h"
#include "origin/upload/tus_requests.h"

namespace larder::origin {
namespace {

enum class Act {
  begin,         // the upload is created: its URL is noted
  take_offset,   // the server told how far it is
  advance,       // a part was taken
  follow,        // a redirect
  create_later,  // creation again, after the wait
  look_now,      // HEAD at once
  look_later,    // HEAD after the wait
  end_later,     // DELETE again, after the wait
  shrink,        // smaller parts
  resend,        // the same part again, a few times
  from_zero,     // the server lost the upload
  refuse,        // the server's word ends the upload
  fail,          // the upload ends; a person may mend the cause, and it goes on
  forget,        // the same, and what was remembered of the place is wrong
  ended,         // the cancellation is over
};

// clang-format off
constexpr std::array kWords = {
    StatusWord{423, Heard::locked}, StatusWord{460, Heard::damaged},
};

struct Row {
  Heard heard;
  Act create, look, append, cancel;
};
constexpr std::array<Row, kHeardCount> kTable = {{
    // answer                  create             look             append           cancel
    {Heard::success,         Act::begin,        Act::take_offset, Act::advance,    Act::ended},
    {Heard::redirect,        Act::follow,       Act::follow,      Act::follow,     Act::follow},
    {Heard::no_answer,       Act::create_later, Act::look_later,  Act::look_later, Act::end_later},
    {Heard::nonsense,        Act::refuse,       Act::refuse,      Act::look_later, Act::end_later},
    {Heard::broken,          Act::fail,         Act::fail,        Act::fail,       Act::fail},
    {Heard::transient,       Act::create_later, Act::look_later,  Act::look_later, Act::end_later},
    {Heard::unauthorized,    Act::fail,         Act::fail,        Act::fail,       Act::fail},
    // A server may hide by 403 that it does not know the upload (tus 1.0.0, HEAD).
    {Heard::forbidden,       Act::refuse,       Act::from_zero,   Act::refuse,     Act::ended},
    {Heard::gone,            Act::forget,       Act::from_zero,   Act::from_zero,  Act::ended},
    {Heard::not_possible,    Act::forget,       Act::refuse,      Act::forget,     Act::ended},
    {Heard::conflict,        Act::create_later, Act::look_later,  Act::look_now,   Act::end_later},
    {Heard::precondition,    Act::fail,         Act::fail,        Act::fail,       Act::ended},
    {Heard::too_large,       Act::refuse,       Act::refuse,      Act::shrink,     Act::ended},
    {Heard::wrong_type,      Act::forget,       Act::refuse,      Act::forget,     Act::ended},
    {Heard::out_of_step,     Act::refuse,       Act::refuse,      Act::refuse,     Act::ended},
    {Heard::locked,          Act::create_later, Act::look_later,  Act::look_later, Act::end_later},
    {Heard::damaged,         Act::refuse,       Act::refuse,      Act::resend,     Act::ended},
    {Heard::unknown_session, Act::refuse,       Act::refuse,      Act::refuse,     Act::ended},
    {Heard::never_fits,      Act::refuse,       Act::refuse,      Act::refuse,     Act::ended},
    {Heard::rejected,        Act::refuse,       Act::refuse,      Act::refuse,     Act::ended},
    {Heard::refused,         Act::refuse,       Act::refuse,      Act::refuse,     Act::ended},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].heard) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

Act act_for(UploadPhase phase, Heard heard) {
  const Row& row = kTable[static_cast<std::size_t>(heard)];
  if (phase == UploadPhase::create) return row.create;
  if (phase == UploadPhase::look) return row.look;
  return phase == UploadPhase::append ? row.append : row.cancel;
}

UploadRequest same_again(const UploadTurn& turn) {
  const UploadPhase phase = turn.progress.phase;
  if (phase == UploadPhase::create) return tus_creation(turn);
  if (phase == UploadPhase::append) return tus_part(turn);
  return phase == UploadPhase::cancel ? tus_deletion(turn) : tus_look(turn);
}

bool covers_end(const UploadTurn& turn) {
  return turn.progress.phase == UploadPhase::append &&
         turn.progress.offset + turn.progress.part_length == turn.plan.size;
}

UploadStep wrong_answer(const UploadTurn& turn, std::string detail) {
  return failed_or_unknown(turn, upload_error(turn.plan, ErrorCode::bad_response, std::move(detail)));
}

// A server that knows the key makes no second upload of it, so its word on a part is believed. Of another the whole
// part may have been taken by one node while the next one answers.
UploadStep from_zero(const UploadTurn& turn, const Error& cause) {
  if (turn.plan.tus.keyed) take_back_last_byte(turn.progress);
  if (auto end = begin_anew(turn, cause)) return *end;
  return send_step(tus_creation(turn));
}

void note_expiry(const UploadTurn& turn, const HttpHead& head) {
  if (const std::string* value = head.find_field("upload-expires"))
    turn.progress.expires_at = parse_http_date(*value, turn.now);
}

UploadStep all_there(const UploadTurn& turn, const UploadAnswer& answer) {
  const DigestWord word = compare_digest(turn.plan, answer);
  if (turn.progress.end_refused && word == DigestWord::none) {
    return unknown_step(turn.plan, upload_error(turn.plan, ErrorCode::http_transient,
                                                "it failed at the last part, and shows all bytes now"));
  }
  return finished_step(turn, answer);
}

// The server is at `offset`, by its own word.
UploadStep go_on(const UploadTurn& turn, const UploadAnswer& answer, std::uint64_t offset) {
  UploadProgress& progress = turn.progress;
  if (offset > turn.plan.size) return wrong_answer(turn, "the server has more bytes of it than the file has");
  if (offset < progress.offset) {
    // A server that takes offsets back has lost bytes, which must not go on for ever.
    if (progress.restarts >= kMaxRestarts)
      return wrong_answer(turn, "the server keeps losing bytes that it had acknowledged; look at the server");
    ++progress.restarts;
  }
  if (offset > progress.offset) progress.failures = 0;
  progress.offset = offset;
  if (offset == turn.plan.size) return all_there(turn, answer);
  return send_step(tus_part(turn));
}

UploadStep begin(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const std::string* location = answer.head.find_field("location");
  if (location == nullptr) return wrong_answer(turn, "the server creates an upload and does not say where (Location)");
  const Result<Url> url = url_led_to(turn.plan, upload_url(turn.plan, progress), *location, answer.outside);
  if (!url) return failed_or_unknown(turn, upload_error(turn.plan, url.error().code, url.error().detail));
  const bool repeated = progress.creations > 1 || turn.plan.key_repeated || progress.restarts > 0;
  progress.url = url->canonical();
  progress.failures = 0;
  note_expiry(turn, answer.head);
  if (turn.plan.size == 0) return all_there(turn, answer);
  if (const auto offset = number_field(answer.head, "upload-offset")) {
    if (*offset == turn.plan.size) return send_step(tus_look(turn, true));
    return go_on(turn, answer, *offset);
  }
  // What an earlier creation by this key found may have bytes already.
  return send_step(repeated ? tus_look(turn) : tus_part(turn));
}

UploadStep take_offset(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const auto offset = number_field(answer.head, "upload-offset");
  if (!offset) return wrong_answer(turn, "the server does not tell how much of it it has (Upload-Offset)");
  const auto length = number_field(answer.head, "upload-length");
  if (length && *length != turn.plan.size) {
    return wrong_answer(turn,
                        fmt::format("the server has an upload of {} bytes under this transaction id, and the file "
                                    "has {}; use another id",
                                    *length, turn.plan.size));
  }
  note_expiry(turn, answer.head);
  const bool unhashed = progress.hashed < turn.plan.size && answer.head.find_field("repr-digest") != nullptr;
  if (*offset == turn.plan.size && unhashed && !turn.plan.sha256) return send_step(tus_look(turn, true));
  // Bytes of a part went out and none arrived: something on the way holds requests back until they are whole.
  if (progress.part_lost && *offset == progress.offset) shrink_part(kTusParts, progress);
  return go_on(turn, answer, *offset);
}

UploadStep advance(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const auto offset = number_field(answer.head, "upload-offset");
  note_expiry(turn, answer.head);
  if (!offset) {
    return send_later(
        turn, tus_look(turn),
        upload_error(turn.plan, ErrorCode::bad_response, "the server takes a part and does not tell its offset"));
  }
  if (*offset > progress.offset + progress.part_length)
    return wrong_answer(turn, "the server took more bytes than were sent to it");
  if (*offset <= progress.offset) {
    return send_later(turn, tus_look(turn),
                      upload_error(turn.plan, ErrorCode::bad_response, "the server took nothing of the part"));
  }
  progress.resends = 0;
  progress.end_refused = false;
  note_part_taken(kTusParts, progress, *offset);
  return go_on(turn, answer, *offset);
}

UploadStep follow(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  take_back_last_byte(progress);
  const Result<Url> to = redirect_target(turn, upload_url(turn.plan, progress), answer);
  if (!to) return failed_or_unknown(turn, upload_error(turn.plan, to.error().code, to.error().detail));
  progress.url = to->canonical();
  if (progress.phase == UploadPhase::create) --progress.creations;  // not asked yet
  return send_step(same_again(turn));
}

UploadStep look_later(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const int status = answer.error ? 0 : answer.head.status;
  // 502 and 504 are a gateway's word, which tells as little as a broken line.
  if (covers_end(turn) && progress.last_byte_sent && status >= 500 && status != 502 && status != 504)
    progress.end_refused = true;
  progress.part_lost = progress.part_lost || (progress.phase == UploadPhase::append && answer.error && answer.sent > 0);
  if (status == 408 || status == 423 || status == 425 || status == 429) take_back_last_byte(progress);
  return send_later(turn, tus_look(turn), answer_error(turn.plan, answer, turn.now));
}

// Creation of an empty file is the whole upload: only a server that knows the key may be asked twice, unless its answer
// says that it has done nothing.
UploadStep create_later(const UploadTurn& turn, const UploadAnswer& answer) {
  const Error cause = answer_error(turn.plan, answer, turn.now);
  const int status = answer.error ? 0 : answer.head.status;
  if ((status >= 400 && status < 500) || status == 503 || status == 507) take_back_last_byte(turn.progress);
  if (turn.progress.last_byte_sent && !turn.plan.tus.keyed) return unknown_step(turn.plan, cause);
  return send_later(turn, tus_creation(turn), cause);
}

UploadStep look_now(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  if (turn.progress.failures > 0) return send_later(turn, tus_look(turn), answer_error(turn.plan, answer, turn.now));
  ++turn.progress.failures;
  return send_step(tus_look(turn));
}

UploadStep shrink(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  if (!limit_part(kTusParts, turn.progress)) {
    Error error = answer_error(turn.plan, answer, turn.now);
    error.code = ErrorCode::too_large;
    return failed_or_unknown(turn, std::move(error));
  }
  return send_step(tus_part(turn));
}

UploadStep resend(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  if (++turn.progress.resends > kMaxResends) {
    return failed_or_unknown(turn, upload_error(turn.plan, ErrorCode::digest_mismatch,
                                                fmt::format("a part arrives damaged at the server, {} times in a row; "
                                                            "look at what is on the way",
                                                            turn.progress.resends)));
  }
  return send_later(turn, tus_part(turn), answer_error(turn.plan, answer, turn.now));
}

UploadStep refuse(const UploadTurn& turn, const UploadAnswer& answer) {
  Error error = answer_error(turn.plan, answer, turn.now);
  const bool by_the_server = !answer.error && answer.head.status >= 400 && answer.head.status < 500;
  const bool at_the_end = covers_end(turn) && turn.progress.last_byte_sent;
  if (by_the_server && turn.progress.phase == UploadPhase::create) {
    take_back_last_byte(turn.progress);
    if (answer.head.status == 413) error.code = ErrorCode::too_large;
  }
  if (!by_the_server || !at_the_end) return failed_or_unknown(turn, std::move(error));
  // The server's own word on the whole: it has it and does not take it.
  error.code = compare_digest(turn.plan, answer) == DigestWord::different ? ErrorCode::digest_mismatch
                                                                          : ErrorCode::rejected_by_application;
  return failed_step(std::move(error));
}

UploadStep forget_place(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  UploadStep step = failed_or_unknown(turn, answer_error(turn.plan, answer, turn.now));
  step.forget_discovery = true;
  return step;
}

UploadStep fail_upload(const UploadTurn& turn, const UploadAnswer& answer) {
  if (!answer.error) take_back_last_byte(turn.progress);
  Error error = answer_error(turn.plan, answer, turn.now);
  if (!answer.error && answer.head.status == 412) {
    const std::string* versions = answer.head.find_field("tus-version");
    error.detail = fmt::format("the server speaks tus {}, and Larder 1.0.0; upload it with another protocol",
                               versions == nullptr ? "of another version" : versions->substr(0, 64));
  }
  return failed_step(std::move(error));
}

UploadStep carry_out(Act act, const UploadTurn& turn, const UploadAnswer& answer) {
  switch (act) {
    case Act::begin:
      return begin(turn, answer);
    case Act::take_offset:
      return take_offset(turn, answer);
    case Act::advance:
      return advance(turn, answer);
    case Act::follow:
      return follow(turn, answer);
    case Act::create_later:
      return create_later(turn, answer);
    case Act::look_now:
      return look_now(turn, answer);
    case Act::look_later:
      return look_later(turn, answer);
    case Act::end_later:
      return send_later(turn, tus_deletion(turn), answer_error(turn.plan, answer, turn.now));
    case Act::shrink:
      return shrink(turn, answer);
    case Act::resend:
      return resend(turn, answer);
    case Act::from_zero:
      return from_zero(turn, answer_error(turn.plan, answer, turn.now));
    case Act::refuse:
      return refuse(turn, answer);
    case Act::fail:
      return fail_upload(turn, answer);
    case Act::forget:
      return forget_place(turn, answer);
    case Act::ended: {
      UploadStep step;
      step.kind = UploadStep::Kind::done;
      step.result.status = answer.head.status;
      return step;
    }
  }
  return failed_step(upload_error(turn.plan, ErrorCode::internal, "a rule is missing"));
}

}  // namespace

UploadStep start_tus(const UploadTurn& turn) {
  UploadProgress& progress = turn.progress;
  progress.hashed = 0;
  progress.redirects = 0;
  progress.failures = 0;
  const bool created = progress.phase != UploadPhase::create && !progress.url.empty();
  if (created) return send_step(tus_look(turn));
  // After a crash it is not known whether the creation of an empty file went out.
  if (progress.last_byte_sent && !turn.plan.tus.keyed) {
    return unknown_step(turn.plan,
                        upload_error(turn.plan, ErrorCode::connection_lost, "its creation was not answered"));
  }
  return send_step(tus_creation(turn));
}

UploadStep after_tus(const UploadTurn& turn, const UploadAnswer& answer) {
  note_sent(turn.progress, turn.plan, answer);
  const Heard heard = hear_answer(answer, kWords);
  if (heard != Heard::redirect) turn.progress.redirects = 0;
  return carry_out(act_for(turn.progress.phase, heard), turn, answer);
}

UploadStep cancel_tus(const UploadTurn& turn) {
  turn.progress.failures = 0;
  const bool created = turn.progress.phase != UploadPhase::create && !turn.progress.url.empty();
  if (created && turn.plan.tus.termination) return send_step(tus_deletion(turn));
  UploadStep step;
  step.kind = UploadStep::Kind::done;
  return step;
}

}  // namespace larder::origin
