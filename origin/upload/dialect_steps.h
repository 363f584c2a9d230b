// What the dialects of uploading share: an answer put into a word, redirects, waits, part sizes, and the end. Pure.
#pragma once

#include <span>
#include <string_view>

#include "origin/upload/upload_dialect.h"

namespace larder::origin {

// An answer in a word, the second index of each dialect's table.
enum class Heard {
  success,          // 2xx
  redirect,         // 301, 302, 307, 308 with Location
  no_answer,        // the connection ended first: nobody knows whether the request was processed
  nonsense,         // what came is not HTTP
  broken,           // the request cannot be made at all, for a reason that stays
  transient,        // 408, 425, 429, and 5xx but 501 and 505
  unauthorized,     // 401, 407
  forbidden,        // 403
  gone,             // 404, 410
  not_possible,     // 405, 501
  conflict,         // 409
  precondition,     // 412
  too_large,        // 413; BITS: 413, of one part
  wrong_type,       // 415
  out_of_step,      // BITS: 416
  locked,           // tus: 423
  damaged,          // tus: 460
  unknown_session,  // BITS: 0x8020001F
  never_fits,       // BITS: 0x80200020, of the whole
  rejected,         // BITS: a 4xx with the context of the application
  refused,          // any other status
};
inline constexpr std::size_t kHeardCount = static_cast<std::size_t>(Heard::refused) + 1;

// Without the words of one dialect: conflict, locked and damaged are told by `status_words`, which goes first.
struct StatusWord {
  int status;
  Heard heard;
};
[[nodiscard]] Heard hear_answer(const UploadAnswer& answer, std::span<const StatusWord> status_words = {});

// Notes what was sent of the part under way and whether that included the last byte. To be called first, once, with
// each answer.
void note_sent(UploadProgress& progress, const UploadPlan& plan, const UploadAnswer& answer);
// The server refused the request as a whole and took nothing of it: the last byte does not count as sent by it. Without
// effect in phases whose requests have no body.
void take_back_last_byte(UploadProgress& progress);

// The server's answer, or that there was none, as an error: its code, its sentence and the beginning of its text.
[[nodiscard]] Error answer_error(const UploadPlan& plan, const UploadAnswer& answer, WallTime now);
[[nodiscard]] Error upload_error(const UploadPlan& plan, ErrorCode code, std::string detail);

[[nodiscard]] UploadStep send_step(UploadRequest request);
[[nodiscard]] UploadStep failed_step(Error error);
// After the last byte was sent nothing but the server's word ends the upload well: outcome_unknown with the cause.
// Before: `error` itself.
[[nodiscard]] UploadStep failed_or_unknown(const UploadTurn& turn, Error error);
[[nodiscard]] UploadStep unknown_step(const UploadPlan& plan, const Error& cause);
// The same request, or another, after the wait of the retry table. Counts the failure.
[[nodiscard]] UploadStep send_later(const UploadTurn& turn, UploadRequest request, Error reason);
// The server took the upload: `done`, or digest_mismatch if it names another SHA-256 than the source's.
[[nodiscard]] UploadStep finished_step(const UploadTurn& turn, const UploadAnswer& answer);
// The answer names a SHA-256 of the whole, and it is (`same`) or is not the source's.
enum class DigestWord { none, same, different };
[[nodiscard]] DigestWord compare_digest(const UploadPlan& plan, const UploadAnswer& answer);

// Reads a URL that the server wrote: where it may not lead is redirect_forbidden.
[[nodiscard]] Result<Url> url_led_to(const UploadPlan& plan, const Url& from, std::string_view reference,
                                     std::optional<bool> outside);
// The place of a redirect. Error: also too_many_redirects. Counts it.
[[nodiscard]] Result<Url> redirect_target(const UploadTurn& turn, const Url& from, const UploadAnswer& answer);
// The URL that progress.url names, or the target.
[[nodiscard]] Url upload_url(const UploadPlan& plan, const UploadProgress& progress);
// A request to `url`; whether the server led there is told by comparing with the target.
[[nodiscard]] UploadRequest request_to(const UploadPlan& plan, std::string method, Url url);
// Hashes up to `end` with this request.
void hash_up_to(UploadProgress& progress, UploadRequest& request, std::uint64_t end);
// Begins again at zero, with the same key. Error: too often, or the last byte was sent (outcome_unknown).
[[nodiscard]] std::optional<UploadStep> begin_anew(const UploadTurn& turn, const Error& cause);

// Bytes of parts. A part that did not come through is halved, down to `least`; one that did is doubled.
struct PartRule {
  std::uint64_t largest;
  std::uint64_t least;
};
[[nodiscard]] std::uint64_t next_part(const PartRule& rule, const UploadPlan& plan, const UploadProgress& progress);
// The server took the part under way up to `offset`. One that takes less than it is sent gets smaller parts: it could
// have each sent for the sake of a byte.
void note_part_taken(const PartRule& rule, UploadProgress& progress, std::uint64_t offset);
void shrink_part(const PartRule& rule, UploadProgress& progress);
// 413: parts of this size are never sent again. False: it is as small as it may be already.
[[nodiscard]] bool limit_part(const PartRule& rule, UploadProgress& progress);
// Puts a part under way: from the acknowledged offset on.
void begin_part(UploadProgress& progress, const UploadPlan& plan, std::uint64_t length, UploadRequest& request);

// The last field of that name as a number; absent: none, or not one.
[[nodiscard]] std::optional<std::uint64_t> number_field(const HttpHead& head, std::string_view name);

}  // namespace larder::origin
