#include "origin/upload/uploads.h"

#include <unordered_map>
#include <utility>

#include "base/error_table.h"
#include "origin/upload/exchange/upload_attempt.h"

namespace larder::origin {
namespace {

// A cancellation stores nothing: where its answer is lost it is asked for again.
class CancelEvents final : public UploadEvents {
 public:
  explicit CancelEvents(UniqueFunction<void(bool)> done) : done_(std::move(done)) {}

  void on_connected() override {}
  void on_progress(const UploadFigures&) override {}
  void on_step(const UploadProgress&, UploadDialect, UniqueFunction<void()> stored) override { stored(); }
  void on_done(Result<UploadResult> result) override { done_(result || !error_info(result.error().code).retryable); }

 private:
  UniqueFunction<void(bool)> done_;
};

class UploadsImpl final : public Uploads {
 public:
  UploadsImpl(HttpClient& http, Runtime runtime, WorkerPool& disk, FileSystem& files)
      : parts_{http, runtime, disk, files, memory_} {}
  ~UploadsImpl() override {
    for (auto& [id, attempt] : attempts_) attempt->stop();
  }

  UploadId start(UploadJob job, std::shared_ptr<UploadEvents> events) override {
    return begin(std::move(job), UploadAttempt::Aim::upload, std::move(events));
  }
  void stop(UploadId id) override {
    const auto found = attempts_.find(id);
    if (found == attempts_.end()) return;
    const auto attempt = found->second;
    attempts_.erase(found);
    attempt->stop();
  }
  void set_rate(UploadId id, std::uint64_t bytes_per_second) override {
    const auto found = attempts_.find(id);
    if (found != attempts_.end()) found->second->set_rate(bytes_per_second);
  }
  void cancel(UploadJob job, UniqueFunction<void(bool)> done) override {
    begin(std::move(job), UploadAttempt::Aim::cancel, std::make_shared<CancelEvents>(std::move(done)));
  }

 private:
  UploadId begin(UploadJob job, UploadAttempt::Aim aim, std::shared_ptr<UploadEvents> events) {
    const UploadId id = ++last_id_;
    auto attempt = std::make_shared<UploadAttempt>(parts_, std::move(job), aim, std::move(events),
                                                   alive_.guard([this, id] { attempts_.erase(id); }));
    attempts_.emplace(id, attempt);
    attempt->start();
    return id;
  }

  DiscoveryMemory memory_;
  AttemptParts parts_;
  std::unordered_map<UploadId, std::shared_ptr<UploadAttempt>> attempts_;
  UploadId last_id_ = 0;
  Alive alive_;
};

}  // namespace

std::unique_ptr<Uploads> make_uploads(HttpClient& http, Runtime runtime, WorkerPool& disk, FileSystem& files) {
  return std::make_unique<UploadsImpl>(http, runtime, disk, files);
}

}  // namespace larder::origin
