// Brings the accepted uploads of one inbox to its application: claims what is due in the ledger, hands it over, writes
// down what the application said. A row is claimed before the application is told and acknowledged after it said yes,
// so a crash in between tells it again, with the same id and the next attempt. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "inbox/deliver/hand_over.h"
#include "inbox/ledger/ledger.h"

namespace larder::inbox {

// Makes a reply durable before the upload is acknowledged with it.
using KeepReply = std::function<void(std::string id, std::string body, UniqueFunction<void(Status)> done)>;
// The application's word is in the ledger.
using OnSettled = std::function<void(const UploadRow& row)>;

struct DelivererSettings {
  std::string inbox;
  std::string holder;                         // this process, for the lease
  std::size_t most_at_once = 64;              // attempts under way
  Duration lease = std::chrono::minutes(10);  // renewed while the attempt lasts
  RetryRules retry;
  KeepReply keep_reply = nullptr;  // null: replies are dropped
  OnSettled on_settled = nullptr;
};

class Deliverer {
 public:
  // The ledger and the hand-over outlive it.
  Deliverer(DelivererSettings settings, Ledger& ledger, HandOver& hand_over, Runtime runtime);
  ~Deliverer();
  Deliverer(const Deliverer&) = delete;
  Deliverer& operator=(const Deliverer&) = delete;

  // Takes up the attempts that were under way when the last process ended, then claims.
  void start();
  // An upload was accepted, or the ledger works again.
  void wake();
  // Claims nothing more. `done` comes when the last attempt that ends by itself has ended, at once where none is.
  void stop(Task done);

  [[nodiscard]] std::size_t under_way() const { return attempts_.size(); }

 private:
  void take_up_page(std::string after);
  void claim_next();
  void on_claimed(Outcome<std::optional<UploadRow>> claimed);
  void wait_for_due();
  void begin(const UploadRow& row, bool resumed);
  void on_attempt_ended(const std::string& id, unsigned attempt, AttemptEnd what);
  [[nodiscard]] std::string reply_of(const AttemptEnd& what) const;
  void keep_reply(const std::string& id, unsigned attempt, const AttemptEnd& what);
  // Writes down what became of an attempt, again and again until the ledger has it.
  void write_end(const std::string& id, unsigned attempt, const AttemptEnd& what);
  void renew_leases();
  void arm(Duration delay);

  const DelivererSettings settings_;
  Ledger& ledger_;
  HandOver& hand_over_;
  Runtime runtime_;
  std::map<std::string, unsigned> attempts_;  // by the upload's id: which attempt
  bool started_ = false;
  bool claiming_ = false;
  bool again_ = false;  // wake() came while a claim was under way
  bool stopping_ = false;
  Task stopped_;
  TimerId due_timer_ = 0;
  TimerId lease_timer_ = 0;
  Alive alive_;
};

}  // namespace larder::inbox
