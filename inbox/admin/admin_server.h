// inbox.sock: who connects is known by the kernel (SO_PEERCRED); who is no admin gets 403. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime/loop.h"
#include "inbox/admin/admin_handlers.h"
#include "inbox/admin/inbox_admins.h"

namespace larder::inbox {

class AdminServer {
 public:
  // The loop and the handlers outlive it.
  AdminServer(Loop& loop, AdminHandlers& handlers, InboxAdmins admins);
  ~AdminServer();  // closes everything at once
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Makes the socket; who connects waits for start(). Blocks for a moment (start-up). already_exists: another server
  // has it.
  [[nodiscard]] Status open(const std::string& path);
  void start();
  // Removes the socket. `done` comes once, when the answers under way are out, at the latest after `within`.
  void stop(Duration within, Task done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder::inbox
