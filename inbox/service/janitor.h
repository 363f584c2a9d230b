// One round of tidying: uploads without progress expire, files that nobody needs any more go, old rows are forgotten,
// and uploads that a hook could not judge are asked about again. Loop thread.
#pragma once

#include <memory>

#include "inbox/service/settlement.h"

namespace larder::inbox {

struct JanitorReport {
  std::size_t expired = 0;
  std::size_t removed = 0;    // contents
  std::size_t forgotten = 0;  // rows
};

class Janitor : public std::enable_shared_from_this<Janitor> {
 public:
  using Finished = UniqueFunction<void(Result<JanitorReport>)>;
  Janitor(std::shared_ptr<Context> context, std::shared_ptr<Settlements> settlements, WallTime now, Finished finished)
      : context_(std::move(context)), settlements_(std::move(settlements)), now_(now), finished_(std::move(finished)) {}

  void start() { expire(); }

 private:
  void expire();
  void remove();
  void forget();
  void judge_again(const std::string& after);
  void fail(const Refused& refused);

  std::shared_ptr<Context> context_;
  std::shared_ptr<Settlements> settlements_;
  const WallTime now_;
  Finished finished_;
  JanitorReport report_;
};

}  // namespace larder::inbox
