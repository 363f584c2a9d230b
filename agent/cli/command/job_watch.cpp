#include "agent/cli/command/job_watch.h"

#include <fmt/format.h>

#include "agent/cli/show/job_text.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/error_table.h"
#include "client/client.h"
#include "client/job_follower.h"
#include "client/sse_parser.h"

namespace larder::agent {
namespace {

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

std::string line_of(const JobView& job, RateMeter& meter, unsigned width) {
  meter.add(now(), job.bytes);
  ProgressFigures figures;
  figures.name = job.name;
  figures.state = job.state;
  if (job.error) figures.trouble = "trying again: " + job.error->detail;
  figures.size = job.size;
  figures.bytes = job.bytes;
  figures.rate = meter.rate(now());
  figures.figures = job.figures;
  figures.files_total = job.files_total;
  figures.files_done = job.files_done;
  figures.crowd = job.crowd;
  return render_progress(figures, width);
}

int status_of(const JobView& job) {
  if (job.state == "cancelled") return error_info(ErrorCode::cancelled).exit_status;
  if (job.state != "error") return 0;
  return job.error ? report(*job.error) : error_info(ErrorCode::internal).exit_status;
}

}  // namespace

int watch_job(Client& client, const std::string& id) {
  JobFollower follower(client, id);
  if (auto opened = follower.open(); !opened) return report(opened.error());
  Terminal terminal(false);
  RateMeter meter;
  SteadyTime shown{};
  std::string state;
  while (!has_ended(follower.job().state) && !follower.removed()) {
    const bool new_state = follower.job().state != state;
    if (new_state || now() - shown >= terminal.interval()) {
      terminal.progress(line_of(follower.job(), meter, terminal.width()));
      shown = now();
      state = follower.job().state;
    }
    if (auto taken = follower.take([](const FileView&) {}); !taken) {
      terminal.clear();
      return report(taken.error());
    }
  }
  terminal.clear();
  const int printed = print(job_line(follower.job()));
  const int status = status_of(follower.job());
  return status != 0 ? status : printed;
}

int print_events(Client& client, const std::string& id) {
  auto stream = client.stream("/v1/events?job=" + escape_query(id));
  if (!stream) return report(stream.error());
  // The present state first: the job may have ended already.
  auto answer = client.call("GET", "/v1/jobs/" + escape_query(id) + "?files=0");
  if (!answer) return report(answer.error());
  auto job = parse_job(answer->body);
  if (!job) return report(job.error());
  int status = print(fmt::format(R"({{"event":"job.state","data":{}}})", answer->body));
  SseParser parser;
  Status parsed;
  while (status == 0 && parsed && !has_ended(job->state)) {
    const auto more = (*stream)->read([&](std::string_view bytes) {
      parser.feed(bytes, [&](const ServerEvent& event) {
        if (status == 0) status = print(fmt::format(R"({{"event":"{}","data":{}}})", event.kind, event.data));
        if (!is_job_event(event.kind)) return;
        auto told = parse_job(event.data);
        if (told)
          job = std::move(told);
        else
          parsed = tl::unexpected(told.error());
      });
    });
    if (!more) return report(more.error());
    if (!*more) return report(Error{ErrorCode::agent_unreachable, "follow the job's events", "the agent ended them"});
  }
  if (!parsed) return report(parsed.error());
  return status != 0 ? status : status_of(*job);
}

}  // namespace larder::agent
