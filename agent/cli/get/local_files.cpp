#include "agent/cli/get/local_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "agent/cli/get/check_command.h"
#include "agent/cli/place/destination.h"
#include "agent/cli/place/streamed_content.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

std::string file_target(const JobFollower& follower, unsigned index, const char* what) {
  return fmt::format("/v1/jobs/{}/files/{}/{}", follower.job().id, index, what);
}

}  // namespace

LocalFiles::LocalFiles(const GetPlan& plan)
    : plan_(plan), key_(plan_key(plan)), locals_(plan.request.files.size()), written_(plan.request.files.size()) {}

const std::string& LocalFiles::destination(unsigned index) const {
  const std::string& named = locals_[index].named;
  return named.empty() ? plan_.request.files[index].destination : named;
}

bool LocalFiles::is_stream(unsigned index) const {
  const FileRequest& file = plan_.request.files[index];
  return locals_[index].named.empty() && (file.stream || file.destination == kStandardOutput);
}

// Takes the first name only, since the staged file lies beside it. Files of one name get numbers, as those of one URL
// do.
void LocalFiles::take_name(const FileView& file) {
  Local& local = locals_[file.index];
  const bool wanted = plan_.request.files[file.index].remote_name && local.named.empty() && !file.file_name.empty();
  if (!wanted || local.phase != Phase::waiting || local.staged) return;
  const auto taken = [this, &local](const std::string& path) {
    return std::any_of(locals_.begin(), locals_.end(),
                       [&](const Local& other) { return &other != &local && other.named == path; });
  };
  const std::string beside = directory_of(plan_.request.files[file.index].destination);
  const std::string path = (beside == "/" ? "" : beside) + "/" + safe_name(file.file_name);
  std::string named = path;
  for (unsigned number = 1; taken(named); ++number) named = fmt::format("{}.{}", path, number);
  local.named = named;
  struct stat there {};
  if (plan_.overwrite || ::lstat(named.c_str(), &there) != 0) return;
  refused_ = Error{ErrorCode::already_exists, "write " + named,
                   "the origin named the file so, and there is something of that name; move it away, name a place with "
                   "-o, or give --overwrite"};
}

void LocalFiles::observe(const FileView& file) {
  if (file.index >= locals_.size()) return;
  Local& local = locals_[file.index];
  if (local.phase == Phase::published || local.phase == Phase::publishing) return;
  take_name(file);
  FileView seen = file;
  if (file.state == "transferred" || file.state == "validating") seen.contiguous = file.size.value_or(file.contiguous);
  const bool other = local.plan.observe(seen);
  if (local.phase == Phase::staged && local.staged_content != file.content) {
    // Judged bad and fetched again: the staged content is outdated.
    ready_.erase(std::remove(ready_.begin(), ready_.end(), file.index), ready_.end());
    local.queued = false;
    local.phase = Phase::waiting;
    local.staged.reset();
  } else if (other && local.phase == Phase::waiting) {
    local.staged.reset();
  }
  if (other) local.partial.reset();
  if (file.state == "transferred" && !local.queued) {
    finished_.insert(file.index);
  } else if (file.state != "transferred") {
    finished_.erase(file.index);
  }
}

bool LocalFiles::needs_check(const FileView& file) const {
  return !plan_.check_command.empty() && file.state == "validating" && file.verdict.empty() &&
         locals_[file.index].checked_content != file.content;
}

Result<bool> LocalFiles::step(Client& client, const JobFollower& follower, SteadyTime now) {
  if (auto staged = stage_ready(client, follower, now); !staged || *staged) return staged;
  if (auto checked = check_one(client, follower); !checked || *checked) return checked;
  if (publishing_ && publishing_->outcome.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    if (auto ended = end_publishing(); !ended) return tl::unexpected(ended.error());
    return true;
  }
  const bool due = ready_.size() >= kPublishBatch || (!ready_.empty() && now - ready_since_ >= kPublishAfter);
  if (due && !publishing_) {
    start_publishing();
    return true;
  }
  return copy_early(client, follower);
}

Status LocalFiles::finish(Client& client, const JobFollower& follower, SteadyTime now) {
  for (const FileView& file : follower.job().files) observe(file);
  for (;;) {
    const auto staged = stage_ready(client, follower, now);
    if (staged && *staged) continue;
    // Complete files are published even if another one failed.
    if (auto ended = end_publishing(); !ended) return ended;
    if (auto all = publish_staged(); !all) return all;
    return staged ? Status{} : tl::unexpected(staged.error());
  }
}

void LocalFiles::queue(unsigned index, SteadyTime now) {
  if (locals_[index].queued) return;
  locals_[index].queued = true;
  if (ready_.empty()) ready_since_ = now;
  ready_.push_back(index);
}

// --- early copies ---------------------------------------------------------------------------------------------------

Result<bool> LocalFiles::copy_early(Client& client, const JobFollower& follower) {
  std::size_t active = 0;
  for (Local& local : locals_) {
    if (local.phase != Phase::waiting || !local.plan.wants_descriptor()) continue;
    if (++active > kEarlyCopies) break;
    const auto index = static_cast<unsigned>(&local - locals_.data());
    const FileView* file = follower.file(index);
    if (file == nullptr || is_stream(index)) continue;
    if (!local.partial && !start_early(client, *file, local)) continue;
    const auto piece = local.plan.next();
    if (!piece) continue;
    if (!local.staged->copy(local.partial.get(), *piece)) {
      // The error (most often no room) occurs again at the hand-over, and is reported then.
      local.plan.give_up();
      local.partial.reset();
      local.staged.reset();
      continue;
    }
    local.plan.copied(*piece);
    return true;
  }
  return false;
}

// Returns false if the copy is impossible or unnecessary, which is not an error.
bool LocalFiles::start_early(Client& client, const FileView& file, Local& local) {
  auto answer = client.call("POST", fmt::format("/v1/jobs/{}/files/{}/descriptor?partial=1", job_id_, file.index));
  const bool refused = !answer || answer->descriptors.size() != 1;
  if (refused) {
    // The file may have been restarted: its next event gives another chance.
    if (answer || answer.error().code != ErrorCode::invalid_state) local.plan.give_up();
    return false;
  }
  if (!local.staged) {
    auto staged = stage_beside(file.index);
    if (!staged || staged->reflink(answer->descriptors.front().get())) {
      local.plan.give_up();  // a reflink at the end takes no time
      return false;
    }
    local.staged.emplace(std::move(*staged));
    local.staged_content = file.content;
  }
  local.partial = std::move(answer->descriptors.front());
  return true;
}

// --- staging --------------------------------------------------------------------------------------------------------

Result<bool> LocalFiles::stage_ready(Client& client, const JobFollower& follower, SteadyTime now) {
  std::vector<const FileView*> small;
  for (auto next = finished_.begin(); next != finished_.end() && small.size() < kBatch;) {
    const unsigned index = *next;
    const FileView* file = follower.file(index);
    const Local& local = locals_[index];
    if (local.phase == Phase::staged) queue(index, now);  // staged for the check
    if (file == nullptr || file->state != "transferred" || local.phase != Phase::waiting) {
      next = finished_.erase(next);
      continue;
    }
    if (!local.staged && file->size && *file->size <= kSmallFile) {
      small.push_back(file);
      ++next;
      continue;
    }
    if (auto staged = stage_one(client, *file); !staged) return tl::unexpected(staged.error());
    finished_.erase(index);
    queue(index, now);
    return true;
  }
  if (small.empty()) return false;
  if (small_since_ == SteadyTime{}) small_since_ = now;
  const bool due = small.size() == kBatch || has_ended(follower.job().state) || now - small_since_ >= kBatchAfter;
  if (!due) return false;
  small_since_ = {};
  if (auto staged = stage_batch(client, small); !staged) return tl::unexpected(staged.error());
  for (const FileView* file : small) {
    finished_.erase(file->index);
    queue(file->index, now);
  }
  return true;
}

Status LocalFiles::stage_batch(Client& client, const std::vector<const FileView*>& files) {
  if (files.size() == 1) return stage_one(client, *files.front());
  std::vector<unsigned> indices;
  indices.reserve(files.size());
  for (const FileView* file : files) indices.push_back(file->index);
  auto answer = client.call("POST", fmt::format("/v1/jobs/{}/descriptors", job_id_), indices_body(indices));
  if (!answer && stream_goes_round(answer.error())) {
    for (const FileView* file : files) {
      if (auto staged = stage_streamed(client, *file); !staged) return staged;
    }
    return {};
  }
  if (!answer) return tl::unexpected(answer.error());
  const auto facts = parse_descriptors(answer->body);
  if (!facts) return tl::unexpected(facts.error());
  if (facts->size() != files.size() || answer->descriptors.size() != files.size())
    return fail(ErrorCode::agent_answer_invalid, "receive files from the agent",
                fmt::format("it sent {} of {}", answer->descriptors.size(), files.size()));
  for (std::size_t i = 0; i < files.size(); ++i) {
    if ((*facts)[i].index != files[i]->index)
      return fail(ErrorCode::agent_answer_invalid, "receive files from the agent", "it sent them in another order");
    if (auto staged = stage(*files[i], answer->descriptors[i].get(), (*facts)[i]); !staged) return staged;
  }
  return {};
}

void LocalFiles::take_content(const FileView& file, UniqueFd content) {
  if (file.index >= locals_.size()) return;
  locals_[file.index].given = std::move(content);
  locals_[file.index].given_content = file.content;
}

Status LocalFiles::stage_one(Client& client, const FileView& file) {
  const UniqueFd given = std::exchange(locals_[file.index].given, UniqueFd());
  if (given && locals_[file.index].given_content == file.content)
    return stage(file, given.get(), {file.index, file.size, file.contiguous, file.last_modified});
  auto answer = client.call("POST", fmt::format("/v1/jobs/{}/files/{}/descriptor", job_id_, file.index));
  if (!answer && stream_goes_round(answer.error())) return stage_streamed(client, file);
  if (!answer) return tl::unexpected(answer.error());
  const auto facts = parse_descriptor(answer->body);
  if (!facts) return tl::unexpected(facts.error());
  if (answer->descriptors.size() != 1)
    return fail(ErrorCode::agent_answer_invalid, "receive a file from the agent", "it sent none");
  return stage(file, answer->descriptors.front().get(), *facts);
}

Status LocalFiles::stage_streamed(Client& client, const FileView& file) {
  const std::uint64_t size = file.size.value_or(0);
  const DescriptorView facts{file.index, file.size, file.contiguous, file.last_modified};
  if (is_stream(file.index)) {
    const auto spooled = spool_content(client, job_id_, file.index, size);
    return spooled ? stage(file, spooled->get(), facts) : tl::unexpected(spooled.error());
  }
  // Received directly into the staged file: an early copy is dropped.
  Local& local = locals_[file.index];
  local.staged.reset();
  local.plan.give_up();
  auto staged = stage_beside(file.index);
  if (!staged) return tl::unexpected(staged.error());
  auto received = receive_content(client, job_id_, file.index, size, staged->descriptor(), 0, destination(file.index));
  if (!received) return received;
  local.staged.emplace(std::move(*staged));
  return staged_whole(file, facts);
}

Result<StagedFile> LocalFiles::stage_beside(unsigned index) {
  const std::string& where = destination(index);
  auto place = places_.find_place(where);
  if (!place) return tl::unexpected(place.error());
  auto staged = StagedFile::create(std::move(*place), where, key_);
  if (staged && !locals_[index].named.empty() && !plan_.overwrite) staged->keep_what_is_there();
  return staged;
}

Status LocalFiles::stage(const FileView& file, int from, const DescriptorView& facts) {
  Local& local = locals_[file.index];
  const std::string& where = destination(file.index);
  const auto size = facts.size ? facts.size : file.size;
  if (!size)
    return fail(ErrorCode::agent_answer_invalid, "receive a file from the agent", "it did not say how long it is");
  if (is_stream(file.index)) {
    if (auto written = write_through(file, from, *size); !written) return written;
    local.phase = Phase::published;
    written_[file.index] = where;
    return {};
  }
  const std::uint64_t done = local.staged && local.staged_content == file.content ? local.plan.done() : 0;
  if (local.staged && done == 0) local.staged.reset();
  if (!local.staged) {
    auto staged = stage_beside(file.index);
    if (!staged) return tl::unexpected(staged.error());
    local.staged.emplace(std::move(*staged));
  }
  const bool by_reference = done == 0 && *size > kSmallFile && local.staged->reflink(from);
  if (!by_reference) {
    if (auto filled = local.staged->fill(from, *size, done); !filled) {
      local.staged.reset();
      return filled;
    }
  }
  return staged_whole(file, facts);
}

Status LocalFiles::staged_whole(const FileView& file, const DescriptorView& facts) {
  Local& local = locals_[file.index];
  local.staged->set_modified(facts.last_modified);
  const bool may_stay_open = locals_.size() <= kKeptOpen;
  if (!may_stay_open && facts.size.value_or(file.size.value_or(0)) <= kSmallFile) local.staged->close();
  local.partial.reset();
  local.staged_content = file.content;
  local.phase = Phase::staged;
  return {};
}

Result<UniqueFd> LocalFiles::open_when_read(const Place& place, const std::string& destination) {
  for (;;) {
    bool nobody_reads = false;
    auto opened = open_place(place, destination, nobody_reads);
    if (opened || !nobody_reads) return opened;
    if (!wait_(-1)) return opened;
  }
}

Status LocalFiles::write_through(const FileView& file, int from, std::uint64_t size) {
  const std::string& destination = plan_.request.files[file.index].destination;
  auto place = places_.find_place(destination);
  if (!place) return tl::unexpected(place.error());
  const bool standard_output = place->kind == PlaceKind::standard_output;
  const std::string where = standard_output ? "standard output" : destination;
  UniqueFd opened;
  int to = place->descriptor;
  if (to < 0) {
    if (place->kind == PlaceKind::file)
      // The place was judged as written in place, because nothing could be created beside it.
      place->kind = PlaceKind::in_place;
    auto out = open_when_read(*place, destination);
    if (!out) return tl::unexpected(out.error());
    opened = std::move(*out);
    to = opened.get();
  }
  const auto end = write_stream(from, to, size, wait_, where, file.url);
  if (!end) return tl::unexpected(end.error());
  if (*end == StreamEnd::written) {
    if (place->kind != PlaceKind::in_place) return {};
    notes_.push_back(fmt::format("{} could not be replaced at once and was written in place", destination));
    if (::fdatasync(to) == 0 || errno == EINVAL) return {};
    return fail(ErrorCode::disk_error, "write " + destination, std::strerror(errno));
  }
  reader_gone_ = *end == StreamEnd::reader_gone;
  return fail(ErrorCode::cancelled, "write to " + where, reader_gone_ ? "its reader has gone" : "interrupted");
}

// --- the user's check -----------------------------------------------------------------------------------------------

Result<bool> LocalFiles::check_one(Client& client, const JobFollower& follower) {
  for (const FileView& file : follower.job().files) {
    if (file.index >= locals_.size() || !needs_check(file)) continue;
    Local& local = locals_[file.index];
    if (local.phase == Phase::waiting)
      if (auto staged = stage_one(client, file); !staged) return tl::unexpected(staged.error());
    if (local.phase == Phase::published)
      return fail(ErrorCode::invalid_argument, "check what goes to standard output", "give a file with -o");
    const auto valid = run_check(plan_.check_command, local.staged->path(), local.staged->destination(), file.url);
    if (!valid) return tl::unexpected(valid.error());
    const std::string reason = *valid ? "" : "the check said no: " + plan_.check_command;
    auto answer = client.call("POST", file_target(follower, file.index, "verdict"), verdict_body(*valid, reason));
    if (!answer) return tl::unexpected(answer.error());
    local.checked_content = file.content;
    if (!*valid) {
      local.staged.reset();
      local.phase = Phase::waiting;
    }
    return true;
  }
  return false;
}

// --- publication ----------------------------------------------------------------------------------------------------

void LocalFiles::take_ready(Publishing& batch) {
  ready_since_ = {};
  for (const unsigned index : ready_) {
    Local& local = locals_[index];
    local.queued = false;
    if (local.phase != Phase::staged || !local.staged) continue;
    batch.files.push_back(std::move(*local.staged));
    local.staged.reset();
    local.phase = Phase::publishing;
    batch.indices.push_back(index);
  }
  ready_.clear();
}

void LocalFiles::start_publishing() {
  publishing_ = std::make_unique<Publishing>();
  take_ready(*publishing_);
  const auto work = [batch = publishing_.get()] { return publish(batch->files); };
  try {
    publishing_->outcome = std::async(std::launch::async, work);
  } catch (const std::system_error&) {  // no thread to be had
    publishing_->outcome = std::async(std::launch::deferred, work);
    publishing_->outcome.wait();
  }
}

Status LocalFiles::end_publishing() {
  if (!publishing_) return {};
  Status outcome = publishing_->outcome.get();
  const auto batch = std::move(publishing_);
  return published(*batch, std::move(outcome));
}

Status LocalFiles::publish_staged() {
  Publishing batch;
  take_ready(batch);
  Status outcome = publish(batch.files);
  return published(batch, std::move(outcome));
}

Status LocalFiles::published(const Publishing& batch, Status outcome) {
  for (std::size_t i = 0; i < batch.indices.size(); ++i) {
    const unsigned index = batch.indices[i];
    const bool in_place = batch.files[i].path().empty();
    locals_[index].phase = in_place ? Phase::published : Phase::waiting;
    if (!in_place) finished_.insert(index);
    if (!in_place) continue;
    written_[index] = batch.files[i].destination();
    if (!batch.files[i].note().empty()) notes_.push_back(batch.files[i].destination() + ": " + batch.files[i].note());
  }
  return outcome;
}

}  // namespace larder::agent
