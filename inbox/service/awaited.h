// Clients that wait for the application's word of an upload that was accepted: in an inbox that says so they are told
// of success once it has the file, and not before. Loop thread.
#pragma once

#include <list>
#include <map>
#include <string>

#include "base/runtime/clock.h"
#include "base/unique_function.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

class Awaited {
 public:
  using Done = UniqueFunction<void(Outcome<UploadStatus>)>;

  explicit Awaited(Timers& timers) : timers_(timers) {}
  ~Awaited();  // nobody is answered
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;

  // `done` comes once: with what tell() says, or `pending` after `within` or end_all(). Not within this call. There is
  // one for each request that waits, so connections bound how many there are.
  void add(const UploadStatus& status, Duration within, Done done);
  // The answers may come within the call.
  void tell(const std::string& id, const Outcome<UploadStatus>& answer);
  // The service stops: all are `pending`.
  void end_all();
  [[nodiscard]] bool has(const std::string& id) const { return waiting_.contains(id); }

 private:
  struct Waiter {
    UploadStatus status;
    Done done;
    TimerId timer = 0;
  };
  using Waiters = std::list<Waiter>;
  void give_up(const std::string& id, Waiters::iterator waiter);

  Timers& timers_;
  std::map<std::string, Waiters> waiting_;  // by the upload's id; no list is empty
};

}  // namespace larder::inbox
