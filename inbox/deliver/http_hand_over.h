// Hands files over by an HTTP request for each attempt (http_rules.h). Loop thread; the calls wait on threads of its
// own, so that an application that takes its time keeps nobody else waiting.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "inbox/deliver/directory_files.h"
#include "inbox/deliver/hand_over.h"
#include "inbox/deliver/http_call.h"

namespace larder::inbox {

class HttpHandOver final : public HandOver {
 public:
  static constexpr std::size_t kCalls = 4;  // at once
  using ContentPath = std::function<std::string(const std::string& id)>;

  // `directory`: where files are put that are handed over by reference, prepared (DirectoryFiles::prepare_to_name());
  // none: they are the body.
  HttpHandOver(HttpTarget target, std::optional<std::string> directory, ContentPath content_path, Runtime runtime);
  ~HttpHandOver() override;  // ends the calls under way, which takes about a second; no `done` comes

  void begin(const UploadRow& row, bool resumed, Done done) override;
  [[nodiscard]] bool ends_by_itself() const override { return true; }

 private:
  struct Way {
    HttpTarget target;
    std::optional<DirectoryFiles> directory;
    std::atomic<bool> stop{false};
  };
  // On a thread of the calls.
  static AttemptEnd call(const Way& way, const UploadRow& row, const std::string& content, WallTime now);
  static AttemptEnd call_by_value(const Way& way, const UploadRow& row, const std::string& content, WallTime now);
  static AttemptEnd call_by_name(const Way& way, const UploadRow& row, const std::string& content, WallTime now);

  const std::shared_ptr<Way> way_;
  const ContentPath content_path_;
  Runtime runtime_;
  Alive alive_;
  std::unique_ptr<WorkerPool> calls_;
};

}  // namespace larder::inbox
