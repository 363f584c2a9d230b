// All parts of larder-inbox, made, started and stopped in order: the one place that chooses implementations. Loop
// thread; make() blocks.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime/loop.h"
#include "inbox/config/inbox_config.h"

namespace larder::inbox {

class InboxService {
 public:
  // Locks the state directory and opens the ledger. Error: another process has it, a directory is missing, a
  // certificate cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<InboxService>> make(Loop& loop,
                                                                  std::shared_ptr<const ServerConfig> config);
  ~InboxService();
  InboxService(const InboxService&) = delete;
  InboxService& operator=(const InboxService&) = delete;

  // Recovers what the last process left, then listens. `done` comes once; an error: nothing listens.
  void start(UniqueFunction<void(Status)> done);
  // Reads the certificate and its key again, for connections to come.
  [[nodiscard]] Status reload_certificate();
  // No new connection and no new upload; requests and programs under way end, at the latest after `within`; then
  // `done`. What clients had sent is kept, and they go on with the next process.
  void stop(Duration within, Task done);
  // Of `listen`, in its order: where port 0 was asked for, the port that it became.
  [[nodiscard]] std::vector<std::uint16_t> ports() const;

 private:
  struct Parts;
  explicit InboxService(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::inbox
