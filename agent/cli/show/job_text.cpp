#include "agent/cli/show/job_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "agent/cli/show/progress.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

std::string share_of(std::uint64_t bytes, std::optional<std::uint64_t> size) {
  if (!size) return format_bytes(bytes);
  return fmt::format("{} of {}", format_bytes(bytes), format_bytes(*size));
}

std::string sources(const FiguresView& figures) {
  std::string text = fmt::format("origin {}, peers {}, cache {}", format_bytes(figures.origin),
                                 format_bytes(figures.peers), format_bytes(figures.cache));
  if (figures.wasted > 0) text += fmt::format("; wasted {}", format_bytes(figures.wasted));
  return text;
}

// The members, then this agent's share of the segments.
std::string crowd_text(const std::optional<CrowdView>& crowd) {
  if (!crowd) return {};
  return fmt::format("{} others, {} fetch; of {} segments {} here ({} from the origin), {} elsewhere, {} on their way",
                     crowd->members, crowd->fetchers, crowd->segments, crowd->held, crowd->first_hand, crowd->elsewhere,
                     crowd->claimed);
}

void add(std::string& page, const char* label, const std::string& value) {
  if (!value.empty()) page += fmt::format("{:<14}{}\n", label, printable(value));
}

bool is_upload(const JobView& job) {
  return job.kind == "upload";
}

void add_detail(std::string& text, const char* label, const std::string& value) {
  if (!value.empty()) text += fmt::format("     {:<14}{}\n", label, printable(value));
}

std::string source_text(const std::string& source) {
  if (source == "snapshot") return "a copy, which the agent has";
  return source == "in_place" ? "the file itself, which must not change" : source;
}

std::string uploaded_file_text(const FileView& file) {
  std::string text = fmt::format("\n{:>3}  {}\n", file.index, printable(file.url));
  add_detail(text, "file", file.name);
  add_detail(text, "state", file.state);
  add_detail(text, "taken", share_of(file.bytes, file.size));
  std::string sent = format_bytes(file.sent);
  if (file.resent > 0) sent += fmt::format(", {} of it again", format_bytes(file.resent));
  add_detail(text, "sent", sent);
  add_detail(text, "protocol", file.protocol);
  add_detail(text, "transaction", file.transaction);
  add_detail(text, "source", source_text(file.source));
  add_detail(text, "SHA-256", file.actual_sha256);
  if (file.state == "transferred")
    add_detail(text, "digest", file.confirmed ? "confirmed by the server" : "not named by the server");
  if (file.reply) add_detail(text, "reply", "there is one: larder job reply");
  add_detail(text, "note", file.note);
  if (file.error) add_detail(text, "error", file.error->text());
  return text;
}

std::string file_text(const FileView& file) {
  std::string text = fmt::format("\n{:>3}  {}\n", file.index, printable(file.url));
  const auto detail = [&text](const char* label, const std::string& value) { add_detail(text, label, value); };
  detail("state", file.state);
  detail("bytes", share_of(file.bytes, file.size));
  detail("from", sources(file.figures));
  detail("crowd", crowd_text(file.crowd));
  detail("destination", file.destination);
  detail("ETag", file.etag);
  detail("Last-Modified", file.last_modified);
  detail("SHA-256", file.actual_sha256);
  if (!file.verdict.empty())
    detail("verdict", file.verdict + (file.verdict_reason.empty() ? "" : ": " + file.verdict_reason));
  detail("named", file.file_name);
  for (const std::string& mirror : file.mirrors) detail("mirror", mirror);
  const bool by_mirror = file.mirror > 0 && file.mirror <= file.mirrors.size();
  const std::string& asked = by_mirror ? file.mirrors[file.mirror - 1] : file.url;
  if (by_mirror) detail("served by", asked);
  if (file.effective_url != asked) detail("redirected to", file.effective_url);
  if (file.restarts > 0) detail("restarts", std::to_string(file.restarts));
  if (file.offline_age_s) {
    const std::chrono::duration<double> age(*file.offline_age_s);
    detail("offline", "the origin was not asked; the edition was " +
                          format_duration(std::chrono::duration_cast<Duration>(age)) + " old");
  }
  detail("note", file.note);
  if (file.error) detail("error", file.error->text());
  return text;
}

}  // namespace

std::string job_line(const JobView& job) {
  return fmt::format("{}  {:<15}  {}  {}", job.id, job.state, share_of(job.bytes, job.size), printable(job.name));
}

std::string job_table(const std::vector<JobView>& jobs) {
  if (jobs.empty()) return "no jobs\n";
  // People who only download see no column that says so.
  const bool kinds = std::any_of(jobs.begin(), jobs.end(), is_upload);
  const auto kind = [kinds](std::string_view word) { return kinds ? fmt::format("{:<8}  ", word) : std::string(); };
  std::string text = fmt::format("{:<16}  {}{:<15}  {:<10}  {:>9}  {:<24}  {}\n", "ID", kind("KIND"), "STATE",
                                 "PRIORITY", "FILES", "BYTES", "NAME");
  for (const JobView& job : jobs) {
    text += fmt::format("{:<16}  {}{:<15}  {:<10}  {:>9}  {:<24}  {}\n", job.id, kind(job.kind), job.state,
                        job.priority, fmt::format("{}/{}", job.files_done, job.files_total),
                        share_of(job.bytes, job.size), printable(job.name));
    if (job.error) text += fmt::format("{:<16}  {}\n", "", printable(job.error->text()));
  }
  return text;
}

std::string job_page(const JobView& job) {
  std::string page;
  add(page, "job", job.id);
  add(page, "name", job.name);
  if (is_upload(job)) add(page, "kind", job.kind);
  add(page, "state", job.state);
  add(page, "priority", job.priority);
  add(page, "owner", std::to_string(job.owner));
  add(page, is_upload(job) ? "taken" : "bytes", share_of(job.bytes, job.size));
  if (!is_upload(job)) add(page, "from", sources(job.figures));
  if (job.files.size() != 1) add(page, "crowd", crowd_text(job.crowd));
  if (job.max_rate > 0) add(page, "limit", format_rate(static_cast<double>(job.max_rate)));
  add(page, "created", job.created);
  add(page, "finished", job.finished);
  add(page, "tries again", job.retry_at);
  add(page, "gives up", job.gives_up_at);
  if (job.error) add(page, "error", job.error->text());
  for (const FileView& file : job.files) page += is_upload(job) ? uploaded_file_text(file) : file_text(file);
  return page;
}

}  // namespace larder::agent
