#include "agent/verdict/verdict_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/io/log.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

Judgement not_valid(ErrorCode code, std::string doing, std::string detail) {
  return Judgement{Verdict::not_valid, Error{code, std::move(doing), std::move(detail)}};
}

std::string said(const std::string& output) {
  const std::string line = first_line(output);
  return line.empty() ? std::string() : ": " + line;
}

}  // namespace

std::string first_line(const std::string& output) {
  constexpr std::size_t kMax = 512;
  std::size_t begin = 0;
  while (begin < output.size()) {
    const std::size_t end = std::min(output.find('\n', begin), output.size());
    std::string line = output.substr(begin, std::min(end - begin, kMax));
    std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    const bool blank = line.find_first_not_of(' ') == std::string::npos;
    if (!blank) return line;
    begin = end + 1;
  }
  return {};
}

Result<std::optional<Judgement>> judge_digest(const Facts& facts) {
  const std::optional<Digest>& wanted = facts.wanted_sha256 ? facts.wanted_sha256 : facts.origin_sha256;
  if (!wanted) return std::optional<Judgement>();
  const std::string doing = "accept the content of " + log::redact_url(facts.url);
  if (!facts.sha256) return fail(ErrorCode::internal, doing, "its SHA-256 was not computed");
  if (*wanted == *facts.sha256) return std::optional<Judgement>();
  const char* who = facts.wanted_sha256 ? "the one asked for" : "the one that the origin promises";
  return not_valid(ErrorCode::digest_mismatch, doing,
                   fmt::format("its SHA-256 is {}, {} is {}", to_hex(*facts.sha256), who, to_hex(*wanted)));
}

Result<Judgement> judge_hook(const std::string& name, Duration timeout, const HookOutcome& outcome) {
  const std::string doing = "judge the content with the hook " + name;
  using How = HookOutcome::How;
  if (outcome.how == How::timed_out) {
    return fail(ErrorCode::hook_failed, doing,
                fmt::format("it took longer than {} and was ended{}", format_duration(timeout), said(outcome.output)));
  }
  if (outcome.how == How::signalled) {
    return fail(ErrorCode::hook_failed, doing,
                fmt::format("it was ended by signal {}{}", outcome.status, said(outcome.output)));
  }
  if (outcome.status == 0) return Judgement{};
  if (outcome.status == 1) {
    const std::string reason = first_line(outcome.output);
    return not_valid(
        ErrorCode::validation_failed, "accept the content",
        fmt::format("the hook {} says that it is not valid{}", name, reason.empty() ? std::string() : ": " + reason));
  }
  return fail(ErrorCode::hook_failed, doing,
              fmt::format("it ended with status {}, which is neither 0 (valid) nor 1 (not valid){}", outcome.status,
                          said(outcome.output)));
}

std::vector<std::string> hook_environment(const Facts& facts) {
  std::vector<std::string> all{
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "LANG=C.UTF-8",
      "LARDER_URL=" + facts.url,
      "LARDER_SIZE=" + std::to_string(facts.size),
      "LARDER_SOURCE=" + facts.source,
      "LARDER_JOB=" + facts.job_id,
      "LARDER_FILE=" + facts.file_id,
      "LARDER_CONTENT_FD=3",
  };
  if (facts.sha256) all.push_back("LARDER_SHA256=" + to_hex(*facts.sha256));
  return all;
}

}  // namespace larder::agent
