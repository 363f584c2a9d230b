// Uploads of files, one after the other request: carries out the steps that the rules (upload.h, discovery.h) name.
// Thread: loop thread only; events come on the loop thread, and none within start(). An event may stop any upload or
// destroy the Uploads. After stop() or the destruction no event follows.
//
// An attempt ends with an answer that settles it, or with an error. An error that may pass (is_retryable()) ends the
// attempt too, with `retry_after`: whoever asked starts again later from the progress that was stored last.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/hash/digest.h"
#include "base/io/file_system.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "base/unique_function.h"
#include "origin/http/http_client.h"
#include "origin/upload/discovery.h"
#include "origin/upload/source_identity.h"
#include "origin/upload/upload_dialect.h"

namespace larder::origin {

// Bytes of one file to be uploaded. Held by its reader and by requests under way; ended by the last of them.
class UploadSource {
 public:
  virtual ~UploadSource() = default;
  // Any thread, several at once. Fills `into`, and returns how many bytes: fewer only at the end of the file. Blocks on
  // the disk alone. Error: disk_error.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const = 0;
  // What the file is now; any thread.
  [[nodiscard]] virtual Result<SourceIdentity> identity() const = 0;
};

struct UploadJob {
  UploadPlan plan;  // dialect and tus facts are filled in by discovery
  ProtocolWish wish = ProtocolWish::any;
  UploadProgress progress;  // as stored last; that of a new upload: UploadProgress{}
  std::shared_ptr<const UploadSource> source;
  SourceIdentity identity;  // of the source when the job was made
  std::string source_name;  // for error texts
  std::shared_ptr<const ConnectOptions> options;
  std::shared_ptr<const Claim> claim;
  std::shared_ptr<const Lane> lane;
  std::uint64_t max_rate = 0;  // bytes/s sent, 0 = unlimited
  std::string reply_file;      // BITS upload-reply: where the reply goes (written new, 0600, synced); empty: nowhere
};

struct UploadFigures {
  std::uint64_t acknowledged = 0;  // bytes of the source that the server said it has
  std::uint64_t under_way = 0;     // bytes of the part under way that were given to the connection
  std::uint64_t sent = 0;          // in all attempts; sent - size is waste, once done
  bool sent_all = false;           // the last byte is out, and the server has not settled the upload yet
};

class UploadEvents {
 public:
  virtual ~UploadEvents() = default;
  virtual void on_connected() = 0;  // at most once: the first answer
  virtual void on_progress(
      const UploadFigures& now) = 0;  // at most every 100 ms while bytes go out, and at each answer
  // `progress` is to be made durable; the next request waits for `stored`, which may be called from within. Never
  // called if the attempt was stopped meanwhile.
  virtual void on_step(const UploadProgress& progress, UploadDialect dialect, UniqueFunction<void()> stored) = 0;
  // The attempt's end, once, last. Errors, besides those of the rules: source_changed, disk_error of the source.
  virtual void on_done(Result<UploadResult> result) = 0;
};

using UploadId = std::uint64_t;

class Uploads {
 public:
  virtual ~Uploads() = default;
  virtual UploadId start(UploadJob job, std::shared_ptr<UploadEvents> events) = 0;
  virtual void stop(UploadId id) = 0;  // the request under way is cut; no event follows
  virtual void set_rate(UploadId id, std::uint64_t bytes_per_second) = 0;
  // Asks the server once to forget the upload (tus DELETE, BITS Cancel-Session). `job.source` may be null. Calls `done`
  // with true if nothing is left to ask, with false if it may be asked again later; not at all if the Uploads are
  // destroyed before.
  virtual void cancel(UploadJob job, UniqueFunction<void(bool nothing_left)> done) = 0;
};

// `disk` reads and hashes; `files` takes the replies. All referents must outlive the result.
[[nodiscard]] std::unique_ptr<Uploads> make_uploads(HttpClient& http, Runtime runtime, WorkerPool& disk,
                                                    FileSystem& files);

}  // namespace larder::origin
