// What may become of a row, and when: the rules of every ledger, whatever it keeps its rows in. Pure; the time is an
// argument. Each function changes the row or refuses; a refused row is unchanged. One call is one transaction: read the
// row, call, write the row.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.h"
#include "inbox/ledger/upload_row.h"

namespace larder::inbox {

// What the client may know of it.
[[nodiscard]] UploadStatus status_of(const UploadRow& row);

enum class Change { none, made };  // none: it was so before, and nothing has to be written

// Who writes: the epoch that it took.
struct Writer {
  std::string id;
  std::uint64_t epoch = 0;
};

struct Advance {
  std::uint64_t from = 0;  // the offset as the writer knows it
  std::uint64_t to = 0;    // synced up to here
  WallTime now{};
  WallTime expires_at{};
};

// All bytes are in the store, under the name that they keep.
struct Seal {
  std::uint64_t from = 0;
  std::uint64_t size = 0;
  Digest digest{};
  WallTime now{};
  std::optional<StoredAnswer> accept_with;  // nobody is asked first: sealed and accepted at once
  bool answer_later = false;                // then without that answer: the client gets the application's
};

// What a request says of the whole, later than the creation.
struct Declaration {
  std::uint64_t size = 0;
  std::optional<Digest> sha256;  // stored with the size, so that a crash never leaves one without the other
  std::uint64_t room = ~0ULL;    // as in NewUpload
};

// When the hand-over is tried again: 1 s after the first attempt, doubling up to an hour.
struct RetryRules {
  std::chrono::seconds first{1};
  std::chrono::seconds longest{3600};
  std::chrono::seconds least{0};    // the application wished to be asked no earlier; never beyond `longest`
  unsigned attempts = 200;          // with these the cap is about a week
  std::chrono::hours age{24 * 14};  // since the acceptance
};
[[nodiscard]] std::chrono::seconds wait_before_attempt(unsigned attempts_made, const RetryRules& rules);

// Why the ledger or the disk could not.
[[nodiscard]] Refused refused_by(const Error& error);
[[nodiscard]] Refused unknown_upload(const std::string& id);
// The operation is not possible in the state that the upload is in; `doing` is "append to".
[[nodiscard]] Refused impossible(const UploadRow& row, std::string_view doing);

// Does a repeated creation mean this upload? key_conflict where the size or the digest differs.
[[nodiscard]] std::optional<Refused> refuse_other_content(const UploadRow& row, const CreateUpload& repeated);

// The newest request wins. Where the upload is not receiving any more the row stays as it is, and so does the epoch.
[[nodiscard]] Outcome<Change> take(UploadRow& row, const std::string& holder);
[[nodiscard]] Outcome<Change> declare(UploadRow& row, std::uint64_t epoch, const Declaration& said);
[[nodiscard]] Outcome<Change> advance(UploadRow& row, std::uint64_t epoch, const Advance& step);
[[nodiscard]] Outcome<Change> seal(UploadRow& row, std::uint64_t epoch, const Seal& sealed);
// Without an answer the client waits for the application: acknowledge() or reject() stores the answer.
[[nodiscard]] Outcome<Change> accept(UploadRow& row, std::uint64_t epoch, const std::optional<StoredAnswer>& answer,
                                     WallTime now);
// `event`: wrong_content or scanner_refused.
[[nodiscard]] Outcome<Change> refuse(UploadRow& row, std::uint64_t epoch, UploadEvent event, const StoredAnswer& answer,
                                     WallTime now);
[[nodiscard]] Outcome<Change> cancel(UploadRow& row, WallTime now);
[[nodiscard]] Outcome<Change> expire(UploadRow& row, WallTime now);  // refused before expires_at

// The hand-over. An answer of the application counts also where its lease has ended: to ignore it would deliver again.
[[nodiscard]] Outcome<Change> claim(UploadRow& row, const std::string& holder, WallTime now, Duration lease);
[[nodiscard]] Outcome<Change> renew(UploadRow& row, unsigned attempt, WallTime until);
// `reply`: as in DeliveryRow.
[[nodiscard]] Outcome<Change> acknowledge(UploadRow& row, std::string result, std::string reply, WallTime now);
[[nodiscard]] Outcome<Change> reject(UploadRow& row, std::string result, const StoredAnswer& answer, WallTime now);
// Of that attempt; another one is not concerned. After too many attempts, or too late, the upload is rejected.
[[nodiscard]] Outcome<Change> end_attempt(UploadRow& row, unsigned attempt, std::string result, WallTime now,
                                          const RetryRules& rules);

}  // namespace larder::inbox
