// Hands files over by a program that the admin configured: run without a shell, the file as descriptor 3 (and standard
// input), what it has to know in its environment (program_environment()). Status 0: taken; 1: refused, the first line
// of its output says why; anything else, a signal or its time over: it is run again later. Loop thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/process/hook_runner.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "inbox/deliver/hand_over.h"

namespace larder::inbox {

struct DeliveryProgram {
  std::string name;                  // of the inbox, for errors
  std::vector<std::string> command;  // absolute program and arguments
  Duration timeout{};
  std::size_t max_reply = 0;  // bytes of its reply for the client; 0: it is not told where to leave one
};

// LARDER_UPLOAD_ID, LARDER_ATTEMPT, LARDER_INBOX, LARDER_PRINCIPAL, LARDER_NAME, LARDER_SIZE, LARDER_SHA256,
// LARDER_CONTENT_FD, LARDER_REPLY_FILE, and PATH and LANG. The id is the same in each attempt: a program that remembers
// ids has the effect once.
struct ProgramFacts {
  std::string id, inbox, principal, name;
  std::uint64_t size = 0;
  std::optional<Digest> sha256;
  unsigned attempt = 0;
  std::string reply_file = {};  // where it may write its reply for the client; empty: nowhere
};
[[nodiscard]] std::vector<std::string> program_environment(const ProgramFacts& facts);
// What the end of the program means.
[[nodiscard]] AttemptEnd end_of_program(const Result<HookOutcome>& outcome, Duration timeout);

// Runs it with the file at `path`. `done` comes once, later, on the loop.
void run_program(const DeliveryProgram& program, const ProgramFacts& facts, const std::string& path, HookRunner& runner,
                 Executor& loop, UniqueFunction<void(AttemptEnd)> done);

class ProgramHandOver final : public HandOver {
 public:
  using ContentPath = std::function<std::string(const std::string& id)>;

  // `reply_path`: where a program may leave its reply, in a folder of this service; null: nowhere. Files there are read
  // on the pool, which ends before what it uses does: see Store.
  ProgramHandOver(DeliveryProgram program, ContentPath content_path, Runtime runtime, HookRunner& runner,
                  ContentPath reply_path = nullptr, WorkerPool* pool = nullptr);
  void begin(const UploadRow& row, bool resumed, Done done) override;
  [[nodiscard]] bool ends_by_itself() const override { return true; }

 private:
  const DeliveryProgram program_;
  const ContentPath content_path_;
  Runtime runtime_;
  void read_reply(const std::string& path, AttemptEnd what, Done done);

  HookRunner& runner_;
  const ContentPath reply_path_;
  WorkerPool* const pool_;
  Alive alive_;
};

}  // namespace larder::inbox
