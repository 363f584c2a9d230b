#include "agent/cli/command/doctor.h"

#include <fmt/format.h>

#include "agent/cli/show/progress.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::uint64_t kFewOpenFiles = 256;
constexpr std::uint64_t kLittleSpace = 256 * kMiB;

DoctorLine agent_line(const DoctorFacts& facts) {
  if (facts.unreachable)
    return {"agent", Grade::bad, facts.unreachable->text(),
            facts.larderd.empty() ? "install larderd; it is neither beside larder nor in PATH"
                                  : "start it (systemctl start larderd), or let `larder get` start one for you"};
  return {"agent", Grade::ok,
          fmt::format("{} answers (process {}, up {})", facts.agent_place, facts.status->pid,
                      format_duration(std::chrono::seconds(static_cast<std::int64_t>(facts.status->uptime_s)))),
          ""};
}

DoctorLine version_line(const DoctorFacts& facts) {
  if (facts.status->version == facts.own_version)
    return {"version", Grade::ok, facts.own_version + " on both sides", ""};
  return {"version", Grade::warn, fmt::format("larder is {}, the agent {}", facts.own_version, facts.status->version),
          "restart the agent after an update (systemctl restart larderd)"};
}

DoctorLine state_line(const DoctorFacts& facts) {
  const std::string& directory = facts.status->state_directory;
  if (!facts.state_trouble.empty())
    return {"state", Grade::bad, fmt::format("{}: {}", directory, facts.state_trouble),
            "give the directory back to the agent's user, mode 0700"};
  if (facts.state_free && *facts.state_free < kLittleSpace)
    return {"state", Grade::bad, fmt::format("{}: only {} free", directory, format_bytes(*facts.state_free)),
            "free space there, or move the agent with agent.state_directory; downloads need room for each file"};
  return {"state", Grade::ok, directory, ""};
}

DoctorLine cache_line(const DoctorFacts& facts) {
  const StatusView& status = *facts.status;
  const std::string held = fmt::format("{} records, {} of {}", status.records, format_bytes(status.cache_bytes),
                                       format_bytes(status.max_size));
  if (status.dropped > 0)
    return {"cache", Grade::warn, fmt::format("{}; {} records were damaged and dropped", held, status.dropped),
            "look for disk errors (dmesg, smartctl)"};
  if (status.available < status.keep_free)
    return {"cache", Grade::warn,
            fmt::format("{}; the file system has {} free, less than the {} kept for you", held,
                        format_bytes(status.available), format_bytes(status.keep_free)),
            "the cache keeps nothing new until there is room: free space, or lower cache.keep_free"};
  return {"cache", Grade::ok, held, ""};
}

DoctorLine config_line(const DoctorFacts& facts) {
  if (facts.config_error)
    return {"configuration", Grade::bad, facts.config_error->text(),
            "mend it, then `larder config check`; a running agent keeps the last good one"};
  return {"configuration", Grade::ok, facts.config_file.empty() ? "defaults, there is no file" : facts.config_file, ""};
}

DoctorLine clock_line(const DoctorFacts& facts) {
  if (facts.clock_year < 2024 || facts.clock_year > 2100)
    return {"clock", Grade::bad, fmt::format("the clock says {}", facts.clock_year),
            "set it: certificates cannot be checked with a wrong clock"};
  if (!facts.clock_synchronised)
    return {"clock", Grade::warn, "the clock is not synchronised", "start a time service (systemd-timesyncd, chrony)"};
  return {"clock", Grade::ok, "set and synchronised", ""};
}

DoctorLine open_files_line(const DoctorFacts& facts) {
  const std::string finding = fmt::format("{} open files allowed here", facts.open_files_limit);
  if (facts.open_files_limit >= kFewOpenFiles) return {"limits", Grade::ok, finding, ""};
  return {"limits", Grade::warn, finding, "raise it (ulimit -n 1024): many small files are received at a time"};
}

DoctorLine proxy_line(const DoctorFacts& facts) {
  if (facts.proxy_variables.empty()) return {"proxy", Grade::ok, "none in the environment", ""};
  std::string all;
  for (const std::string& one : facts.proxy_variables) all += (all.empty() ? "" : ", ") + one;
  return {"proxy", Grade::warn, all + " in this environment",
          "the system's agent does not see it: set origin.proxy in its configuration, or --proxy"};
}

DoctorLine jobs_line(const std::vector<JobView>& jobs) {
  std::size_t failed = 0;
  std::size_t waiting = 0;
  for (const JobView& job : jobs) {
    failed += job.state == "error" ? 1u : 0u;
    waiting += job.state == "transferred" ? 1u : 0u;
  }
  if (failed == 0 && waiting == 0) return {"jobs", Grade::ok, fmt::format("{}, none in trouble", jobs.size()), ""};
  if (failed == 0)
    return {"jobs", Grade::warn, fmt::format("{} finished and not taken", waiting),
            "larder job list; then larder job complete or cancel"};
  return {"jobs", Grade::warn, fmt::format("{} in error", failed), "see below"};
}

void add_failed_jobs(const std::vector<JobView>& jobs, std::vector<DoctorLine>& lines) {
  for (const JobView& job : jobs) {
    if (job.state != "error" && job.state != "transient_error") continue;
    const bool again = job.state == "transient_error";
    lines.push_back(
        {"job " + job.id, Grade::warn, job.error ? job.error->text() : "it failed without a cause",
         again ? "it is tried again by itself; `larder job start " + job.id + "` does so now"
               : "mend the cause, then `larder job start " + job.id + "`, or `larder job cancel " + job.id + "`"});
  }
}

// Explains why no other agent benefits from a download, and names the key that changes it.
void add_unshared_jobs(const std::vector<JobView>& jobs, std::vector<DoctorLine>& lines) {
  constexpr std::size_t kMaxLines = 8;
  std::size_t more = 0;
  std::size_t told = 0;
  for (const JobView& job : jobs) {
    if (!job.not_shared) continue;
    if (told++ >= kMaxLines) {
      ++more;
      continue;
    }
    const NotSharedView& why = *job.not_shared;
    DoctorLine line{"job " + job.id, Grade::ok,
                    fmt::format("{}: {}", why.machine ? "not offered to neighbours" : "not shared", why.text), ""};
    if (!why.machine && !why.key.empty()) {
      line.grade = Grade::warn;
      line.advice = fmt::format("an admin can change that with {} in the agent's configuration", why.key);
    }
    lines.push_back(std::move(line));
  }
  if (more > 0) lines.push_back({"jobs", Grade::ok, fmt::format("{} more are not shared", more), ""});
}

}  // namespace

std::string grade_name(Grade grade) {
  switch (grade) {
    case Grade::ok:
      return "ok";
    case Grade::warn:
      return "warn";
    case Grade::bad:
      return "bad";
  }
  return "bad";
}

std::vector<DoctorLine> diagnose(const DoctorFacts& facts) {
  std::vector<DoctorLine> lines = {agent_line(facts)};
  if (facts.status) {
    lines.push_back(version_line(facts));
    lines.push_back(state_line(facts));
    lines.push_back(cache_line(facts));
    lines.push_back(jobs_line(facts.jobs));
    add_failed_jobs(facts.jobs, lines);
    add_unshared_jobs(facts.jobs, lines);
  }
  lines.push_back(config_line(facts));
  lines.push_back(clock_line(facts));
  lines.push_back(open_files_line(facts));
  lines.push_back(proxy_line(facts));
  if (facts.peers) diagnose_peers(*facts.peers, lines);
  return lines;
}

std::string doctor_text(const std::vector<DoctorLine>& lines) {
  std::string text;
  for (const DoctorLine& line : lines) {
    text += fmt::format("{:<5}{:<14} {}\n", grade_name(line.grade), printable(line.check), printable(line.finding));
    if (!line.advice.empty()) text += fmt::format("{:<20}-> {}\n", "", printable(line.advice));
  }
  return text;
}

}  // namespace larder::agent
