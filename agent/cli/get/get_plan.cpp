#include "agent/cli/get/get_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/cli/place/destination.h"
#include "base/hash/digest.h"
#include "client/job_follower.h"

namespace larder::agent {
namespace {

void add(std::string& text, std::string_view value) {
  text += fmt::format("{}:{},", value.size(), value);
}

}  // namespace

std::string without_user_info(const std::string& url) {
  const auto start = url.find("://");
  if (start == std::string::npos) return url;
  const auto authority_end = url.find_first_of("/?#", start + 3);
  const auto at = url.rfind('@', authority_end);
  if (at == std::string::npos || at < start + 3) return url;
  return url.substr(0, start + 3) + url.substr(at + 1);
}

std::string plan_key(const GetPlan& plan) {
  const JobRequest& request = plan.request;
  std::string text;
  for (const FileRequest& file : request.files) {
    for (const std::string& part : {without_user_info(file.url), file.destination, file.sha256}) add(text, part);
    for (const std::string& mirror : file.mirrors) add(text, "mirror " + without_user_info(mirror));
    if (file.credentials) add(text, "netrc " + file.credentials->user);
    for (const ByteRange& range : file.ranges) add(text, fmt::format("{}+{}", range.offset, range.length));
  }
  for (const auto& [name, value] : request.headers) add(text, name);
  for (const std::string& part : {request.user, without_user_info(request.proxy), request.ca_certificates, request.hook,
                                  request.minisign_public_key, request.minisign_signature})
    add(text, part);
  add(text, fmt::format("{}{}{}{}", request.app_verdict, request.use_cache, request.store, request.http));
  if (!request.use_peers) add(text, "no peers");
  if (!request.share) add(text, "no share");
  if (request.offline_ok) add(text, "offline ok");
  for (const FileRequest& file : request.files)
    if (file.remote_name) add(text, "remote name");
  return to_hex(blake2b256(as_bytes(text))).substr(0, 8);
}

std::string plan_job_name(const GetPlan& plan) {
  const auto& files = plan.request.files;
  std::string what = files.empty() ? std::string() : name_from_url(files.front().url);
  if (what.size() > 60) what = safe_name(what.substr(0, 60));
  if (files.size() > 1) what += fmt::format(" and {} more", files.size() - 1);
  return fmt::format("get {} #{}", what, plan_key(plan));
}

bool is_job_of(const GetPlan& plan, const JobView& job) {
  return !is_gone(job.state) && job.name == plan_job_name(plan) && job.files_total == plan.request.files.size();
}

bool worth_going_on(const JobView& job) {
  if (job.state != "error" || !job.error) return true;
  using enum ErrorCode;
  constexpr std::array kOfTheRequest = {unauthorized, proxy_unauthorized, certificate_rejected,
                                        tls_failed,   forbidden_url,      http_fatal,
                                        too_large,    too_many_redirects, redirect_forbidden};
  return std::find(kOfTheRequest.begin(), kOfTheRequest.end(), job.error->code) == kOfTheRequest.end();
}

bool worth_keeping(const JobView& job) {
  const bool judged =
      std::any_of(job.files.begin(), job.files.end(), [](const FileView& file) { return file.verdict == "not_valid"; });
  const bool unfinished = std::any_of(job.files.begin(), job.files.end(), [](const FileView& file) {
    return file.state != "transferred" && file.bytes > 0;
  });
  return judged || unfinished;
}

}  // namespace larder::agent
