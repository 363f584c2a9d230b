#include "agent/cli/get/patience.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>

#include "base/text/units.h"

namespace larder::agent {
namespace {

// Returns scheme, host and port as written.
std::string_view site_of(std::string_view url) {
  const auto start = url.find("://");
  if (start == std::string_view::npos) return url;
  return url.substr(0, url.find_first_of("/?#", start + 3));
}

bool says_never(const Error& error) {
  return error.code == ErrorCode::name_not_resolved || error.code == ErrorCode::connect_failed;
}

bool has_ended(const FileView& file) {
  return file.state == "transferred" || file.state == "failed" || file.state == "validating";
}

// Parses the API's format: 2026-01-31T23:59:59.123Z.
std::optional<WallTime> parse_time(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u", &year, &month, &day, &hour, &minute, &second) != 6)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace

bool is_hopeless(const JobView& job, bool offline_ok) {
  if (job.state != "transient_error" || job.files.size() != job.files_total) return false;
  if (job.error_count < (offline_ok ? 2U : 1U)) return false;
  bool any = false;
  for (const FileView& file : job.files) {
    if (has_ended(file)) continue;
    any = true;
    if (file.bytes > 0 || !file.error || !says_never(*file.error)) return false;
    const bool answered = std::any_of(job.files.begin(), job.files.end(), [&file](const FileView& other) {
      return other.figures.origin > 0 && site_of(other.url) == site_of(file.url);
    });
    if (answered) return false;
  }
  return any;
}

std::string trouble_of(const JobView& job, WallTime now) {
  if (!job.error) return {};
  const auto end = parse_time(job.gives_up_at);
  if (!end || *end <= now) return fmt::format("trying again: {}", job.error->detail);
  const Duration left = *end - now;
  const bool minutes = left >= std::chrono::minutes(2) && left < std::chrono::hours(1);
  const std::string how_long = minutes ? fmt::format("{}m", std::chrono::floor<std::chrono::minutes>(left).count())
                                       : format_duration(std::chrono::ceil<std::chrono::seconds>(left));
  return fmt::format("trying for another {}: {}", how_long, job.error->detail);
}

}  // namespace larder::agent
