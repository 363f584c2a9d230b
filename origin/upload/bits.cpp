#include "origin/upload/bits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text/text.h"
#include "origin/upload/bits_requests.h"

namespace larder::origin {
namespace {

enum class Act {
  begin,        // the session is there
  go_on,        // the server answers a Ping: the next part, the reply or the end
  advance,      // a Fragment was taken
  step_back,    // the server is at another offset
  follow,       // a redirect
  again_later,  // the same packet after the wait; after a Fragment or Close a Ping first
  shrink,       // smaller fragments
  too_large,    // of the whole
  anew,         // the session is unknown: from zero, or what is known after the last byte
  lost_close,   // the end is not confirmed
  not_taken,    // the second session that settles the matter is possible: it was not taken
  taken,        // it is refused: the server has the file
  rejected,     // by the application behind the server
  refuse,       // the server's word ends the upload
  fail,         // the upload ends; a person may mend the cause, and it goes on
  forget,       // the same, and what was remembered of the place is wrong
  ended,        // done, or the cancellation is over
};

// clang-format off
constexpr std::array kWords = {
    StatusWord{416, Heard::out_of_step},
};

struct Row {
  Heard heard;
  Act create, ping, append, close, settle, cancel;
};
constexpr std::array<Row, kHeardCount> kTable = {{
    // answer                  create            ping              append            close             settle            cancel
    {Heard::success,         Act::begin,       Act::go_on,       Act::advance,     Act::ended,       Act::not_taken,   Act::ended},
    {Heard::redirect,        Act::follow,      Act::follow,      Act::follow,      Act::follow,      Act::follow,      Act::follow},
    {Heard::no_answer,       Act::again_later, Act::again_later, Act::again_later, Act::again_later, Act::again_later, Act::again_later},
    {Heard::nonsense,        Act::refuse,      Act::refuse,      Act::again_later, Act::again_later, Act::refuse,      Act::again_later},
    {Heard::broken,          Act::fail,        Act::fail,        Act::fail,        Act::fail,        Act::fail,        Act::fail},
    {Heard::transient,       Act::again_later, Act::again_later, Act::again_later, Act::again_later, Act::again_later, Act::again_later},
    {Heard::unauthorized,    Act::fail,        Act::fail,        Act::fail,        Act::fail,        Act::fail,        Act::fail},
    {Heard::forbidden,       Act::refuse,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::taken,       Act::ended},
    {Heard::gone,            Act::forget,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::not_possible,    Act::forget,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::conflict,        Act::again_later, Act::again_later, Act::again_later, Act::again_later, Act::taken,       Act::again_later},
    {Heard::precondition,    Act::refuse,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::too_large,       Act::too_large,   Act::refuse,      Act::shrink,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::wrong_type,      Act::forget,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::out_of_step,     Act::refuse,      Act::refuse,      Act::step_back,   Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::locked,          Act::refuse,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::damaged,         Act::refuse,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::unknown_session, Act::refuse,      Act::anew,        Act::anew,        Act::anew,        Act::refuse,      Act::ended},
    {Heard::never_fits,      Act::too_large,   Act::refuse,      Act::too_large,   Act::lost_close,  Act::refuse,      Act::ended},
    {Heard::rejected,        Act::refuse,      Act::refuse,      Act::rejected,    Act::rejected,    Act::rejected,    Act::ended},
    {Heard::refused,         Act::refuse,      Act::refuse,      Act::refuse,      Act::lost_close,  Act::refuse,      Act::ended},
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
  if (phase == UploadPhase::append) return row.append;
  if (phase == UploadPhase::close) return row.close;
  if (phase == UploadPhase::settle) return row.settle;
  return phase == UploadPhase::cancel ? row.cancel : row.ping;
}

// BITS-Error-Code as servers write it, BITS-Error as MC-BUP's text names it: hexadecimal, with or without 0x.
std::optional<std::uint32_t> hex_field(const HttpHead& head, std::string_view name) {
  const std::string* value = head.find_field(name);
  if (value == nullptr) return std::nullopt;
  std::string_view digits = trim(*value);
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  if (digits.empty() || digits.size() > 8) return std::nullopt;
  std::uint32_t number = 0;
  for (const char c : digits) {
    if (hex_value(c) < 0) return std::nullopt;
    number = number * 16 + static_cast<std::uint32_t>(hex_value(c));
  }
  return number;
}

Heard hear_bits(const UploadAnswer& answer) {
  constexpr std::uint32_t kSessionNotFound = 0x8020001F, kTooLarge = 0x80200020, kApplication = 0x7;
  const Heard heard = hear_answer(answer, kWords);
  // Some servers send an error code with a 200 or a redirect, where it says nothing.
  if (answer.error || answer.head.status < 400 || heard == Heard::unauthorized) return heard;
  auto code = hex_field(answer.head, "bits-error-code");
  if (!code) code = hex_field(answer.head, "bits-error");
  if (code == kSessionNotFound) return Heard::unknown_session;
  if (code == kTooLarge) return Heard::never_fits;
  const bool final = answer.head.status < 500 && heard != Heard::transient && heard != Heard::conflict;
  if (final && hex_field(answer.head, "bits-error-context") == kApplication) return Heard::rejected;
  return heard;
}

// The status says little: most failures of a server are 500 here.
Error bits_error(const UploadTurn& turn, const UploadAnswer& answer) {
  constexpr std::uint32_t kDiskFull = 0x80070070, kNoSpace = 0x80070112;
  Error error = answer_error(turn.plan, answer, turn.now);
  const auto code = answer.error ? std::nullopt : hex_field(answer.head, "bits-error-code");
  if (code && *code != 0) {
    error.detail += fmt::format("; BITS-Error-Code {:#010x}", *code);
    if (code == kDiskFull || code == kNoSpace) error.detail += ", its disk is full";
  }
  return error;
}

UploadStep wrong_answer(const UploadTurn& turn, std::string detail) {
  return failed_or_unknown(turn, upload_error(turn.plan, ErrorCode::bad_response, std::move(detail)));
}

// All parts are acknowledged or some are not: what comes after a Ping.
UploadStep go_on(const UploadTurn& turn) {
  UploadProgress& progress = turn.progress;
  if (progress.offset < turn.plan.size) return send_step(bits_fragment(turn));
  if (!turn.plan.wants_reply || progress.reply_fetched) return send_step(bits_close(turn));
  if (progress.reply_url.empty()) {
    return failed_step(upload_error(turn.plan, ErrorCode::bad_response,
                                    "the server took all of it, and does not say where the reply is"));
  }
  progress.phase = UploadPhase::reply;
  UploadStep step;
  step.kind = UploadStep::Kind::fetch_reply;
  step.reply_url = progress.reply_url;
  return step;
}

UploadStep begin(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const HttpHead& head = answer.head;
  const std::string* session = head.find_field("bits-session-id");
  if (session == nullptr || session->empty() || session->size() > 100 || has_control(*session))
    return wrong_answer(turn, "the server begins an upload and names no session that can be sent back");
  const std::string* protocol = head.find_field("bits-protocol");
  if (protocol != nullptr && !is_bits_protocol(*protocol))
    return wrong_answer(turn, "the server speaks another protocol of BITS than that of uploads");
  progress.session = *session;
  progress.failures = 0;
  const std::string* host = head.find_field("bits-host-id");
  if (host == nullptr || trim(*host).empty()) return go_on(turn);
  progress.host = std::string(trim(*host).substr(0, 300));
  constexpr std::uint64_t kLongest = 366ULL * 24 * 3600;
  if (const auto seconds = number_field(head, "bits-host-id-fallback-timeout"))
    progress.fall_back_after = std::chrono::seconds(std::min(*seconds, kLongest));
  const Result<Url> there = bits_url(turn.plan, progress);
  const auto allowed = there ? url_led_to(turn.plan, turn.plan.target, there->canonical(), answer.outside) : there;
  if (!allowed) return failed_step(upload_error(turn.plan, allowed.error().code, allowed.error().detail));
  return send_step(bits_ping(turn));
}

// The server is at `offset`, by its own word.
UploadStep take_offset(const UploadTurn& turn, std::uint64_t offset) {
  UploadProgress& progress = turn.progress;
  if (offset > turn.plan.size) return wrong_answer(turn, "the server has more bytes of it than the file has");
  if (offset < progress.offset) {
    if (progress.restarts >= kMaxRestarts)
      return wrong_answer(turn, "the server keeps losing bytes that it had acknowledged; look at the server");
    ++progress.restarts;
  }
  if (offset > progress.offset) progress.failures = 0;
  progress.offset = offset;
  return offset == turn.plan.size ? send_step(bits_ping(turn)) : go_on(turn);
}

UploadStep advance(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const std::uint64_t end = progress.offset + progress.part_length;
  // Servers that leave the field out take a Fragment as a whole.
  const std::uint64_t offset = number_field(answer.head, "bits-received-content-range").value_or(end);
  // A longer Fragment, whose answer was lost, may have been taken. Nothing above what was sent in all can have been.
  if (offset > std::max(end, progress.sent))
    return wrong_answer(turn, "the server took more bytes than were sent to it");
  if (const std::string* reply = answer.head.find_field("bits-reply-url");
      reply != nullptr && offset == turn.plan.size) {
    const Result<Url> here = bits_url(turn.plan, progress);
    const auto url = here ? url_led_to(turn.plan, *here, reply_reference(*reply), answer.outside) : here;
    if (!url) return failed_step(upload_error(turn.plan, url.error().code, url.error().detail));
    progress.reply_url = url->canonical();
  }
  if (offset == progress.offset) {
    return send_later(turn, bits_ping(turn),
                      upload_error(turn.plan, ErrorCode::bad_response, "the server took nothing of the part"));
  }
  note_part_taken(kBitsParts, progress, offset);
  return take_offset(turn, offset);
}

UploadStep step_back(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  const auto offset = number_field(answer.head, "bits-received-content-range");
  if (!offset) return wrong_answer(turn, "the server refuses a range and does not say where to go on");
  // Nothing of this Fragment was taken, whatever came of earlier ones.
  take_back_last_byte(progress);
  if (*offset == progress.offset) return send_later(turn, bits_ping(turn), answer_error(turn.plan, answer, turn.now));
  return take_offset(turn, *offset);
}

UploadRequest same_again(const UploadTurn& turn) {
  const UploadPhase phase = turn.progress.phase;
  if (phase == UploadPhase::create || phase == UploadPhase::settle) return bits_create(turn, phase);
  if (phase == UploadPhase::append) return bits_fragment(turn);
  if (phase == UploadPhase::close) return bits_close(turn);
  return phase == UploadPhase::cancel ? bits_cancel(turn) : bits_ping(turn);
}

UploadStep follow(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  take_back_last_byte(progress);
  const Result<Url> here = bits_url(turn.plan, progress);
  const Result<Url> to = here ? redirect_target(turn, *here, answer) : here;
  if (!to) return failed_or_unknown(turn, upload_error(turn.plan, to.error().code, to.error().detail));
  progress.url = to->canonical();
  progress.host.clear();
  return send_step(same_again(turn));
}

// Returns the packet with which the upload goes on after a wait: each resumption begins with a Ping, creation and
// cancellation excepted.
UploadRequest next_try(const UploadTurn& turn) {
  const UploadPhase phase = turn.progress.phase;
  if (phase == UploadPhase::create || phase == UploadPhase::settle || phase == UploadPhase::cancel)
    return same_again(turn);
  return bits_ping(turn);
}

UploadStep again_later(const UploadTurn& turn, const UploadAnswer& answer) {
  UploadProgress& progress = turn.progress;
  Error cause = bits_error(turn, answer);
  const bool away = answer.error.has_value() && !progress.host.empty() && progress.fall_back_after.has_value();
  if (away && !progress.fall_back_at) progress.fall_back_at = turn.now + *progress.fall_back_after;
  if (away && turn.now >= *progress.fall_back_at) {
    progress.host.clear();
    progress.fall_back_after.reset();
    progress.fall_back_at.reset();
    progress.failures = 0;
    return send_step(next_try(turn));
  }
  if (progress.phase == UploadPhase::append && answer.error && answer.sent > 0) shrink_part(kBitsParts, progress);
  UploadStep step = send_later(turn, next_try(turn), std::move(cause));
  if (away) step.wait = std::min<Duration>(step.wait, *progress.fall_back_at - turn.now);
  return step;
}

UploadStep shrink(const UploadTurn& turn, const UploadAnswer& answer) {
  take_back_last_byte(turn.progress);
  if (limit_part(kBitsParts, turn.progress)) return send_step(bits_fragment(turn));
  Error error = bits_error(turn, answer);
  error.code = ErrorCode::too_large;
  return failed_or_unknown(turn, std::move(error));
}

UploadStep anew(const UploadTurn& turn) {
  take_back_last_byte(turn.progress);
  const Error cause = upload_error(turn.plan, ErrorCode::http_fatal, "the server does not know the session");
  if (turn.progress.last_byte_sent && turn.plan.key_in_url) return send_step(bits_create(turn, UploadPhase::settle));
  if (auto end = begin_anew(turn, cause)) return *end;
  return send_step(bits_create(turn, UploadPhase::create));
}

// The server would take the file of this transaction, so it has not got it: nothing is sent twice.
UploadStep not_taken(const UploadTurn& turn, const UploadAnswer& answer) {
  turn.progress.last_byte_sent = false;
  turn.progress.last_byte_sent_before = false;
  const Error cause = upload_error(turn.plan, ErrorCode::http_fatal, "the server does not have it after all");
  if (auto end = begin_anew(turn, cause)) return *end;
  return begin(turn, answer);
}

UploadStep refuse(const UploadTurn& turn, const UploadAnswer& answer, ErrorCode code) {
  Error error = bits_error(turn, answer);
  if (code != ErrorCode::http_fatal) error.code = code;
  // A Fragment that is refused by its own answer was not taken; where the place itself is gone, nobody knows.
  const bool of_this_part = turn.progress.phase == UploadPhase::append && hear_bits(answer) != Heard::gone;
  if (of_this_part) take_back_last_byte(turn.progress);
  if (code == ErrorCode::rejected_by_application) return failed_step(std::move(error));
  return failed_or_unknown(turn, std::move(error));
}

UploadStep fail_upload(const UploadTurn& turn, const UploadAnswer& answer, bool forget) {
  if (!answer.error) take_back_last_byte(turn.progress);
  Error error = bits_error(turn, answer);
  if (!forget) return failed_step(std::move(error));
  UploadStep step = failed_or_unknown(turn, std::move(error));
  step.forget_discovery = true;
  return step;
}

UploadStep done(int status) {
  UploadStep step;
  step.kind = UploadStep::Kind::done;
  step.result.status = status;
  return step;
}

UploadStep carry_out(Act act, const UploadTurn& turn, const UploadAnswer& answer) {
  switch (act) {
    case Act::begin:
      return begin(turn, answer);
    case Act::go_on:
      return go_on(turn);
    case Act::advance:
      return advance(turn, answer);
    case Act::step_back:
      return step_back(turn, answer);
    case Act::follow:
      return follow(turn, answer);
    case Act::again_later:
      return again_later(turn, answer);
    case Act::shrink:
      return shrink(turn, answer);
    case Act::too_large:
      return refuse(turn, answer, ErrorCode::too_large);
    case Act::anew:
      return anew(turn);
    case Act::lost_close:
      return unknown_step(turn.plan, bits_error(turn, answer));
    case Act::not_taken:
      return not_taken(turn, answer);
    case Act::taken:
      return finished_step(turn, answer);
    case Act::rejected:
      return refuse(turn, answer, ErrorCode::rejected_by_application);
    case Act::refuse:
      return refuse(turn, answer, ErrorCode::http_fatal);
    case Act::fail:
      return fail_upload(turn, answer, false);
    case Act::forget:
      return fail_upload(turn, answer, true);
    case Act::ended:
      return turn.progress.phase == UploadPhase::cancel ? done(answer.head.status) : finished_step(turn, answer);
  }
  return failed_step(upload_error(turn.plan, ErrorCode::internal, "a rule is missing"));
}

}  // namespace

std::string reply_reference(std::string_view value) {
  std::string out;
  for (const char c : trim(value)) {
    if (c == '\\') {
      out += '/';
    } else if (c == '{' || c == '}') {
      out += c == '{' ? "%7B" : "%7D";
    } else {
      out += c;
    }
  }
  return out;
}

bool is_bits_protocol(std::string_view text) {
  std::string_view id = trim(text);
  if (id.size() >= 2 && id.front() == '{' && id.back() == '}') id = id.substr(1, id.size() - 2);
  return lower_case(id) == "7df0354d-249b-430f-820d-3d2a9bef4931";
}

UploadStep start_bits(const UploadTurn& turn) {
  UploadProgress& progress = turn.progress;
  progress.hashed = 0;
  progress.redirects = 0;
  progress.failures = 0;
  if (!progress.session.empty()) {
    return send_step(progress.phase == UploadPhase::settle ? bits_create(turn, UploadPhase::settle) : bits_ping(turn));
  }
  return send_step(bits_create(turn, UploadPhase::create));
}

UploadStep after_bits(const UploadTurn& turn, const UploadAnswer& answer) {
  note_sent(turn.progress, turn.plan, answer);
  if (!answer.error) turn.progress.fall_back_at.reset();  // the host is there
  const Heard heard = hear_bits(answer);
  if (heard != Heard::redirect) turn.progress.redirects = 0;
  return carry_out(act_for(turn.progress.phase, heard), turn, answer);
}

UploadStep after_bits_reply(const UploadTurn& turn) {
  turn.progress.reply_fetched = true;
  return send_step(bits_ping(turn));
}

UploadStep cancel_bits(const UploadTurn& turn) {
  turn.progress.failures = 0;
  if (turn.progress.session.empty()) return done(0);
  return send_step(bits_cancel(turn));
}

}  // namespace larder::origin
