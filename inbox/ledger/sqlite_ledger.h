// The ledger of one node, in SQLite (database/database.h: one thread, group commit, synchronous=FULL). Loop thread.
#pragma once

#include "base/runtime/alive.h"
#include "database/database.h"
#include "inbox/ledger/ledger.h"

namespace larder::inbox {

class SqliteLedger final : public Ledger {
 public:
  // `database` was opened with ledger_schema() (sqlite_rows.h) and outlives the ledger.
  explicit SqliteLedger(cache::Database& database) : database_(database) {}

  // Tables upload and delivery.
  [[nodiscard]] static std::span<const cache::SchemaStep> schema();

  void create(NewUpload upload, Done<FoundOrMade> done) override;
  void find(std::string id, std::optional<std::string> principal, Done<UploadRow> done) override;
  void take(std::string id, std::string principal, std::string holder, Done<UploadRow> done) override;
  void declare(Writer writer, Declaration said, Done<UploadRow> done) override;
  void advance(Writer writer, Advance step, Done<UploadRow> done) override;
  void seal(Writer writer, Seal sealed, Done<UploadRow> done) override;
  void accept(Writer writer, std::optional<StoredAnswer> answer, WallTime now, Done<UploadRow> done) override;
  void refuse(Writer writer, UploadEvent event, StoredAnswer answer, WallTime now, Done<UploadRow> done) override;
  void cancel(std::string id, std::string principal, WallTime now, Done<UploadRow> done) override;

  void claim(Claim claim, Done<std::optional<UploadRow>> done) override;
  void renew(std::string id, unsigned attempt, WallTime until, Done<UploadRow> done) override;
  void acknowledge(std::string id, std::string result, std::string reply, WallTime now, Done<UploadRow> done) override;
  void reject(std::string id, std::string result, StoredAnswer answer, WallTime now, Done<UploadRow> done) override;
  void end_attempt(std::string id, unsigned attempt, std::string result, WallTime now, RetryRules rules,
                   Done<UploadRow> done) override;
  void end_overdue(WallTime now, RetryRules rules, Done<std::size_t> done) override;
  void next_due(std::string inbox, Done<std::optional<WallTime>> done) override;

  void expire_due(WallTime now, Done<std::vector<UploadRow>> done) override;
  void removable(RemovalTimes times, Done<std::vector<std::string>> done) override;
  void note_removed(std::vector<std::string> ids, Done<std::size_t> done) override;
  void forget(WallTime settled_before, Done<std::size_t> done) override;

  void list(ListQuery query, Done<std::vector<UploadRow>> done) override;
  void usage(std::string principal, Done<PrincipalUsage> done) override;
  void totals(Done<LedgerTotals> done) override;

 private:
  cache::Database& database_;
  Alive alive_;
};

}  // namespace larder::inbox
