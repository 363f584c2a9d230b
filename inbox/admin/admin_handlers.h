// What each route of inbox.sock does, over the ledger and the store. Loop thread.
//
// A take claims the upload that waits longest: it is the caller's until its lease ends, or until it is acknowledged or
// rejected. What a caller says counts also after its lease ended, since it has the file; until then somebody else may
// have been given the same upload, with the same id and the next attempt.
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>

#include "base/http/message/message.h"
#include "base/io/file_system.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "inbox/admin/admin_metrics.h"
#include "inbox/admin/admin_routes.h"
#include "inbox/config/inbox_config.h"
#include "inbox/deliver/deliverer.h"
#include "inbox/ledger/ledger.h"

namespace larder::inbox {

// All of it outlives the handlers, but for the pool, which ends before everything.
struct AdminParts {
  Ledger& ledger;
  FileSystem& files;
  WorkerPool& disk;
  Runtime runtime;
  std::function<std::string(const std::string& id)> content_path;
  std::function<const InboxConfig*(const std::string& name)> find_inbox;  // null: there is none
  std::function<AdminFigures()> figures;
  RetryRules retry = {};
  KeepReply keep_reply = nullptr;
  OnSettled on_settled = nullptr;
};

struct AdminRequest {
  AdminMatch match;
  std::string body;
  uid_t user = 0;  // who asks, for the ledger and the log
};

class AdminHandlers {
 public:
  using Respond = UniqueFunction<void(http::Response)>;

  static constexpr std::chrono::seconds kLease{600};  // where a take does not say
  static constexpr std::chrono::seconds kLongestLease{std::chrono::hours(24 * 7)};
  static constexpr std::size_t kPage = 100;  // uploads of one answer, where a list does not say

  explicit AdminHandlers(AdminParts parts) : parts_(std::move(parts)) {}
  AdminHandlers(const AdminHandlers&) = delete;
  AdminHandlers& operator=(const AdminHandlers&) = delete;

  // `respond` is called once, at once or later; not where the handlers end before.
  void run(const AdminRequest& request, Respond respond);

 private:
  void list(const AdminRequest& request, Respond respond);
  void show(const AdminRequest& request, Respond respond);
  void take(const AdminRequest& request, Respond respond);
  void claim(const AdminRequest& request, std::chrono::seconds lease, WallTime now, Respond respond);
  void acknowledge(const AdminRequest& request, Respond respond);
  void acknowledge_with_reply(const AdminRequest& request, Respond respond);
  void keep_reply(const UploadRow& row, uid_t user, std::string body, Respond respond);
  void settle(const UploadRow& row, uid_t user, std::string result, bool has_reply, Respond respond);
  void reject(const AdminRequest& request, Respond respond);
  void renew(const AdminRequest& request, Respond respond);
  void renew_attempt(const UploadRow& row, std::chrono::seconds lease, std::optional<unsigned> attempt,
                     Respond respond);
  void send_content(const AdminRequest& request, Respond respond);
  void open_content(const UploadRow& row, Respond respond);
  void show_metrics(Respond respond);
  void check_health(Respond respond);

  // The upload, or why it is not: also where the ways of its inbox do not ask anybody here.
  void find(const std::string& id, Respond respond, UniqueFunction<void(UploadRow, Respond)> go);
  void find_taken(const std::string& id, Respond respond, UniqueFunction<void(UploadRow, Respond)> go);
  [[nodiscard]] std::optional<Error> refuse_way(const std::string& inbox, const std::string& doing) const;

  [[nodiscard]] UniqueFunction<void(Outcome<UploadRow>)> answer_settled(const char* how, uid_t user, Respond respond);

  AdminParts parts_;
  std::set<std::string> keeping_;  // uploads whose reply is being made durable
  Alive alive_;
};

}  // namespace larder::inbox
