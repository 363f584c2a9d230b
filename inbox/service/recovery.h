// Makes ledger and store agree after a restart, before the first request: parts are cut to the ledger's offset, files
// that no row speaks of are removed, uploads whose file is lost fail, and what has come whole is sealed and accepted.
// Loop thread.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "inbox/service/settlement.h"

namespace larder::inbox {

struct RecoveryReport {
  std::size_t uploads = 0;           // that have content
  std::size_t orphans = 0;           // files that no row speaks of
  std::size_t sealed = 0;            // uploads that were whole and not accepted
  std::vector<std::string> damaged;  // ids whose file is missing or too short, though the ledger has it
};

class Recovery : public std::enable_shared_from_this<Recovery> {
 public:
  using Finished = UniqueFunction<void(Result<RecoveryReport>)>;

  Recovery(std::shared_ptr<Context> context, std::shared_ptr<Settlements> settlements, Turns& turns, Finished finished)
      : context_(std::move(context)),
        settlements_(std::move(settlements)),
        turns_(turns),
        finished_(std::move(finished)) {}

  // `finished` comes once. An error: nothing may be served, since the disk or the ledger cannot tell what there is.
  // Uploads that a hook has to judge may still be judged then.
  void start();

 private:
  void list_files();
  void next_page(const std::string& after);
  void on_rows(std::vector<UploadRow> rows);
  void on_matched(std::vector<UploadRow> rows, std::vector<std::string> missing);
  void fail_missing(std::vector<UploadRow> missing, UniqueFunction<void()> then);
  void remove_orphans();
  void settle_next();
  void fail(const Error& error) { finished_(tl::unexpected<Error>(error)); }
  void fail(const Refused& refused);

  std::shared_ptr<Context> context_;
  std::shared_ptr<Settlements> settlements_;
  Turns& turns_;
  Finished finished_;
  RecoveryReport report_;
  std::set<std::string> files_;       // ids that have a file, and no row yet
  std::vector<UploadRow> unsettled_;  // whole, and not accepted
};

}  // namespace larder::inbox
