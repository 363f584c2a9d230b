#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "agent/api/handlers/handlers.h"
#include "agent/api/http/descriptor_passing.h"
#include "agent/api/json/job_json.h"
#include "agent/api/json/view_json.h"

namespace larder::agent {
namespace {

constexpr std::size_t kParseAtOnce = 64 * kKiB;
constexpr std::chrono::milliseconds kLongestWait{1000};

bool wants_files(const RouteMatch& match) {
  return match.asked("files") != "0";
}

// Answers with the job after the change, or with the error.
JobService::JobDone answer_job(const RouteMatch& match, Responder respond, const EventHub& events, int status = 200) {
  return [respond = std::move(respond), files = wants_files(match), &events, status](const Result<Job>& job) mutable {
    if (!job) return respond.fail(job.error());
    respond(job_response(status, *job, files, events));
  };
}

// Returns the time for which the answer to a creation may wait for the job's end.
Result<Duration> wait_of(const RouteMatch& match) {
  const auto text = match.asked("wait_ms");
  if (!text) return Duration{};
  std::int64_t ms = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), ms);
  if (error != std::errc{} || end != text->data() + text->size() || ms < 0 || ms > kLongestWait.count())
    return fail(ErrorCode::invalid_argument, "create a job",
                fmt::format("\"wait_ms\" is a number from 0 to {}", kLongestWait.count()));
  return std::chrono::milliseconds(ms);
}

// Returns the caller's newest job of that name that is not over; null if none.
const Job* job_named(const JobService& jobs, Caller who, const std::string& name) {
  for (const Job* job : jobs.list(who))
    if (job->owner == who.uid && job->options.name == name && !is_final(job->state)) return job;
  return nullptr;
}

}  // namespace

ApiResponse job_response(int status, const Job& job, bool files, const EventHub& events) {
  ApiResponse response = json_response(status, job_view(job, files));
  response.headers.emplace_back("Larder-Event", std::to_string(events.ring().next() - 1));
  if (status == 201) response.headers.emplace_back("Location", "/v1/jobs/" + job.id);
  return response;
}

template <class T>
void Handlers::parse(std::string body, Result<T> (*parser)(std::string_view), Responder respond,
                     UniqueFunction<void(T, Responder)> then) {
  if (body.size() <= kParseAtOnce) {
    Result<T> value = parser(body);
    return value ? then(std::move(*value), std::move(respond)) : respond.fail(value.error());
  }
  // A refused task is destroyed with its captures, so the responder stays on this thread.
  struct Pending {
    std::string body;
    Responder respond;
    UniqueFunction<void(T, Responder)> then;
  };
  auto pending = std::make_shared<Pending>(Pending{std::move(body), std::move(respond), std::move(then)});
  const bool taken = services_.disk.submit([pending, parser, &executor = runtime_.executor]() mutable {
    auto value = std::make_shared<Result<T>>(parser(pending->body));
    executor.post([pending = std::move(pending), value] {
      if (*value)
        pending->then(std::move(**value), std::move(pending->respond));
      else
        pending->respond.fail(value->error());
    });
  });
  if (!taken)
    pending->respond.fail(
        {ErrorCode::busy, "read the request's body", "the agent is busy; try again", std::chrono::seconds(1)});
}

template void Handlers::parse<UploadRequest>(std::string, Result<UploadRequest> (*)(std::string_view), Responder,
                                             UniqueFunction<void(UploadRequest, Responder)>);

void Handlers::list_jobs(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  const bool all = match.asked("all") == "1";
  if (all && !request.caller.admin)
    return respond.fail({ErrorCode::permission_denied, "list all jobs", "only admins see the jobs of others"});
  const auto state_name = match.asked("state");
  const auto state = state_name ? job_state_from_name(*state_name) : std::nullopt;
  if (state_name && !state)
    return respond.fail({ErrorCode::invalid_argument, "list jobs", "\"state\" is not the name of a state"});
  std::vector<const Job*> jobs = services_.jobs.list(request.caller);
  jobs.erase(std::remove_if(jobs.begin(), jobs.end(),
                            [&](const Job* job) {
                              return (!all && job->owner != request.caller.uid) || (state && job->state != *state);
                            }),
             jobs.end());
  respond(json_response(200, jobs_view(jobs)));
}

void Handlers::show_job(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  const auto job = services_.jobs.find_job(request.caller, match.id);
  if (!job) return respond.fail(job.error());
  respond(json_response(200, job_view(**job, wants_files(match))));
}

void Handlers::create_job(const RouteMatch& match, ApiRequest request, Responder respond) {
  const auto wait = wait_of(match);
  if (!wait) return respond.fail(wait.error());
  parse<CreateRequest>(std::move(request.body), &parse_create, std::move(respond),
                       [this, match, who = request.caller, limit = *wait](CreateRequest create, Responder answer) {
                         make_job(match, who, limit, std::move(create), std::move(answer));
                       });
}

void Handlers::make_job(const RouteMatch& match, Caller who, Duration wait, CreateRequest create, Responder respond) {
  JobService& jobs = services_.jobs;
  const bool files = wants_files(match);
  if (match.asked("once") == "1") {
    if (create.options.name.empty())
      return respond.fail({ErrorCode::invalid_argument, "create a job once", "without a name none can be told again"});
    const Job* same = job_named(jobs, who, create.options.name);
    if (same != nullptr) return respond(job_response(200, *same, files, events_));
  }
  const bool waits = create.start && wait != Duration{};
  if (!waits)
    return jobs.create(who, std::move(create.options), std::move(create.files), create.start,
                       answer_job(match, std::move(respond), events_, 201));
  jobs.create(who, std::move(create.options), std::move(create.files), true,
              [this, match, who, wait, answer = std::move(respond)](Result<Job> job) mutable {
                if (!job) return answer.fail(job.error());
                if (has_ended(job->state)) return answer_ended(match, who, job->id, std::move(answer));
                outcomes_.wait_for_end(job->id, wait,
                                       [this, match, who, id = job->id, answer = std::move(answer)]() mutable {
                                         answer_ended(match, who, id, std::move(answer));
                                       });
              });
}

// Answers with the present job. If it has not ended, its time to wait is over.
void Handlers::answer_ended(const RouteMatch& match, Caller who, const std::string& id, Responder respond) {
  const auto job = services_.jobs.find_job(who, id);
  if (!job) return respond.fail(job.error());
  ApiResponse response = job_response(201, **job, wants_files(match), events_);
  const bool hands =
      match.asked("descriptor") == "1" && (*job)->state == JobState::transferred && (*job)->files.size() == 1;
  if (!hands) return respond(std::move(response));
  services_.jobs.open_content(who, id, 0, false,
                              [response = std::move(response), answer = std::move(respond)](
                                  Result<std::shared_ptr<cache::ContentLease>> lease) mutable {
                                // An error of opening is reported to a request for the content itself.
                                if (lease) response.descriptors.push_back(std::move(*lease));
                                response.may_do_without = true;
                                answer(std::move(response));
                              });
}

void Handlers::add_files(const RouteMatch& match, ApiRequest request, Responder respond) {
  parse<std::vector<FileSpec>>(std::move(request.body), &parse_files, std::move(respond),
                               [&jobs = services_.jobs, &events = events_, match, who = request.caller](
                                   std::vector<FileSpec> files, Responder answer) {
                                 jobs.add_files(who, match.id, std::move(files),
                                                answer_job(match, std::move(answer), events));
                               });
}

void Handlers::change_job(const RouteMatch& match, ApiRequest request, Responder respond) {
  parse<JobChange>(
      std::move(request.body), &parse_change, std::move(respond),
      [&jobs = services_.jobs, &events = events_, match, who = request.caller](JobChange change, Responder answer) {
        jobs.change(who, match.id, std::move(change), answer_job(match, std::move(answer), events));
      });
}

void Handlers::steer_job(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  auto done = answer_job(match, std::move(respond), events_);
  const RouteId route = match.route->id;
  if (route == RouteId::job_resume)
    services_.jobs.resume(request.caller, match.id, std::move(done));
  else if (route == RouteId::job_suspend)
    services_.jobs.suspend(request.caller, match.id, std::move(done));
  else if (route == RouteId::job_cancel)
    services_.jobs.cancel(request.caller, match.id, std::move(done));
  else
    services_.jobs.complete(request.caller, match.id, std::move(done));
}

void Handlers::give_verdict(const RouteMatch& match, ApiRequest request, Responder respond) {
  parse<VerdictRequest>(std::move(request.body), &parse_verdict, std::move(respond),
                        [&jobs = services_.jobs, &events = events_, match, who = request.caller](VerdictRequest verdict,
                                                                                                 Responder answer) {
                          jobs.verdict(who, match.id, *match.index, verdict.valid, std::move(verdict.reason),
                                       answer_job(match, std::move(answer), events));
                        });
}

void Handlers::retarget(const RouteMatch& match, ApiRequest request, Responder respond) {
  parse<std::string>(
      std::move(request.body), &parse_retarget, std::move(respond),
      [&jobs = services_.jobs, &events = events_, match, who = request.caller](std::string url, Responder answer) {
        jobs.retarget(who, match.id, *match.index, std::move(url), answer_job(match, std::move(answer), events));
      });
}

void Handlers::pass_descriptors(const RouteMatch& match, ApiRequest request, Responder respond) {
  parse<std::vector<unsigned>>(
      std::move(request.body), &parse_descriptors, std::move(respond),
      [&jobs = services_.jobs, match, who = request.caller](std::vector<unsigned> indices, Responder answer) {
        open_descriptors(jobs, who, match.id, std::move(indices), std::move(answer));
      });
}

}  // namespace larder::agent
