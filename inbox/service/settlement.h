// From the last byte to the acceptance: the whole is hashed and gets its last name, the row becomes sealed, a hook is
// asked where there is one, the row becomes accepted. None of it depends on the client's connection. Loop thread.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "inbox/service/context.h"
#include "inbox/service/turns.h"

namespace larder::inbox {

class Settlements : public std::enable_shared_from_this<Settlements> {
 public:
  explicit Settlements(std::shared_ptr<Context> context) : context_(std::move(context)) {}

  // Of an upload whose bytes are all in `part`: those up to row.offset are kept, the others synced by this. `expected`
  // is the SHA-256 that the client said, if any. The turn ends before a hook is asked. `done` comes once: accepted,
  // content_digest, rejected, pending (after answer_within), or why it could not; then it can be tried again.
  void seal(Turn turn, UploadRow row, std::unique_ptr<Part> part, std::optional<Digest> expected,
            Done<UploadStatus> done);
  // Of one that waits for its seal, or is sealed; after a restart or an error.
  void resume(Turn turn, UploadRow row, Done<UploadStatus> done);
  // Of one that is sealed: waits for its hook with those who wait already.
  void judge(UploadRow row, Done<UploadStatus> done);
  [[nodiscard]] bool is_judged(const std::string& id) const { return judged_.contains(id); }
  // The service ends: who waits is not answered. Waiters hold their append, which holds this.
  void forget_waiters();

 private:
  struct Sealing {
    Turn turn;
    UploadRow row;
    std::unique_ptr<Part> part;
    std::optional<Digest> expected;
    Done<UploadStatus> done;
    Digest digest{};
  };
  using Shared = std::shared_ptr<Sealing>;
  struct Waiter {
    Done<UploadStatus> done;
    TimerId timer = 0;
  };

  void check(const Shared& sealing, Result<Digest> digest);
  void finish(const Shared& sealing);
  void commit(const Shared& sealing);
  void fail_content(const Shared& sealing, int status, const std::string& text);
  void wait(const UploadRow& row, Done<UploadStatus> done);
  void on_verdict(const UploadRow& row, const Verdict& verdict);
  void on_settled(const UploadRow& before, Outcome<UploadRow> row);
  void answer_all(const std::string& id, const Outcome<UploadStatus>& answer);

  std::shared_ptr<Context> context_;
  std::map<std::string, std::vector<Waiter>> judged_;  // uploads that a hook is asked about
};

}  // namespace larder::inbox
