#include "agent/cli/get/windowed_get.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "agent/cli/place/destination.h"
#include "agent/cli/place/streamed_content.h"
#include "base/hash/digest.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

void add(FiguresView& sum, const FiguresView& more) {
  sum.origin += more.origin;
  sum.peers += more.peers;
  sum.cache += more.cache;
  sum.wasted += more.wasted;
}

// A job that must not remain, however the download ends.
class OwnedJob {
 public:
  OwnedJob(Client& client, std::string id) : client_(client), id_(std::move(id)) {}
  OwnedJob(const OwnedJob&) = delete;
  OwnedJob& operator=(const OwnedJob&) = delete;
  ~OwnedJob() {
    if (!id_.empty()) (void)client_.call("POST", "/v1/jobs/" + id_ + "/cancel");
  }
  Status complete() {
    auto answer = client_.call("POST", "/v1/jobs/" + id_ + "/complete");
    if (!answer) return tl::unexpected(answer.error());
    id_.clear();
    return {};
  }

 private:
  Client& client_;
  std::string id_;
};

}  // namespace

bool can_use_windows(const GetPlan& plan, const JobView& job, const FileView& file) {
  const JobRequest& request = plan.request;
  const bool full = job.state == "transient_error" && job.error && job.error->code == ErrorCode::disk_full;
  const bool tied = file.size && *file.size > 0 && !(file.etag.empty() && file.last_modified.empty());
  const bool judged = request.app_verdict || !request.hook.empty() || !request.minisign_public_key.empty();
  return full && tied && !judged && request.files.size() == 1 && request.files.front().ranges.empty() &&
         request.files.front().destination != kStandardOutput && !request.files.front().stream &&
         !request.files.front().remote_name;
}

std::optional<std::uint64_t> window_size(std::uint64_t available) {
  const std::uint64_t size = available / 3 / kMiB * kMiB;
  if (size < kMinWindow) return std::nullopt;
  return std::min(size, kMaxWindow);
}

Result<std::optional<FileView>> WindowedGet::get_windows(const FileView& known, std::uint64_t window) {
  file_ = known;
  file_.figures = {0, 0, 0, known.figures.wasted};
  const std::string& destination = plan_.request.files.front().destination;
  for (file_.restarts = 0; file_.restarts <= kMaxRestarts; ++file_.restarts) {
    auto staged = StagedFile::create(destination, plan_key(plan_));
    if (!staged) return tl::unexpected(staged.error());
    file_.bytes = 0;
    const auto step = all(*staged, window);
    if (!step) return tl::unexpected(step.error());
    if (*step == Step::interrupted) return std::optional<FileView>();
    if (*step == Step::other_edition) {
      const FiguresView& so_far = file_.figures;
      file_.figures = {0, 0, 0, so_far.wasted + so_far.origin + so_far.peers + so_far.cache};
      continue;
    }
    if (auto checked = check_digest(*staged); !checked) return tl::unexpected(checked.error());
    staged->set_modified(file_.last_modified);
    std::vector<StagedFile> files;
    files.push_back(std::move(*staged));
    if (auto published = publish(files); !published) return tl::unexpected(published.error());
    file_.state = "transferred";
    file_.error.reset();
    file_.note = "got in pieces: the agent had no room for the whole";
    if (!files.front().note().empty()) file_.note += "; " + files.front().note();
    return std::optional<FileView>(file_);
  }
  return fail(ErrorCode::version_changed, "get " + file_.url,
              fmt::format("the origin's edition changed {} times", kMaxRestarts + 1));
}

Result<WindowedGet::Step> WindowedGet::all(StagedFile& staged, std::uint64_t window) {
  for (std::uint64_t offset = 0; offset < *file_.size; offset += window) {
    auto step = one(staged, {offset, std::min(window, *file_.size - offset)});
    if (!step || *step != Step::done) return step;
  }
  return Step::done;
}

Result<WindowedGet::Step> WindowedGet::one(StagedFile& staged, const ByteRange& range) {
  JobRequest request = plan_.request;
  request.name += fmt::format(" bytes {}-{}", range.offset, range.end() - 1);
  request.store = false;
  request.files.front().ranges = {range};
  request.files.front().sha256.clear();  // it is of the whole file
  auto made = client_.call("POST", "/v1/jobs", job_body(request));
  if (!made) return tl::unexpected(made.error());
  const auto job = parse_job(made->body);
  if (!job) return tl::unexpected(job.error());
  OwnedJob owned(client_, job->id);
  JobFollower follower(client_, job->id);
  if (auto opened = follower.open(); !opened) return tl::unexpected(opened.error());
  while (!has_ended(follower.job().state)) {
    const auto interrupted = wait_(follower, file_);
    if (!interrupted) return tl::unexpected(interrupted.error());
    if (*interrupted) return Step::interrupted;
  }
  if (auto read = follower.refresh(); !read) return tl::unexpected(read.error());
  if (follower.job().state != "transferred" || follower.job().files.empty())
    return tl::unexpected(follower.job().error.value_or(
        Error{ErrorCode::cancelled, "get " + file_.url, "its job was ended (" + follower.job().state + ")"}));
  auto step = take_window(staged, follower, range);
  if (!step || *step != Step::done) return step;
  if (auto completed = owned.complete(); !completed) return tl::unexpected(completed.error());
  return Step::done;
}

Result<WindowedGet::Step> WindowedGet::take_window(StagedFile& staged, const JobFollower& follower,
                                                   const ByteRange& range) {
  const FileView& got = follower.job().files.front();
  add(file_.figures, got.figures);
  if (got.etag != file_.etag || got.last_modified != file_.last_modified || got.size != range.length) {
    file_.etag = got.etag;  // the next attempt expects this edition
    file_.last_modified = got.last_modified;
    return Step::other_edition;
  }
  auto answer = client_.call("POST", fmt::format("/v1/jobs/{}/files/0/descriptor", follower.job().id));
  if (!answer && stream_goes_round(answer.error())) {
    auto received =
        receive_content(client_, follower.job().id, 0, range.length, staged.descriptor(), range.offset, staged.path());
    if (!received) return tl::unexpected(received.error());
    file_.bytes += range.length;
    return Step::done;
  }
  if (!answer) return tl::unexpected(answer.error());
  if (answer->descriptors.size() != 1)
    return fail(ErrorCode::agent_answer_invalid, "receive a file from the agent", "it sent none");
  if (auto copied = staged.place(answer->descriptors.front().get(), range); !copied)
    return tl::unexpected(copied.error());
  file_.bytes += range.length;
  return Step::done;
}

Status WindowedGet::check_digest(const StagedFile& staged) const {
  const std::string& wanted = plan_.request.files.front().sha256;
  if (wanted.empty()) return {};
  crypto_hash_sha256_state sha256;  // slower than the agent's, but loading that library would slow down each command
  crypto_hash_sha256_init(&sha256);
  std::vector<std::byte> buffer(256 * kKiB);
  for (std::uint64_t offset = 0; offset < *file_.size;) {
    const ssize_t size = ::pread(staged.descriptor(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (size <= 0) return fail(ErrorCode::disk_error, "read " + staged.path(), std::strerror(errno));
    crypto_hash_sha256_update(&sha256, reinterpret_cast<const unsigned char*>(buffer.data()),
                              static_cast<unsigned long long>(size));
    offset += static_cast<std::uint64_t>(size);
  }
  Digest actual;
  crypto_hash_sha256_final(&sha256, reinterpret_cast<unsigned char*>(actual.data()));
  if (digest_from_hex(wanted) == actual) return {};
  return fail(ErrorCode::digest_mismatch, "get " + file_.url,
              fmt::format("its SHA-256 is {}, not {}", to_hex(actual), wanted));
}

}  // namespace larder::agent
