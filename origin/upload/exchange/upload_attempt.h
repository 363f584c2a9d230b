// One attempt of an upload: from its first step to an end that settles it, or to an error. It carries out the steps
// that the rules name, each after the progress was made durable. Loop thread only; owned by Uploads (uploads.h).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/io/file_system.h"
#include "base/runtime/worker_pool.h"
#include "origin/upload/discovery.h"
#include "origin/upload/exchange/request_sender.h"
#include "origin/upload/exchange/source_reader.h"
#include "origin/upload/upload.h"
#include "origin/upload/uploads.h"

namespace larder::origin {

struct AttemptParts {
  HttpClient& http;
  Runtime runtime;
  WorkerPool& disk;
  FileSystem& files;
  DiscoveryMemory& memory;
};

class UploadAttempt : public std::enable_shared_from_this<UploadAttempt> {
 public:
  enum class Aim { upload, cancel };
  static constexpr Duration kProgressInterval = std::chrono::milliseconds(100);
  // A wait that is no longer than this is waited out here; a longer one ends the attempt.
  static constexpr Duration kShortWait = std::chrono::seconds(2);
  static constexpr std::size_t kMaxReply = 16 * 1024 * 1024;  // bytes of an application's reply

  // `over` is called after the last event, and may destroy the attempt.
  UploadAttempt(AttemptParts parts, UploadJob job, Aim aim, std::shared_ptr<UploadEvents> events,
                UniqueFunction<void()> over);
  void start();  // from a turn of the loop of its own
  void stop();   // no event follows
  void set_rate(std::uint64_t bytes_per_second);

 private:
  void begin();
  void begin_cancelling();
  void name_file();
  void choose_place();
  void ask_place(const DiscoveryStep& step, Url asked);
  void on_place(const Url& asked, const UploadAnswer& answer);
  void use_place(const DiscoveredPlace& place);
  void take_step(UploadStep step);
  void store_and_send(UploadStep step);
  void send_step_request(const UploadRequest& request);
  void send_request(const UploadRequest& request, UniqueFunction<void(UploadAnswer)> then);
  [[nodiscard]] HttpRequest request_head(const UploadRequest& request) const;
  void fetch_reply(const std::string& url);
  void store_reply(std::string reply);
  void note_head(const HttpHead& head);
  void note_sent(std::uint64_t sent);
  void tell_progress();
  void finish(Result<UploadResult> result);
  [[nodiscard]] UploadTurn turn();
  template <class F>
  auto guard(F action) {
    return [weak = weak_from_this(), action = std::move(action)](auto&&... arguments) mutable {
      if (const auto self = weak.lock(); self && !self->over_)
        action(*self, std::forward<decltype(arguments)>(arguments)...);
    };
  }

  AttemptParts parts_;
  UploadJob job_;
  const Aim aim_;
  std::shared_ptr<UploadEvents> events_;
  UniqueFunction<void()> on_over_;
  std::optional<SourceReader> reader_;  // none for a cancellation
  std::shared_ptr<RequestSender> sender_;
  std::shared_ptr<HttpEvents> reply_;  // while the application's reply is fetched
  HttpId reply_id_ = 0;
  Url asked_;             // where the request under way goes
  bool outside_ = false;  // a host on the way answered from a public address
  bool connected_ = false;
  bool remembers_ = false;  // what the place said may be told to other jobs
  bool over_ = false;
  UploadFigures figures_;
  std::uint64_t sent_before_ = 0;  // bytes sent by the requests before the one under way
  std::optional<SteadyTime> told_at_;
};

}  // namespace larder::origin
