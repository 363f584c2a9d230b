// Limits of a job: number and size of its parts, and their form. Pure. Everything that a caller sends is checked here
// before any of it is kept.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/model/job.h"
#include "base/result.h"
#include "origin/url/url.h"

namespace larder::agent {

struct JobLimits {
  std::size_t max_jobs = 300, max_jobs_per_user = 60, max_files_per_job = 1000, max_ranges_per_file = 500;

  static constexpr std::size_t kMaxName = 256;
  static constexpr std::size_t kMaxUser = 300;
  static constexpr std::size_t kMaxPassword = 65535;
  static constexpr std::size_t kMaxProxy = 4000;
  static constexpr std::size_t kMaxPath = 4096;
  static constexpr std::size_t kMaxPem = 256 * 1024;
  static constexpr std::size_t kMaxMinisign = 8 * 1024;
  static constexpr std::size_t kMaxReason = 4096;
  static constexpr unsigned kMaxParallelRanges = 16;
  static constexpr std::size_t kMaxMirrors = 16;
  static constexpr Duration kMinRetryDelay = std::chrono::milliseconds(100);
  static constexpr Duration kMaxRetryDelay = std::chrono::minutes(10);
};

// Names that the configuration defines.
struct KnownNames {
  std::vector<std::string> hooks;
  std::vector<std::string> notify_commands;
  std::function<Status(const std::string& public_key, const std::string& signature)> check_minisign;
};

// `exempt`: true for root and admins, whom the four numbers do not bind.
[[nodiscard]] Status check_job_count(const JobLimits& limits, std::size_t jobs, std::size_t jobs_of_owner, bool exempt);
[[nodiscard]] Status check_file_count(const JobLimits& limits, std::size_t files, bool exempt);

[[nodiscard]] Status check_options(const JobOptions& options, const KnownNames& known);
[[nodiscard]] Status check_name(const std::string& name);
[[nodiscard]] Status check_retry_delay(Duration delay);
[[nodiscard]] Status check_time_limits(Duration no_progress_timeout, Duration maximum_time);
[[nodiscard]] Status check_notify_command(const std::string& name, const KnownNames& known);
// Returns true for a job of an earlier version, which has the path of a file instead of the authorities' text.
[[nodiscard]] bool names_ca_file(const origin::ConnectOptions& connect);
[[nodiscard]] Status check_reason(const std::string& reason);

// Checks the spec and brings it into its stored form: canonical URL, user info moved out.
[[nodiscard]] Status check_file(FileSpec& spec, const JobOptions& options, const JobLimits& limits,
                                const origin::UrlPolicy& policy, const KnownNames& known, bool exempt);
// Checks the URL alone (retarget), and sets url, user and password of `spec`.
[[nodiscard]] Status set_url(FileSpec& spec, const std::string& url, const origin::UrlPolicy& policy);
[[nodiscard]] Status check_ranges(const std::vector<ByteRange>& ranges, std::size_t max_ranges);

// Returns the policy for a job: its own wishes within what the configuration allows.
[[nodiscard]] origin::UrlPolicy job_policy(const origin::UrlPolicy& configured, const JobOptions& options);

}  // namespace larder::agent
