// The ledger: which uploads there are and how far each is. It decides; files only follow it.
//
// Each operation is one transaction after the rules of row_rules.h, and durable when its callback comes. Where the row
// is not as the caller expects (state, offset, epoch) nothing changes and the callback gets the Problem, with the
// upload as it is. Problem::failed, no_space and busy: the ledger itself could not; then nothing may be told the client
// but that. Loop thread; a callback comes once, on the loop, never within the call, and perhaps after the Ledger has
// gone or not at all then: callers guard it. Lists are pages, so that no answer grows with what strangers have sent.
//
// An implementation whose database has a clock of its own may take that instead of the times given, so that the
// machines that share it need not agree on the time.
#pragma once

#include <array>
#include <vector>

#include "base/unique_function.h"
#include "inbox/ledger/row_rules.h"

namespace larder::inbox {

inline constexpr std::size_t kMaxPage = 256;

struct NewUpload {
  std::string id;
  std::string principal;
  std::string holder;
  CreateUpload request;
  WallTime now{};
  WallTime expires_at{};
  unsigned max_open = 50;      // receiving or sealed, of this principal
  std::uint64_t room = ~0ULL;  // bytes of disk that all declared sizes together may still need
};

struct FoundOrMade {
  UploadRow row;
  bool created = false;
};

struct Claim {
  std::string inbox;
  std::string holder;
  WallTime now{};
  Duration lease{};
};

struct ListQuery {
  std::string after;  // id of the last row of the page before; empty: from the start
  std::optional<std::string> inbox;
  std::optional<UploadState> state;
  bool with_content_only = false;
  std::size_t limit = kMaxPage;
};

struct RemovalTimes {
  WallTime delivered_before{};  // settled before that: its content is not needed any more
  WallTime rejected_before{};
};

struct PrincipalUsage {
  std::uint64_t open = 0;      // uploads that are receiving or sealed
  std::uint64_t reserved = 0;  // bytes that they still miss, as far as they said their sizes
};

struct LedgerTotals {
  std::array<std::uint64_t, kUploadStateCount> by_state{};
  std::uint64_t reserved = 0;
};

class Ledger {
 public:
  template <class T>
  using Done = UniqueFunction<void(Outcome<T>)>;

  virtual ~Ledger() = default;

  // Finds the upload of (inbox, principal, key), unless it was cancelled or has expired, or makes one. Refused:
  // key_conflict, quota, no_space.
  virtual void create(NewUpload upload, Done<FoundOrMade> done) = 0;
  // `principal` none: of anybody. Another's upload is unknown_upload, as one that never was.
  virtual void find(std::string id, std::optional<std::string> principal, Done<UploadRow> done) = 0;
  virtual void take(std::string id, std::string principal, std::string holder, Done<UploadRow> done) = 0;
  virtual void declare(Writer writer, Declaration said, Done<UploadRow> done) = 0;
  virtual void advance(Writer writer, Advance step, Done<UploadRow> done) = 0;
  virtual void seal(Writer writer, Seal sealed, Done<UploadRow> done) = 0;
  virtual void accept(Writer writer, std::optional<StoredAnswer> answer, WallTime now, Done<UploadRow> done) = 0;
  virtual void refuse(Writer writer, UploadEvent event, StoredAnswer answer, WallTime now, Done<UploadRow> done) = 0;
  virtual void cancel(std::string id, std::string principal, WallTime now, Done<UploadRow> done) = 0;

  // The one that is due longest; none: nothing is due.
  virtual void claim(Claim claim, Done<std::optional<UploadRow>> done) = 0;
  virtual void renew(std::string id, unsigned attempt, WallTime until, Done<UploadRow> done) = 0;
  virtual void acknowledge(std::string id, std::string result, std::string reply, WallTime now,
                           Done<UploadRow> done) = 0;
  virtual void reject(std::string id, std::string result, StoredAnswer answer, WallTime now, Done<UploadRow> done) = 0;
  virtual void end_attempt(std::string id, unsigned attempt, std::string result, WallTime now, RetryRules rules,
                           Done<UploadRow> done) = 0;
  // Ends a page of the attempts whose lease is over; returns how many.
  virtual void end_overdue(WallTime now, RetryRules rules, Done<std::size_t> done) = 0;
  // When the next hand-over or lease of the inbox is due; none: nothing waits.
  virtual void next_due(std::string inbox, Done<std::optional<WallTime>> done) = 0;

  // Lets a page of uploads expire, and returns them.
  virtual void expire_due(WallTime now, Done<std::vector<UploadRow>> done) = 0;
  // Uploads whose file can go: cancelled, expired, failed, or handed over long enough.
  virtual void removable(RemovalTimes times, Done<std::vector<std::string>> done) = 0;
  virtual void note_removed(std::vector<std::string> ids, Done<std::size_t> done) = 0;  // at most kMaxPage
  // Deletes a page of rows that were settled before, and have no content any more; returns how many.
  virtual void forget(WallTime settled_before, Done<std::size_t> done) = 0;

  virtual void list(ListQuery query, Done<std::vector<UploadRow>> done) = 0;  // in the order of the ids
  virtual void usage(std::string principal, Done<PrincipalUsage> done) = 0;
  virtual void totals(Done<LedgerTotals> done) = 0;
};

}  // namespace larder::inbox
