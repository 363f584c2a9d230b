#include "agent/jobs/rules/job_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "agent/transfer/rules/piece_map.h"
#include "base/text/text.h"
#include "origin/http/authorities.h"
#include "origin/http/given_headers.h"

namespace larder::agent {
namespace {

constexpr std::string_view kDoing = "make the job";

tl::unexpected<Error> invalid(std::string detail) {
  return fail(ErrorCode::invalid_argument, std::string(kDoing), std::move(detail));
}

std::string list_names(const std::vector<std::string>& names) {
  return names.empty() ? "none is configured" : fmt::format("configured are: {}", fmt::join(names, ", "));
}

Status check_length(std::string_view what, const std::string& text, std::size_t limit) {
  if (text.size() > limit) return invalid(fmt::format("the {} is longer than {} bytes", what, limit));
  if (text.find('\0') != std::string::npos) return invalid(fmt::format("the {} contains a NUL", what));
  return {};
}

Status check_connect(const origin::ConnectOptions& connect) {
  struct Field {
    std::string_view what;
    const std::string& text;
    std::size_t limit;
  };
  const Field fields[] = {
      {"user", connect.user, JobLimits::kMaxUser},
      {"password", connect.password, JobLimits::kMaxPassword},
      {"proxy", connect.proxy, JobLimits::kMaxProxy},
      {"proxy user", connect.proxy_user, JobLimits::kMaxUser},
      {"proxy password", connect.proxy_password, JobLimits::kMaxPassword},
      {"client certificate", connect.client_certificate, JobLimits::kMaxPem},
      {"client key", connect.client_key, JobLimits::kMaxPem},
      {"client key password", connect.client_key_password, JobLimits::kMaxPassword},
  };
  for (const Field& field : fields) {
    if (auto status = check_length(field.what, field.text, field.limit); !status) return status;
  }
  if (has_control(connect.proxy)) return invalid("the proxy contains control characters");
  if (!connect.ca_certificates.empty()) {
    if (auto status = origin::check_authorities(connect.ca_certificates); !status) return status;
  }
  if (connect.client_certificate.empty() != connect.client_key.empty()) {
    return invalid("a client certificate and its key go together; one of them is missing");
  }
  if (const auto refusal = origin::refusal_of(connect.headers)) return invalid(*refusal);
  return {};
}

Status check_minisign_of(const FileSpec& spec, const JobOptions& options, const KnownNames& known) {
  const std::string& key = options.verdict.minisign_public_key;
  const std::string& signature =
      spec.minisign_signature.empty() ? options.verdict.minisign_signature : spec.minisign_signature;
  if (key.empty() && signature.empty()) return {};
  if (key.empty()) return invalid("a minisign signature is given without the public key");
  if (signature.empty())
    return invalid(fmt::format("a minisign public key is given, but no signature for {}", spec.url));
  if (signature.size() > JobLimits::kMaxMinisign || key.size() > JobLimits::kMaxMinisign) {
    return invalid(fmt::format("a minisign key or signature is longer than {} bytes", JobLimits::kMaxMinisign));
  }
  return known.check_minisign(key, signature);
}

}  // namespace

Status check_job_count(const JobLimits& limits, std::size_t jobs, std::size_t jobs_of_owner, bool exempt) {
  if (exempt) return {};
  if (jobs_of_owner >= limits.max_jobs_per_user) {
    return fail(ErrorCode::limit_exceeded, std::string(kDoing),
                fmt::format("you have {} jobs, the limit for a user; complete or cancel some", jobs_of_owner));
  }
  if (jobs >= limits.max_jobs) {
    return fail(ErrorCode::limit_exceeded, std::string(kDoing),
                fmt::format("the agent has {} jobs, its limit; complete or cancel some", jobs));
  }
  return {};
}

Status check_file_count(const JobLimits& limits, std::size_t files, bool exempt) {
  if (exempt || files <= limits.max_files_per_job) return {};
  return fail(
      ErrorCode::limit_exceeded, std::string(kDoing),
      fmt::format("it would have {} files and {} is the limit; make several jobs", files, limits.max_files_per_job));
}

Status check_name(const std::string& name) {
  if (auto status = check_length("name", name, JobLimits::kMaxName); !status) return status;
  if (has_control(name)) return invalid("the name contains control characters");
  return {};
}

Status check_retry_delay(Duration delay) {
  if (delay < JobLimits::kMinRetryDelay || delay > JobLimits::kMaxRetryDelay) {
    return invalid("the retry delay is not between 0.1 s and 600 s");
  }
  return {};
}

Status check_time_limits(Duration no_progress_timeout, Duration maximum_time) {
  if (no_progress_timeout < Duration::zero()) return invalid("the no-progress time-out is negative");
  if (maximum_time <= Duration::zero()) return invalid("the maximum time is not above zero");
  return {};
}

Status check_notify_command(const std::string& name, const KnownNames& known) {
  const auto& names = known.notify_commands;
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return {};
  return invalid(fmt::format("there is no notify command of that name; {}", list_names(names)));
}

bool names_ca_file(const origin::ConnectOptions& connect) {
  return connect.ca_certificates.starts_with('/') && connect.ca_certificates.find("-----BEGIN ") == std::string::npos;
}

Status check_reason(const std::string& reason) {
  return check_length("reason", reason, JobLimits::kMaxReason);
}

Status check_options(const JobOptions& options, const KnownNames& known) {
  if (auto status = check_name(options.name); !status) return status;
  if (auto status = check_retry_delay(options.retry_delay); !status) return status;
  if (auto status = check_time_limits(options.no_progress_timeout, options.maximum_time); !status) return status;
  if (auto status = check_notify_command(options.notify_command, known); !status) return status;
  if (options.parallel_ranges < 1 || options.parallel_ranges > JobLimits::kMaxParallelRanges) {
    return invalid(fmt::format("parallel ranges are not between 1 and {}", JobLimits::kMaxParallelRanges));
  }
  const std::string& hook = options.verdict.hook;
  if (!hook.empty() && std::find(known.hooks.begin(), known.hooks.end(), hook) == known.hooks.end()) {
    return invalid(fmt::format("there is no hook of that name; {}", list_names(known.hooks)));
  }
  return check_connect(options.connect);
}

Status check_ranges(const std::vector<ByteRange>& ranges, std::size_t max_ranges) {
  if (ranges.size() > max_ranges) {
    return fail(ErrorCode::limit_exceeded, std::string(kDoing),
                fmt::format("a file has {} ranges and {} is the limit", ranges.size(), max_ranges));
  }
  constexpr std::uint64_t kToEnd = UINT64_MAX;
  // [offset, end) of each range; a range to the end of the content ends beyond every other.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
  std::size_t of_the_end = 0;
  for (const ByteRange& range : ranges) {
    of_the_end += range.offset == kFromTheEnd || range.length == kToEnd ? 1 : 0;
    if (range.offset == kFromTheEnd) {
      // Its place is known with the size only (piece_map.h), but it includes the end.
      if (range.length == 0) return invalid("the last 0 bytes are no range");
      if (of_the_end > 1) return invalid("two ranges reach to the end and overlap");
      continue;
    }
    if (range.length == 0) return invalid(fmt::format("the range at {} is empty", range.offset));
    if (range.length != kToEnd && range.length > kToEnd - range.offset) {
      return invalid(fmt::format("the range at {} ends beyond any content", range.offset));
    }
    spans.emplace_back(range.offset, range.length == kToEnd ? kToEnd : range.end());
    if (of_the_end > 1 && range.length == kToEnd) return invalid("two ranges reach to the end and overlap");
  }
  std::sort(spans.begin(), spans.end());
  for (std::size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].first < spans[i - 1].second) {
      return invalid(fmt::format("the ranges at {} and {} overlap", spans[i - 1].first, spans[i].first));
    }
  }
  return {};
}

Status set_url(FileSpec& spec, const std::string& url, const origin::UrlPolicy& policy) {
  auto parsed = origin::parse_url(url);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  if (auto status = origin::check_url(policy, *parsed); !status) return status;
  if (auto status = check_length("user of a URL", parsed->user, JobLimits::kMaxUser); !status) return status;
  spec.url = parsed->canonical();
  spec.user = parsed->user;
  spec.password = parsed->password;
  return {};
}

Status check_mirrors(FileSpec& spec, const origin::UrlPolicy& policy) {
  if (spec.mirrors.empty()) return {};
  if (!spec.sha256)
    return invalid(
        "mirrors are given without a SHA-256; of two servers each may have another file under the same name, and only "
        "the digest tells which is the one that is meant");
  if (spec.mirrors.size() > JobLimits::kMaxMirrors)
    return fail(ErrorCode::limit_exceeded, std::string(kDoing),
                fmt::format("a file has {} mirrors and {} is the limit", spec.mirrors.size(), JobLimits::kMaxMirrors));
  for (Mirror& mirror : spec.mirrors) {
    FileSpec one;
    if (auto status = set_url(one, mirror.url, policy); !status) return status;
    mirror = {std::move(one.url), std::move(one.user), std::move(one.password)};
  }
  return {};
}

Status check_file(FileSpec& spec, const JobOptions& options, const JobLimits& limits, const origin::UrlPolicy& policy,
                  const KnownNames& known, bool exempt) {
  const std::string url = spec.url;
  if (auto status = set_url(spec, url, policy); !status) return status;
  if (auto status = check_length("destination", spec.destination, JobLimits::kMaxPath); !status) return status;
  if (auto status = check_mirrors(spec, policy); !status) return status;
  const std::size_t max_ranges = exempt ? SIZE_MAX : limits.max_ranges_per_file;
  if (auto status = check_ranges(spec.ranges, max_ranges); !status) return status;
  return check_minisign_of(spec, options, known);
}

origin::UrlPolicy job_policy(const origin::UrlPolicy& configured, const JobOptions& options) {
  origin::UrlPolicy policy = configured;
  const bool loosens = options.redirect_loopback && configured.allow_loopback && !configured.redirect_to_loopback;
  policy.redirect_to_loopback |= loosens;
  policy.sharing.callers_redirect = loosens;
  return policy;
}

}  // namespace larder::agent
