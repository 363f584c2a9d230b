#include "agent/verdict/signature_check.h"

#include <algorithm>
#include <vector>

#include "agent/verdict/minisign.h"
#include "base/hash/buffer.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kChunk = 1024 * 1024;
constexpr std::size_t kStep = 16 * kChunk;  // bytes read by one task, so that the disk pool is shared fairly
constexpr Duration kBusyDelay = std::chrono::milliseconds(5);

}  // namespace

struct SignatureChecker::Job {
  Job(MinisignKey key, MinisignSignature signature) : check(key, std::move(signature)) {}

  // Reads one step, on a disk thread. Returns no value while bytes are left.
  std::optional<Status> run() {
    if (position == 0) {
      if (Status status = check.begin(size); !status) return status;
    }
    if (buffer.empty()) buffer.resize(kChunk);
    const std::uint64_t stop = std::min(size, position + kStep);
    while (position < stop) {
      const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, stop - position));
      const std::span<std::byte> room(buffer.data(), length);
      Result<std::size_t> got = content->file().read_at(position, room);
      if (!got) return Status(tl::unexpected<Error>(got.error()));
      if (*got != length) {
        return fail(ErrorCode::content_damaged, "check the minisign signature", "the content ends before its size");
      }
      check.update(room);
      position += length;
    }
    if (position < size) return std::nullopt;
    return check.finish();
  }

  MinisignCheck check;
  std::uint64_t size = 0;
  std::uint64_t position = 0;
  std::vector<std::byte> buffer;
  std::shared_ptr<cache::ContentLease> content;
  Done done;
};

SignatureChecker::SignatureChecker(Runtime runtime, WorkerPool& disk) : runtime_(runtime), disk_(disk) {}
SignatureChecker::~SignatureChecker() = default;

void SignatureChecker::check(const std::string& public_key, const std::string& signature, std::uint64_t size,
                             std::shared_ptr<cache::ContentLease> content, Done done) {
  Result<MinisignKey> key = parse_minisign_key(public_key);
  Result<MinisignSignature> parsed = parse_minisign_signature(signature);
  if (!key || !parsed) {
    Error error = key ? parsed.error() : key.error();
    error.code = ErrorCode::signature_invalid;
    return done(tl::unexpected<Error>(std::move(error)));
  }
  auto job = std::make_shared<Job>(*key, std::move(*parsed));
  job->size = size;
  job->content = std::move(content);
  job->done = std::move(done);
  jobs_.push_back(std::move(job));
  if (jobs_.size() == 1) next();
}

void SignatureChecker::next() {
  if (!jobs_.empty()) step(jobs_.front());
}

void SignatureChecker::step(std::shared_ptr<Job> job) {
  Executor& loop = runtime_.executor;
  auto was_read = alive_.guard([this](const std::shared_ptr<Job>& same, std::optional<Status> result) {
    if (!result) return step(same);
    ended(std::move(*result));
  });
  // The job returns to the loop with its result: its lease must not end on another thread.
  const bool queued = disk_.submit([job, &loop, was_read = std::move(was_read)]() mutable {
    std::optional<Status> result = job->run();
    loop.post([job = std::move(job), result = std::move(result), was_read = std::move(was_read)]() mutable {
      was_read(job, std::move(result));
    });
  });
  if (!queued) runtime_.timers.after(kBusyDelay, alive_.guard([this, job] { step(job); }));
}

void SignatureChecker::ended(Status status) {
  const std::shared_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  next();
  job->done(std::move(status));
}

}  // namespace larder::agent
