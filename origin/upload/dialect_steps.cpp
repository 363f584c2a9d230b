#include "origin/upload/dialect_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error_table.h"
#include "base/io/log.h"
#include "base/text/text.h"
#include "origin/http/http_fields.h"
#include "origin/rules/status_rules.h"

namespace larder::origin {
namespace {

constexpr std::array kStatusWords = {
    StatusWord{401, Heard::unauthorized}, StatusWord{403, Heard::forbidden},    StatusWord{404, Heard::gone},
    StatusWord{405, Heard::not_possible}, StatusWord{407, Heard::unauthorized}, StatusWord{408, Heard::transient},
    StatusWord{409, Heard::conflict},     StatusWord{410, Heard::gone},         StatusWord{412, Heard::precondition},
    StatusWord{413, Heard::too_large},    StatusWord{415, Heard::wrong_type},   StatusWord{425, Heard::transient},
    StatusWord{429, Heard::transient},    StatusWord{501, Heard::not_possible}, StatusWord{505, Heard::refused},
};

std::optional<Heard> word_of(int status, std::span<const StatusWord> words) {
  for (const StatusWord& row : words) {
    if (row.status == status) return row.heard;
  }
  return std::nullopt;
}

Heard hear_error(ErrorCode code) {
  if (code == ErrorCode::bad_response) return Heard::nonsense;
  return error_info(code).retryable ? Heard::no_answer : Heard::broken;
}

// 303 asks for a GET, which sends nothing; 300 names several places.
bool keeps_method(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

// An empty body is sent with the request's head: only an error before that tells that it was not.
bool reached_nobody(const UploadAnswer& answer) {
  if (!answer.error) return false;
  constexpr std::array kBefore = {ErrorCode::network_unreachable, ErrorCode::name_not_resolved,
                                  ErrorCode::connect_failed, ErrorCode::tls_failed, ErrorCode::certificate_rejected};
  return std::ranges::find(kBefore, answer.error->code) != kBefore.end();
}

std::string clean_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxAnswerText)) out += is_control(c) ? ' ' : c;
  const std::string_view trimmed = trim(out);
  return is_utf8(trimmed) ? std::string(trimmed) : std::string();
}

}  // namespace

Heard hear_answer(const UploadAnswer& answer, std::span<const StatusWord> status_words) {
  if (answer.error) return hear_error(answer.error->code);
  const int status = answer.head.status;
  if (status >= 200 && status < 300) return Heard::success;
  if (keeps_method(status) && answer.head.find_field("location") != nullptr) return Heard::redirect;
  if (const auto word = word_of(status, status_words)) return *word;
  if (const auto word = word_of(status, kStatusWords)) return *word;
  return status >= 500 && status < 600 ? Heard::transient : Heard::refused;
}

void note_sent(UploadProgress& progress, const UploadPlan& plan, const UploadAnswer& answer) {
  if (progress.phase != UploadPhase::append && progress.phase != UploadPhase::create) return;
  progress.sent += std::min(answer.sent, progress.part_length);
  const bool to_the_end = progress.offset + progress.part_length == plan.size;
  if (to_the_end && (answer.sent < progress.part_length || reached_nobody(answer)))
    progress.last_byte_sent = progress.last_byte_sent_before;
}

void take_back_last_byte(UploadProgress& progress) {
  if (progress.phase != UploadPhase::append && progress.phase != UploadPhase::create) return;
  progress.last_byte_sent = progress.last_byte_sent_before;
}

Error upload_error(const UploadPlan& plan, ErrorCode code, std::string detail) {
  return {code, fmt::format("upload {} to {}", plan.name, log::redact_url(plan.target.canonical())), std::move(detail),
          std::nullopt};
}

Error answer_error(const UploadPlan& plan, const UploadAnswer& answer, WallTime now) {
  if (answer.error) {
    Error error = upload_error(plan, answer.error->code, answer.error->detail);
    error.retry_after = answer.error->retry_after;
    return error;
  }
  const Error status = status_error(answer.head, now);
  const bool of_downloads = status.code == ErrorCode::range_not_supported;
  Error error = upload_error(plan, of_downloads ? ErrorCode::http_fatal : status.code, status.detail);
  error.retry_after = status.retry_after;
  if (const std::string text = clean_text(answer.text); !text.empty())
    error.detail += fmt::format("; it says: {}", text);
  return error;
}

UploadStep send_step(UploadRequest request) {
  UploadStep step;
  step.kind = UploadStep::Kind::send;
  step.request = std::move(request);
  return step;
}

UploadStep failed_step(Error error) {
  // The rules have tried again as often as they may, so the code must not make the job do it.
  if (error_info(error.code).retryable) error.code = ErrorCode::http_fatal;
  error.retry_after.reset();
  UploadStep step;
  step.kind = UploadStep::Kind::failed;
  step.error = std::move(error);
  return step;
}

UploadStep unknown_step(const UploadPlan& plan, const Error& cause) {
  return failed_step(upload_error(
      plan, ErrorCode::outcome_unknown,
      fmt::format(
          "all of it was sent, and the server does not tell whether it has it ({}); ask those who run the server "
          "before it is uploaded again",
          cause.detail)));
}

UploadStep failed_or_unknown(const UploadTurn& turn, Error error) {
  return turn.progress.last_byte_sent ? unknown_step(turn.plan, error) : failed_step(std::move(error));
}

UploadStep send_later(const UploadTurn& turn, UploadRequest request, Error reason) {
  UploadStep step = send_step(std::move(request));
  // What is waited out may mend itself, whatever is said of a download with this status.
  if (!error_info(reason.code).retryable) reason.code = ErrorCode::http_transient;
  ++turn.progress.failures;
  step.wait = retry_delay(turn.plan.retry, turn.progress.failures, reason.retry_after, turn.random);
  step.error = std::move(reason);
  return step;
}

namespace {

// The caller said what the file's SHA-256 is, and it is another one.
bool is_another_file(const UploadPlan& plan, const UploadAnswer& answer) {
  return plan.sha256 && answer.sha256 && *plan.sha256 != *answer.sha256;
}

}  // namespace

DigestWord compare_digest(const UploadPlan& plan, const UploadAnswer& answer) {
  const std::optional<Digest>& ours = answer.sha256 ? answer.sha256 : plan.sha256;
  const auto theirs = promised_sha256(answer.head.headers);
  if (!theirs) return DigestWord::different;  // two fields that contradict each other: one is not ours
  if (is_another_file(plan, answer)) return DigestWord::different;
  if (!ours || !*theirs) return DigestWord::none;
  return **theirs == *ours ? DigestWord::same : DigestWord::different;
}

UploadStep finished_step(const UploadTurn& turn, const UploadAnswer& answer) {
  const DigestWord word = compare_digest(turn.plan, answer);
  if (word == DigestWord::different) {
    const char* why =
        is_another_file(turn.plan, answer)
            ? "the server took it, and the file has another SHA-256 than was said; have it removed there"
            : "the server took it, and names another SHA-256 than the file has; have it removed there, and "
              "upload the file as a new transaction";
    return failed_step(upload_error(turn.plan, ErrorCode::digest_mismatch, why));
  }
  UploadStep step;
  step.kind = UploadStep::Kind::done;
  step.result = {answer.head.status, word == DigestWord::same, answer.sha256 ? answer.sha256 : turn.plan.sha256};
  return step;
}

Result<Url> url_led_to(const UploadPlan& plan, const Url& from, std::string_view reference,
                       std::optional<bool> outside) {
  if (trim(reference).empty()) return fail(ErrorCode::bad_response, "follow the server", "it names an empty URL");
  Result<Url> to = resolve_reference(from, trim(reference));
  if (!to) {
    const bool scheme = to.error().code == ErrorCode::forbidden_url;
    return fail(scheme ? ErrorCode::redirect_forbidden : ErrorCode::bad_response, "follow the server",
                "it names a URL that cannot be used: " + to.error().detail);
  }
  to->user.clear();  // only the caller gives credentials
  to->password.clear();
  const UrlPolicy policy = plan.policy ? *plan.policy : UrlPolicy{};
  // Checked against the target too: a chain of steps must not lead where a single one may not.
  for (const Url* place : {&from, &plan.target}) {
    if (Status ok = check_redirect(policy, *place, *to, outside); !ok) return tl::unexpected(ok.error());
  }
  return to;
}

Result<Url> redirect_target(const UploadTurn& turn, const Url& from, const UploadAnswer& answer) {
  const unsigned most = turn.plan.policy ? turn.plan.policy->max_redirects : UrlPolicy{}.max_redirects;
  if (++turn.progress.redirects > most) {
    return fail(ErrorCode::too_many_redirects, "follow the server",
                fmt::format("it redirects more than {} times", most));
  }
  const auto locations = find_all(answer.head.headers, "location");
  for (const std::string* other : locations) {
    if (*other != *locations.front())
      return fail(ErrorCode::bad_response, "follow the server", "it redirects to two places at once");
  }
  return url_led_to(turn.plan, from, *locations.front(), answer.outside);
}

Url upload_url(const UploadPlan& plan, const UploadProgress& progress) {
  if (progress.url.empty()) return plan.target;
  const Result<Url> url = parse_found_url(progress.url);
  return url ? *url : plan.target;
}

UploadRequest request_to(const UploadPlan& plan, std::string method, Url url) {
  UploadRequest request;
  request.method = std::move(method);
  request.redirected = url.canonical() != plan.target.canonical();
  request.url = std::move(url);
  return request;
}

void hash_up_to(UploadProgress& progress, UploadRequest& request, std::uint64_t end) {
  request.hash_from = progress.hashed;
  progress.hashed = std::max(progress.hashed, end);
  request.hash_to = progress.hashed;
}

std::optional<UploadStep> begin_anew(const UploadTurn& turn, const Error& cause) {
  UploadProgress& progress = turn.progress;
  if (progress.last_byte_sent) return unknown_step(turn.plan, cause);
  if (progress.restarts >= kMaxRestarts) {
    return failed_step(upload_error(
        turn.plan, ErrorCode::http_fatal,
        fmt::format("the server lost what it had of it {} times ({}); look at the server, or upload it elsewhere",
                    progress.restarts + 1, cause.detail)));
  }
  ++progress.restarts;
  progress.phase = UploadPhase::create;
  progress.url.clear();
  progress.session.clear();
  progress.host.clear();
  progress.fall_back_after.reset();
  progress.fall_back_at.reset();
  progress.reply_url.clear();
  progress.expires_at.reset();
  progress.offset = 0;
  progress.part_length = 0;
  progress.creations = 0;
  progress.resends = 0;
  return std::nullopt;
}

std::uint64_t next_part(const PartRule& rule, const UploadPlan& plan, const UploadProgress& progress) {
  const std::uint64_t wanted = progress.part_size == 0 ? rule.largest : progress.part_size;
  return std::min(wanted, plan.size - progress.offset);
}

void note_part_taken(const PartRule& rule, UploadProgress& progress, std::uint64_t offset) {
  if (offset < progress.offset + progress.part_length) return shrink_part(rule, progress);
  const std::uint64_t limit = progress.part_limit == 0 ? rule.largest : progress.part_limit;
  if (progress.part_size != 0) progress.part_size = std::min(limit, progress.part_size * 2);
}

void shrink_part(const PartRule& rule, UploadProgress& progress) {
  if (progress.part_length <= rule.least) return;  // its size was not what hindered it
  progress.part_size = std::max(rule.least, progress.part_length / 2);
}

bool limit_part(const PartRule& rule, UploadProgress& progress) {
  if (progress.part_length <= rule.least) return false;
  progress.part_size = std::max(rule.least, progress.part_length / 2);
  progress.part_limit = progress.part_size;
  return true;
}

void begin_part(UploadProgress& progress, const UploadPlan& plan, std::uint64_t length, UploadRequest& request) {
  progress.part_length = length;
  progress.part_lost = false;
  request.offset = progress.offset;
  request.length = length;
  progress.last_byte_sent_before = progress.last_byte_sent;
  if (progress.offset + length == plan.size) progress.last_byte_sent = true;
  hash_up_to(progress, request, progress.offset + length);
}

std::optional<std::uint64_t> number_field(const HttpHead& head, std::string_view name) {
  const std::string* value = head.find_field(name);
  return value == nullptr ? std::nullopt : parse_decimal(trim(*value));
}

}  // namespace larder::origin
