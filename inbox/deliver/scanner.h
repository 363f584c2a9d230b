// The scanner of an inbox: a program that judges a whole file before anybody is told of success. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/process/hook_runner.h"
#include "base/runtime/alive.h"
#include "inbox/deliver/program_hand_over.h"
#include "inbox/service/verdict_hook.h"

namespace larder::inbox {

// Of inboxes without a scanner every file is good.
class Scanners final : public VerdictHook {
 public:
  Scanners(Runtime runtime, HookRunner& runner) : runtime_(runtime), runner_(runner) {}
  void add(const std::string& inbox, DeliveryProgram scanner) { scanners_.insert_or_assign(inbox, std::move(scanner)); }
  [[nodiscard]] bool judges(const std::string& inbox) const override { return scanners_.contains(inbox); }
  void judge(UploadStatus upload, std::string principal, std::string path, UniqueFunction<void(Verdict)> done) override;

 private:
  void answer_later(UniqueFunction<void(Verdict)> done, Verdict verdict);

  Runtime runtime_;
  HookRunner& runner_;
  std::map<std::string, DeliveryProgram> scanners_;
  Alive alive_;
};

}  // namespace larder::inbox
