#include "agent/cli/get/get_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "agent/cli/get/environment_trust.h"
#include "agent/cli/get/patience.h"
#include "agent/cli/get/single_run.h"
#include "agent/cli/get/windowed_get.h"
#include "agent/cli/place/destination.h"
#include "base/error_table.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

constexpr std::chrono::minutes kAgentPatience{2};  // maximum wait for an agent that disappeared
constexpr std::chrono::milliseconds kLookAgain{200};
// A job that ends within this time is reported in the answer to its creation.
constexpr std::chrono::milliseconds kQuickEnd{30};

// Returns true if the connection is gone, as opposed to a refusal.
bool agent_went_away(const Error& error) {
  return error.code == ErrorCode::agent_unreachable;
}

Error with_advice(Error error, const std::string& advice) {
  error.detail += advice;
  return error;
}

}  // namespace

GetSession::GetSession(GetPlan plan, AgentAccess& agent)
    : plan_(std::move(plan)), agent_(agent), terminal_(plan_.quiet), started_(now()) {
  files_ = std::make_unique<LocalFiles>(plan_);
  files_->set_wait([this](int fd) { return wait_for_room(fd); });
}

int GetSession::get_files() {
  for (const std::string& note : plan_.request.notes) terminal_.line("note: " + printable(note));
  const auto alone = acquire_single_run(plan_key(plan_));
  if (!alone)
    return report(Error{ErrorCode::busy, "get the same files to the same places",
                        "another `larder get` is doing just that; wait for it or stop it"});
  for (;;) {
    const auto step = attempt();
    if (step && *step == Step::interrupted) return interrupted();
    if (step) return conclude();
    if (files_->reader_gone()) return end_unread();
    if (signal_ == 0) signal_ = interrupts_.take_signal();
    if (signal_ != 0) return interrupted();
    // If no agent was there at all, waiting is useless.
    if (!agent_went_away(step.error()) || !had_agent_) {
      failure_ = step.error();
      return conclude();
    }
    const auto again = wait_for_agent(step.error());
    if (!again) {
      failure_ = again.error();
      return conclude();
    }
    if (*again) return interrupted();
  }
}

Result<GetSession::Step> GetSession::attempt() {
  auto client = agent_.client();
  if (!client) return tl::unexpected(client.error());
  had_agent_ = had_agent_ || (*client)->reach();
  const bool had_one = !job_id_.empty();
  if (auto obtained = obtain_job(); !obtained) return tl::unexpected(obtained.error());
  follower_.emplace(**client, job_id_);
  auto made = std::exchange(made_, std::nullopt);
  const auto opened = made ? follower_->open_new(made->job, made->event) : follower_->open(is_brief());
  if (!opened) {
    if (!had_one || opened.error().code != ErrorCode::not_found) return tl::unexpected(opened.error());
    job_id_.clear();  // the agent returned without its state: start anew
    return attempt();
  }
  waiting_said_ = false;
  files_->set_job(job_id_);
  if (made && made->content && !follower_->job().files.empty())
    files_->take_content(follower_->job().files.front(), std::move(made->content));
  for (const FileView& file : follower_->job().files) files_->observe(file);
  return follow();
}

// Events with little of each file are enough for many files, unless the origin names them.
bool GetSession::is_brief() const {
  const auto& files = plan_.request.files;
  return files.size() > JobFollower::kFewFiles &&
         std::none_of(files.begin(), files.end(), [](const FileRequest& file) { return file.remote_name; });
}

// Creates the job. This one answer hands over what the cache has; a job that takes longer is followed.
Result<Answer> GetSession::create_job(bool once) {
  // With a check of the user's own, the job does not end by itself.
  const bool quick = plan_.request.files.size() <= JobFollower::kFewFiles && !plan_.request.app_verdict;
  const std::string query =
      (quick ? fmt::format("descriptor=1&wait_ms={}", kQuickEnd.count()) : std::string("files=0")) +
      (once ? "&once=1" : "");
  return (**agent_.client()).call("POST", "/v1/jobs?" + query, job_body(plan_.request));
}

Status GetSession::obtain_job() {
  if (!job_id_.empty()) return {};
  auto answer = create_job(true);
  if (!answer) return tl::unexpected(answer.error());
  auto job = parse_job(answer->body);
  if (!job) return tl::unexpected(job.error());
  std::string replaced;
  if (answer->status == 200) {  // the job of an earlier run
    const bool same = is_job_of(plan_, *job);
    if (same && worth_going_on(*job)) {
      job_id_ = job->id;
      return resume_if_needed(*job);
    }
    if (same) replaced = job->id;
    answer = create_job(false);
    if (!answer) return tl::unexpected(answer.error());
    job = parse_job(answer->body);
    if (!job) return tl::unexpected(job.error());
  }
  job_id_ = job->id;
  if (job->files.empty()) *job = as_made(std::move(*job));
  UniqueFd content;
  if (answer->descriptors.size() == 1) content = std::move(answer->descriptors.front());
  const bool follows_anew = job->files.size() > JobFollower::kFewFiles && !is_brief();
  if (const std::string* event = answer->head.find_field("larder-event"); event != nullptr && !follows_anew)
    made_ = Made{std::move(*job), *event, std::move(content)};
  // Only now, so that the new job finds what the old one fetched.
  if (!replaced.empty()) (void)(**agent_.client()).call("POST", "/v1/jobs/" + replaced + "/cancel");
  return {};
}

// Completes an answer without files by the files of the request.
JobView GetSession::as_made(JobView job) const {
  for (const FileRequest& file : plan_.request.files) {
    FileView& view = job.files.emplace_back();
    view.index = static_cast<unsigned>(job.files.size() - 1);
    view.url = without_user_info(file.url);
    view.destination = file.destination;
    view.state = "waiting";
  }
  return job;
}

Status GetSession::resume_if_needed(const JobView& job) {
  Client& client = **agent_.client();
  const std::string target = "/v1/jobs/" + job.id;
  if (job.state == "suspended" || job.state == "error" || job.state == "transient_error") {
    terminal_.line(fmt::format("going on with job {} ({}, {} so far)", job.id, job.state, format_bytes(job.bytes)));
    if (auto answer = client.call("POST", target + "/resume"); !answer) return tl::unexpected(answer.error());
  }
  // Rate and urgency of this run replace those of the earlier one.
  JobChangeRequest change;
  change.priority = plan_.request.priority;
  change.max_rate = plan_.request.max_rate;
  change.no_progress_timeout = plan_.request.no_progress_timeout;
  if (job.state == "transferred") return {};
  auto changed = client.call("PATCH", target, change_body(change));
  if (!changed && changed.error().code != ErrorCode::invalid_state) return tl::unexpected(changed.error());
  return {};
}

Result<GetSession::Step> GetSession::follow() {
  for (;;) {
    if (files_->refused()) return refuse_name();
    if (has_ended(follower_->job().state)) {
      if (auto finished = finish(); !finished) return tl::unexpected(finished.error());
      return Step::ended;
    }
    if (const auto by_windows = try_windows(); !by_windows || *by_windows)
      return by_windows ? Result<Step>(**by_windows) : tl::unexpected(by_windows.error());
    if (auto ended = end_if_hopeless(); !ended) return tl::unexpected(ended.error());
    const auto worked = work();
    if (!worked) return tl::unexpected(worked.error());
    const auto interrupted = wait(*worked);
    if (!interrupted) return tl::unexpected(interrupted.error());
    if (*interrupted) return Step::interrupted;
    show(follower_->job());
  }
}

// Tells a hopeless job to try no longer: it then fails as after its time without progress.
Status GetSession::end_if_hopeless() {
  const JobView& job = follower_->job();
  const bool news = job.state == "transient_error" && job.error_count != errors_seen_;
  if (!news || plan_.retry_for_given || hopeless_) return {};
  errors_seen_ = job.error_count;
  if (auto read = follower_->refresh(); !read) return read;
  if (!is_hopeless(follower_->job(), plan_.request.offline_ok)) return {};
  hopeless_ = true;
  JobChangeRequest change;
  change.no_progress_timeout = Duration::zero();
  const auto changed = (**agent_.client()).call("PATCH", "/v1/jobs/" + job_id_, change_body(change));
  if (!changed && changed.error().code != ErrorCode::invalid_state) return tl::unexpected(changed.error());
  return {};
}

// Usually before bytes are fetched: these are not worth keeping a job for.
Result<GetSession::Step> GetSession::refuse_name() {
  final_ = follower_->job();
  failure_ = files_->refused();
  if (auto cancelled = (**agent_.client()).call("POST", "/v1/jobs/" + job_id_ + "/cancel"); !cancelled)
    return tl::unexpected(cancelled.error());
  return Step::ended;
}

Result<std::optional<GetSession::Step>> GetSession::try_windows() {
  const JobView& seen = follower_->job();
  if (windows_tried_ || seen.files.size() != 1 || !can_use_windows(plan_, seen, seen.files.front()))
    return std::optional<Step>();
  windows_tried_ = true;
  const JobView job = seen;  // a copy: the follower is reset below
  Client& client = **agent_.client();
  auto answer = client.call("GET", "/v1/status");
  if (!answer) return tl::unexpected(answer.error());
  const auto status = parse_status(answer->body);
  if (!status) return tl::unexpected(status.error());
  const auto window = window_size(status->available);
  if (!window) return std::optional<Step>();
  terminal_.line(fmt::format("the agent has no room for the whole ({} in {}): getting it in pieces of {}",
                             format_bytes(status->available), status->state_directory, format_bytes(*window)));
  if (auto cancelled = client.call("POST", "/v1/jobs/" + job_id_ + "/cancel"); !cancelled)
    return tl::unexpected(cancelled.error());
  follower_.reset();
  WindowedGet get(plan_, client,
                  [this](JobFollower& follower, const FileView& so_far) { return wait_for_window(follower, so_far); });
  const auto got = get.get_windows(job.files.front(), *window);
  final_ = job;
  if (!got) {
    failure_ = got.error();
    return std::optional<Step>(Step::ended);
  }
  job_id_.clear();
  if (!*got) return std::optional<Step>(Step::interrupted);
  final_.state = "acknowledged";
  final_.error.reset();
  final_.files = {**got};
  final_.bytes = (*got)->bytes;
  final_.figures = (*got)->figures;
  files_->set_written(0, plan_.request.files.front().destination);
  return std::optional<Step>(Step::ended);
}

Result<bool> GetSession::wait_for_window(JobFollower& follower, const FileView& so_far) {
  bool readable = false;
  if (poll_for(follower.descriptor(), kLookAgain, readable)) return true;
  if (readable)
    if (const auto taken = follower.take_events([](const FileView&) {}); !taken) return tl::unexpected(taken.error());
  JobView whole = follower.job();
  whole.size = so_far.size;
  whole.bytes += so_far.bytes;
  show(whole);
  return false;
}

Result<bool> GetSession::work() {
  auto worked = files_->step(**agent_.client(), *follower_, now());
  // The state changed meanwhile, and the answer no longer fits: the event is on its way.
  if (!worked && worked.error().code == ErrorCode::invalid_state) return false;
  return worked;
}

Result<bool> GetSession::wait(bool worked) {
  bool readable = false;
  const bool at_once = worked || follower_->pending();
  if (poll_for(follower_->descriptor(), at_once ? Duration{} : Duration{kLookAgain}, readable)) return true;
  if (!readable && !follower_->pending()) return false;
  const auto taken = follower_->take_events([this](const FileView& file) { files_->observe(file); });
  if (!taken) return tl::unexpected(taken.error());
  if (has_ended(follower_->job().state)) return false;  // finish() reads it
  const auto read = follower_->refresh_after_progress(now());
  if (!read) return tl::unexpected(read.error());
  if (*read)
    for (const FileView& file : follower_->job().files) files_->observe(file);
  return false;
}

// Returns true if a signal came, or the reader of standard output has gone.
bool GetSession::poll_for(int events, Duration limit, bool& readable) {
  std::array<pollfd, 2> waited{pollfd{interrupts_.descriptor(), POLLIN, 0}, pollfd{events, POLLIN, 0}};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  if (plan_.request.files.front().destination == kStandardOutput && reader_is_gone(STDOUT_FILENO)) {
    reader_gone_ = true;
    return true;
  }
  if (::poll(waited.data(), events < 0 ? 1 : 2, static_cast<int>(ms)) <= 0) return false;
  readable = events >= 0 && waited[1].revents != 0;
  if (waited[0].revents != 0) signal_ = interrupts_.take_signal();
  return signal_ != 0;
}

bool GetSession::wait_for_room(int fd) {
  std::array<pollfd, 2> waited{pollfd{interrupts_.descriptor(), POLLIN, 0}, pollfd{fd, POLLOUT, 0}};
  const int limit = fd < 0 ? static_cast<int>(kLookAgain.count()) : -1;
  (void)::poll(waited.data(), fd < 0 ? 1 : 2, limit);  // if it was interrupted, the write shows it
  if (waited[0].revents != 0) signal_ = interrupts_.take_signal();
  return signal_ == 0;
}

Status GetSession::finish() {
  Client& client = **agent_.client();
  // For many files that all succeeded, the events have reported everything.
  const bool all_told = follower_->brief() && !plan_.json && follower_->all_transferred();
  if (!follower_->told_whole())
    if (auto read = follower_->refresh(!all_told); !read) return read;
  final_ = follower_->job();
  for (const FileView& file : final_.files) files_->observe(file);
  if (files_->refused() && !is_gone(final_.state)) {
    const auto refused = refuse_name();
    return refused ? Status{} : tl::unexpected(refused.error());
  }
  if (is_gone(final_.state)) {
    failure_ = Error{ErrorCode::cancelled, "finish job " + final_.id, "somebody ended it (" + final_.state + ")"};
    return {};
  }
  if (auto placed = files_->finish(client, *follower_, now()); !placed) {
    if (agent_went_away(placed.error()) || files_->reader_gone() || signal_ != 0) return placed;
    if (plan_.request.files.front().destination == kStandardOutput) {
      // The content is in the cache: a job kept for lost output would only be in the way.
      failure_ = placed.error();
      (void)client.call("POST", "/v1/jobs/" + final_.id + "/complete?files=0");
      return {};
    }
    failure_ = with_advice(placed.error(), fmt::format(". The download is kept as job {}: mend that and run the same "
                                                       "command again, or drop it with `larder job cancel {}`",
                                                       final_.id, final_.id));
    return {};
  }
  if (final_.state == "error") return settle_error();
  auto acknowledged = client.call("POST", "/v1/jobs/" + final_.id + "/complete?files=0");
  if (!acknowledged) return tl::unexpected(acknowledged.error());
  final_.state = "acknowledged";
  return {};
}

Status GetSession::settle_error() {
  failure_ = final_.error.value_or(Error{ErrorCode::internal, "finish job " + final_.id, "it failed without a cause"});
  // "No byte came for …" says less than the error that kept the bytes from coming.
  for (const FileView& file : final_.files)
    if (failure_->code == ErrorCode::no_progress && file.error)
      failure_ = with_advice(*file.error, hopeless_ ? ". Nothing of it has come, so it is not tried again; with "
                                                      "--retry-for 10m it is, for so long"
                                                    : ". Given up after so long without progress; see --retry-for");
  if (!worth_keeping(final_)) {
    auto cancelled = (**agent_.client()).call("POST", "/v1/jobs/" + final_.id + "/cancel");
    if (!cancelled) return tl::unexpected(cancelled.error());
    return {};
  }
  const bool judged = std::any_of(final_.files.begin(), final_.files.end(),
                                  [](const FileView& file) { return file.verdict == "not_valid"; });
  terminal_.line(judged ? fmt::format("the content is set aside as job {}: `larder job content {} 0 > FILE` shows it, "
                                      "`larder job cancel {}` drops it, the same command fetches it anew",
                                      final_.id, final_.id, final_.id)
                        : fmt::format("what came is kept as job {}: the same command goes on, `larder job cancel {}` "
                                      "drops it",
                                      final_.id, final_.id));
  return {};
}

Result<bool> GetSession::wait_for_agent(const Error& why) {
  if (!waiting_said_) terminal_.line(fmt::format("the agent went away ({}); waiting for it", why.detail));
  waiting_said_ = true;
  follower_.reset();
  const SteadyTime until = now() + kAgentPatience;
  for (;;) {
    const auto revived = agent_.revive();
    if (revived) return false;
    if (now() >= until)
      return tl::unexpected(with_advice(revived.error(), ". The download is kept; run the same command again"));
    bool readable = false;
    if (poll_for(-1, kLookAgain, readable)) return true;
  }
}

int GetSession::end_unread() {
  terminal_.clear();
  follower_.reset();
  // Complete files stay in the cache, and the unwanted job is removed. If the agent has gone as well, the same command
  // finds the job.
  if (!job_id_.empty()) {
    Client& client = **agent_.client();
    const auto completed = client.call("POST", "/v1/jobs/" + job_id_ + "/complete?files=0");
    if (!completed) (void)client.call("POST", "/v1/jobs/" + job_id_ + "/cancel");
  }
  return kReaderGone;
}

int GetSession::interrupted() {
  if (reader_gone_) return end_unread();
  terminal_.clear();
  bool suspended = false;
  if (follower_ && !job_id_.empty()) {
    follower_.reset();
    const auto answer = (**agent_.client()).call("POST", "/v1/jobs/" + job_id_ + "/suspend");
    suspended = answer.has_value();
  }
  if (!job_id_.empty())
    terminal_.line(
        fmt::format("interrupted: job {} is {}; the same command goes on with it, `larder job cancel {}` "
                    "drops it",
                    job_id_, suspended ? "suspended" : "kept by the agent", job_id_));
  files_.reset();  // removes the hidden files
  return 128 + signal_;
}

int GetSession::conclude() {
  terminal_.clear();
  int status = 0;
  std::size_t told = 0;
  for (const FileView& file : final_.files) {
    if (!file.error || (failure_ && file.error->doing == failure_->doing)) continue;
    if (++told <= 20) terminal_.error(*file.error);
  }
  if (told > 20) terminal_.line(fmt::format("and {} more; see --json", told - 20));
  if (failure_) {
    terminal_.error(*failure_);
    if (failure_->code == ErrorCode::certificate_rejected)
      if (const std::string advice = environment_advice(agent_); !advice.empty()) terminal_.line("note: " + advice);
    status = error_info(failure_->code).exit_status;
  } else {
    const auto& files = plan_.request.files;
    const std::string name =
        files.size() == 1 ? name_of(files_->destination(0)) : fmt::format("{} files", files.size());
    terminal_.line(render_summary(name, final_.bytes, now() - started_, final_.figures));
  }
  for (const FileView& file : final_.files)
    if (file.mirror > 0 && file.mirror <= file.mirrors.size() && !failure_)
      terminal_.line(fmt::format("note: {} was served by the mirror {}", printable(file.url),
                                 printable(file.mirrors[file.mirror - 1])));
  for (const std::string& note : files_->notes()) terminal_.line("note: " + printable(note));
  for (const FileView& file : final_.files)
    if (!file.note.empty() && final_.files.size() <= 8) terminal_.line("note: " + printable(file.note));
  if (!plan_.json) return status;
  const int printed = print(get_report(final_, files_->written(), failure_));
  return status != 0 ? status : printed;
}

void GetSession::show(const JobView& job) {
  const SteadyTime at = now();
  const bool new_state = job.state != shown_state_ && terminal_.is_tty();
  if (!new_state && at - shown_ < terminal_.interval()) return;
  if (shown_ == SteadyTime{} && !terminal_.is_tty()) {
    shown_ = at;  // a quick download needs no line
    return;
  }
  shown_ = at;
  shown_state_ = job.state;
  meter_.add(at, job.bytes);
  ProgressFigures figures;
  figures.name = plan_.request.files.size() == 1 ? name_of(files_->destination(0)) : "";
  if (job.files.size() == 1 && job.files.front().mirror > 0)
    figures.name =
        fmt::format("mirror {} of {}  {}", job.files.front().mirror, job.files.front().mirrors.size(), figures.name);
  figures.state = job.state;
  figures.trouble = trouble_of(job, std::chrono::system_clock::now());
  figures.size = job.size;
  figures.bytes = job.bytes;
  figures.rate = meter_.rate(at);
  figures.figures = job.figures;
  figures.files_total = job.files_total;
  figures.files_done = job.files_done;
  terminal_.progress(render_progress(figures, terminal_.width()));
}

}  // namespace larder::agent
