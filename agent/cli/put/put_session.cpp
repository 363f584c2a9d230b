#include "agent/cli/put/put_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "agent/cli/get/environment_trust.h"
#include "agent/cli/get/get_plan.h"
#include "agent/cli/get/patience.h"
#include "agent/cli/get/single_run.h"
#include "agent/cli/put/reply_file.h"
#include "base/error_table.h"

namespace larder::agent {
namespace {

constexpr std::chrono::minutes kAgentPatience{2};  // maximum wait for an agent that disappeared
constexpr std::chrono::milliseconds kLookAgain{200};

bool agent_went_away(const Error& error) {
  return error.code == ErrorCode::agent_unreachable;
}

Error with_advice(Error error, const std::string& advice) {
  error.detail += advice;
  return error;
}

std::string spool_directory() {
  const char* const named = std::getenv("TMPDIR");
  return named == nullptr ? std::string() : std::string(named);
}

// What the state means for an upload, for people.
std::string words_of(const std::string& state) {
  return state == "validating" ? "sent; waits for the server's word" : state;
}

}  // namespace

PutSession::PutSession(PutPlan plan, AgentAccess& agent)
    : plan_(std::move(plan)), agent_(agent), terminal_(plan_.quiet), started_(now()) {}

int PutSession::put_files() {
  for (const std::string& note : plan_.request.job.notes) terminal_.line("note: " + printable(note));
  const auto opened = open_sources();
  if (!opened) return report(opened.error());
  if (*opened == Step::interrupted) return interrupted();
  std::string others = plan_.request.transaction;
  for (const FileRequest& file : plan_.request.job.files) others += "\n" + without_user_info(file.url);
  key_ = key_of(sources_, others);
  const auto alone = acquire_single_run(key_);
  if (!alone)
    return report(Error{ErrorCode::busy, "put the same files to the same URL",
                        "another `larder put` is doing just that; wait for it or stop it"});
  started_ = now();
  return upload();
}

Result<PutSession::Step> PutSession::open_sources() {
  if (!plan_.reply_file.empty())
    if (auto writable = check_reply_file(plan_.reply_file); !writable) return tl::unexpected(writable.error());
  if (plan_.from_standard_input()) return read_standard_input();
  for (const std::string& path : plan_.paths) {
    auto source = PutSource::open(path);
    if (!source) return tl::unexpected(source.error());
    sources_.push_back(std::move(*source));
  }
  return Step::ended;
}

Result<PutSession::Step> PutSession::read_standard_input() {
  const auto wait = [this](int input) {
    for (;;) {
      bool readable = false;
      if (poll_for(input, std::chrono::hours(1), readable)) return false;
      if (readable) return true;
    }
  };
  auto source =
      spool_input(STDIN_FILENO, spool_directory(), wait, [this](std::uint64_t bytes) { show_spooled(bytes); });
  terminal_.clear();
  if (!source) return tl::unexpected(source.error());
  if (!*source) return Step::interrupted;
  sources_.push_back(std::move(**source));
  return Step::ended;
}

int PutSession::upload() {
  for (;;) {
    const auto step = attempt();
    if (step && *step == Step::interrupted) return interrupted();
    if (step) return conclude();
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

Result<PutSession::Step> PutSession::attempt() {
  auto client = agent_.client();
  if (!client) return tl::unexpected(client.error());
  had_agent_ = had_agent_ || (*client)->reach();
  if (completing_) {
    const auto ended = read_end();
    if (!ended) return tl::unexpected(ended.error());
    if (*ended) return Step::ended;
  }
  if (auto obtained = obtain_job(); !obtained) return tl::unexpected(obtained.error());
  follower_.emplace(**client, job_id_);
  const auto made = std::exchange(made_, std::nullopt);
  if (auto opened = made ? follower_->open_new(made->job, made->event) : follower_->open(); !opened)
    return tl::unexpected(opened.error());
  waiting_said_ = false;
  return follow();
}

// A job that is over was acknowledged, and only the answer was lost: creating it again would send the file again.
Result<bool> PutSession::read_end() {
  auto answer = (**agent_.client()).call("GET", "/v1/jobs/" + job_id_);
  if (!answer && answer.error().code == ErrorCode::not_found) return true;
  if (!answer) return tl::unexpected(answer.error());
  const auto job = parse_job(answer->body);
  if (!job) return tl::unexpected(job.error());
  if (job->state == "cancelled")
    failure_ = Error{ErrorCode::cancelled, "finish job " + job_id_, "somebody ended it (cancelled)"};
  return is_gone(job->state);
}

Result<Answer> PutSession::create_job() {
  std::vector<int> descriptors;
  for (const PutSource& source : sources_) descriptors.push_back(source.descriptor());
  return (**agent_.client()).create_upload(upload_body(plan_.request), descriptors);
}

// A source that was given once and is another file's content now would be another upload.
Status PutSession::check_sources() const {
  for (const PutSource& source : sources_)
    if (auto same = source.check_unchanged(); !same) return same;
  return {};
}

// Also where the job is known: an agent that was started anew has lost the descriptors of its sources.
Status PutSession::obtain_job() {
  if (auto same = check_sources(); !same) return same;
  auto answer = create_job();
  if (!answer) return tl::unexpected(answer.error());
  auto job = parse_job(answer->body);
  if (!job) return tl::unexpected(job.error());
  if (answer->status == 200 && !upload_worth_going_on(*job)) {
    const auto dropped = (**agent_.client()).call("POST", "/v1/jobs/" + job->id + "/cancel");
    if (!dropped && dropped.error().code != ErrorCode::invalid_state) return tl::unexpected(dropped.error());
    answer = create_job();
    if (!answer) return tl::unexpected(answer.error());
    job = parse_job(answer->body);
    if (!job) return tl::unexpected(job.error());
  }
  const bool known = job->id == job_id_;
  job_id_ = job->id;
  if (answer->status != 200) {
    if (const std::string* event = answer->head.find_field("larder-event"); event != nullptr && !job->files.empty())
      made_ = Made{std::move(*job), *event};
    return {};
  }
  if (!known && !has_ended(job->state))
    terminal_.line(fmt::format("going on with job {} ({}, {} so far)", job->id, job->state, format_bytes(job->bytes)));
  return go_on_with(*job);
}

Status PutSession::go_on_with(const JobView& job) {
  if (job.state == "transferred") return {};
  Client& client = **agent_.client();
  const std::string target = "/v1/jobs/" + job.id;
  const auto may_be = [](const Result<Answer>& answer) {  // the job went on by itself meanwhile
    return answer || answer.error().code == ErrorCode::invalid_state;
  };
  if (job.state == "suspended" || job.state == "error" || job.state == "transient_error")
    if (auto answer = client.call("POST", target + "/resume"); !may_be(answer)) return tl::unexpected(answer.error());
  // Rate and urgency of this run replace those of the earlier one.
  JobChangeRequest change;
  change.priority = plan_.request.job.priority;
  change.max_rate = plan_.request.job.max_rate;
  change.no_progress_timeout = plan_.request.job.no_progress_timeout;
  if (auto changed = client.call("PATCH", target, change_body(change)); !may_be(changed))
    return tl::unexpected(changed.error());
  return {};
}

Result<PutSession::Step> PutSession::follow() {
  for (;;) {
    if (has_ended(follower_->job().state)) {
      if (auto finished = finish(); !finished) return tl::unexpected(finished.error());
      return Step::ended;
    }
    if (auto ended = end_if_hopeless(); !ended) return tl::unexpected(ended.error());
    const auto stopped = wait();
    if (!stopped) return tl::unexpected(stopped.error());
    if (*stopped) return Step::interrupted;
    show(follower_->job());
  }
}

// Tells a hopeless job to try no longer: it then fails as after its time without progress.
Status PutSession::end_if_hopeless() {
  const JobView& job = follower_->job();
  const bool news = job.state == "transient_error" && job.error_count != errors_seen_;
  if (!news || plan_.retry_for_given || hopeless_) return {};
  errors_seen_ = job.error_count;
  if (auto read = follower_->refresh(); !read) return read;
  if (!is_hopeless(follower_->job(), false)) return {};
  hopeless_ = true;
  JobChangeRequest change;
  change.no_progress_timeout = Duration::zero();
  const auto changed = (**agent_.client()).call("PATCH", "/v1/jobs/" + job_id_, change_body(change));
  if (!changed && changed.error().code != ErrorCode::invalid_state) return tl::unexpected(changed.error());
  return {};
}

Result<bool> PutSession::wait() {
  bool readable = false;
  const bool at_once = follower_->pending();
  if (poll_for(follower_->descriptor(), at_once ? Duration{} : Duration{kLookAgain}, readable)) return true;
  if (!readable && !follower_->pending()) return false;
  if (const auto taken = follower_->take([](const FileView&) {}); !taken) return tl::unexpected(taken.error());
  if (has_ended(follower_->job().state)) return false;  // finish() reads it
  if (const auto read = follower_->refresh_after_progress(now()); !read) return tl::unexpected(read.error());
  return false;
}

// Returns true if a signal came.
bool PutSession::poll_for(int events, Duration limit, bool& readable) {
  std::array<pollfd, 2> waited{pollfd{interrupts_.descriptor(), POLLIN, 0}, pollfd{events, POLLIN, 0}};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  if (::poll(waited.data(), events < 0 ? 1 : 2, static_cast<int>(ms)) <= 0) return false;
  readable = events >= 0 && waited[1].revents != 0;
  if (waited[0].revents != 0) signal_ = interrupts_.take_signal();
  return signal_ != 0;
}

Status PutSession::finish() {
  if (auto read = follower_->refresh(); !read) return read;
  final_ = follower_->job();
  if (is_gone(final_.state)) {
    if (final_.state != "acknowledged" || !completing_)
      failure_ = Error{ErrorCode::cancelled, "finish job " + final_.id, "somebody ended it (" + final_.state + ")"};
    return {};
  }
  if (final_.state == "error") return settle_error();
  if (auto taken = take_reply(); !taken) {
    if (agent_went_away(taken.error())) return taken;
    failure_ = with_advice(taken.error(), fmt::format(". The upload is done; its reply is kept with job {}: mend that "
                                                      "and run the same command again, or drop it with `larder job "
                                                      "complete {}`",
                                                      final_.id, final_.id));
    return {};
  }
  completing_ = true;
  const auto done = (**agent_.client()).call("POST", "/v1/jobs/" + final_.id + "/complete?files=0");
  if (!done) return tl::unexpected(done.error());
  final_.state = "acknowledged";
  return {};
}

Status PutSession::take_reply() {
  if (plan_.reply_file.empty() || final_.files.empty() || !final_.files.front().reply) return {};
  auto stream = (**agent_.client()).stream("/v1/jobs/" + final_.id + "/files/0/reply");
  if (!stream) return tl::unexpected(stream.error());
  auto written = write_reply_file(plan_.reply_file, key_, [&](const ReplySink& sink) -> Result<bool> {
    Status kept;
    auto got = (*stream)->read([&](std::string_view bytes) {
      if (kept) kept = sink(bytes);
    });
    if (!got) return got;
    return kept ? got : tl::unexpected(kept.error());
  });
  if (written) reply_written_ = plan_.reply_file;
  return written;
}

Status PutSession::settle_error() {
  failure_ = final_.error.value_or(Error{ErrorCode::internal, "finish job " + final_.id, "it failed without a cause"});
  // "No byte went to …" says less than the error that kept the bytes from going.
  for (const FileView& file : final_.files)
    if (failure_->code == ErrorCode::no_progress && file.error)
      failure_ = with_advice(*file.error, hopeless_ ? ". Nothing was sent, so it is not tried again; with --retry-for "
                                                      "10m it is, for so long"
                                                    : ". Given up after so long without progress; see --retry-for");
  if (upload_worth_keeping(final_)) {
    terminal_.line(fmt::format("what was sent is kept as job {}: {}, `larder job cancel {}` drops it", final_.id,
                               how_to_go_on(), final_.id));
    return {};
  }
  const auto cancelled = (**agent_.client()).call("POST", "/v1/jobs/" + final_.id + "/cancel");
  if (!cancelled && cancelled.error().code != ErrorCode::invalid_state) return tl::unexpected(cancelled.error());
  return {};
}

// Standard input cannot be read a second time, but the agent has copied it: its job can be started again.
std::string PutSession::how_to_go_on() const {
  return plan_.from_standard_input() ? fmt::format("`larder job start {}` goes on", job_id_)
                                     : std::string("the same command goes on with it");
}

Result<bool> PutSession::wait_for_agent(const Error& why) {
  if (!waiting_said_) terminal_.line(fmt::format("the agent went away ({}); waiting for it", why.detail));
  waiting_said_ = true;
  follower_.reset();
  const SteadyTime until = now() + kAgentPatience;
  for (;;) {
    const auto revived = agent_.revive();
    if (revived) return false;
    if (now() >= until)
      return tl::unexpected(with_advice(revived.error(), ". The upload is kept; run the same command again"));
    bool readable = false;
    if (poll_for(-1, kLookAgain, readable)) return true;
  }
}

int PutSession::interrupted() {
  terminal_.clear();
  bool suspended = false;
  if (follower_ && !job_id_.empty()) {
    follower_.reset();
    suspended = (**agent_.client()).call("POST", "/v1/jobs/" + job_id_ + "/suspend").has_value();
  }
  if (job_id_.empty())
    terminal_.line("interrupted: nothing was sent");
  else
    terminal_.line(fmt::format("interrupted: job {} is {}; {}, `larder job cancel {}` drops it", job_id_,
                               suspended ? "suspended" : "kept by the agent", how_to_go_on(), job_id_));
  return 128 + signal_;
}

int PutSession::conclude() {
  terminal_.clear();
  for (const FileView& file : final_.files)
    if (file.error && (!failure_ || file.error->doing != failure_->doing)) terminal_.error(*file.error);
  int status = 0;
  if (failure_) {
    terminal_.error(*failure_);
    if (failure_->code == ErrorCode::certificate_rejected)
      if (const std::string advice = environment_advice(agent_); !advice.empty()) terminal_.line("note: " + advice);
    status = error_info(failure_->code).exit_status;
  } else {
    terminal_.line(put_summary(name(), final_, now() - started_));
    if (!plan_.reply_file.empty() && reply_written_.empty())
      terminal_.line("note: the server sent no reply; " + printable(plan_.reply_file) + " was not written");
  }
  for (const FileView& file : final_.files)
    if (!file.note.empty()) terminal_.line("note: " + printable(file.note));
  if (!plan_.json) return status;
  const int printed = print(put_report(final_, reply_written_, failure_));
  return status != 0 ? status : printed;
}

std::string PutSession::name() const {
  const auto& names = plan_.request.names;
  return names.size() == 1 ? names.front() : fmt::format("{} files", names.size());
}

void PutSession::show_spooled(std::uint64_t bytes) {
  const SteadyTime at = now();
  if (!terminal_.is_tty() || at - shown_ < terminal_.interval()) return;
  shown_ = at;
  terminal_.progress("reads standard input: " + format_bytes(bytes));
}

void PutSession::show(const JobView& job) {
  const SteadyTime at = now();
  const bool new_state = job.state != shown_state_ && terminal_.is_tty();
  if (!new_state && at - shown_ < terminal_.interval()) return;
  if (shown_ == SteadyTime{} && !terminal_.is_tty()) {
    shown_ = at;  // a quick upload needs no line
    return;
  }
  shown_ = at;
  shown_state_ = job.state;
  meter_.add(at, job.bytes);
  ProgressFigures figures;
  figures.name = plan_.request.names.size() == 1 ? name() : "";
  figures.state = words_of(job.state);
  figures.trouble = trouble_of(job, std::chrono::system_clock::now());
  figures.size = job.size;
  figures.bytes = job.bytes;
  figures.rate = meter_.rate(at);
  figures.files_total = job.files_total;
  figures.files_done = job.files_done;
  terminal_.progress(render_progress(figures, terminal_.width()));
}

}  // namespace larder::agent
