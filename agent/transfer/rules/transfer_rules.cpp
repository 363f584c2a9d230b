#include "agent/transfer/rules/transfer_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

bool conflict(const std::string& a, const std::string& b) {
  return !a.empty() && !b.empty() && a != b;
}

bool is_lost_link(ErrorCode code) {
  return code == ErrorCode::connection_lost || code == ErrorCode::timed_out || code == ErrorCode::no_progress;
}

// Errors of an origin that may refuse several connections at once; one may still be accepted.
bool may_be_too_many(ErrorCode code) {
  return is_lost_link(code) || code == ErrorCode::connect_failed || code == ErrorCode::http_transient ||
         code == ErrorCode::http_fatal || code == ErrorCode::bad_response;
}

}  // namespace

bool may_be_of(const cache::Version& version, const cache::Version& answer) {
  if (version.url != answer.url) return false;
  if (version.size && version.size != answer.size) return false;
  return !conflict(version.etag, answer.etag) && !conflict(version.last_modified, answer.last_modified);
}

bool names_edition(const cache::Version& version) {
  return !version.etag.empty() || (version.size && !version.last_modified.empty());
}

bool can_go_on(const cache::ContentInfo& info) {
  return info.state == cache::ContentState::partial && info.size && info.bytes_held > 0 &&
         std::any_of(info.versions.begin(), info.versions.end(),
                     [](const cache::Version& version) { return version.has_validator(); });
}

cache::FirstAnswer first_answer_of(const origin::Edition& edition) {
  const auto url = origin::parse_found_url(edition.effective_url);
  return {url ? url->host : std::string(), edition.media_type};
}

std::optional<std::string> why_not_the_origins(const std::vector<cache::FirstAnswer>& begun,
                                               const origin::Edition& edition) {
  if (begun.empty() || edition.any_validator) return std::nullopt;
  const cache::FirstAnswer now = first_answer_of(edition);
  const bool other = std::all_of(begun.begin(), begun.end(), [&now](const cache::FirstAnswer& then) {
    return then.host != now.host && then.media_type != now.media_type;
  });
  if (!other) return std::nullopt;
  const auto type = [](const std::string& text) { return text.empty() ? std::string("of no type") : text; };
  return fmt::format(
      "the answer comes from {} and not from {}, is {} and not {}, and has neither ETag nor Last-Modified: it need not "
      "be the origin's (the login page of a network or proxy is such an answer); what is there of the file is kept",
      now.host, begun.front().host, type(now.media_type), type(begun.front().media_type));
}

std::vector<cache::FirstAnswer> begun_with(const std::vector<cache::ContentInfo>& held) {
  std::vector<cache::FirstAnswer> answers;
  for (const cache::ContentInfo& info : held) {
    if (can_go_on(info) && !info.first_answer.host.empty()) answers.push_back(info.first_answer);
  }
  return answers;
}

std::optional<cache::ContentInfo> old_part(const std::vector<cache::ContentInfo>& held, const cache::ContentId& chosen,
                                           const std::string& url) {
  const cache::ContentInfo* best = nullptr;
  for (const cache::ContentInfo& info : held) {
    const bool of_url = std::any_of(info.versions.begin(), info.versions.end(),
                                    [&url](const cache::Version& version) { return version.url == url; });
    if (info.id == chosen || !of_url || !can_go_on(info)) continue;
    if (best == nullptr || info.bytes_held > best->bytes_held) best = &info;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

bool RestartRule::restart() {
  if (restarts_ >= kMaxRestarts) return false;
  ++restarts_;
  return true;
}

Error RestartRule::given_up(const std::string& url) const {
  return Error{ErrorCode::version_changed, "fetch " + log::redact_url(url),
               fmt::format("the origin published another edition {} times during the transfer, which started over {} "
                           "times; try again when the file is no longer being replaced",
                           restarts_ + 1, restarts_)};
}

BreakDecision on_origin_break(const StreamBreak& what) {
  if (what.code == ErrorCode::version_changed) return BreakDecision::restart;
  // Its turn was given to another user: the next request waits for a new turn.
  if (what.resumable && what.code == ErrorCode::busy) return BreakDecision::resume;
  if (what.code == ErrorCode::range_not_supported && !what.whole) return BreakDecision::whole_only;
  if (what.resumable && what.others > 0 && may_be_too_many(what.code)) return BreakDecision::narrow;
  if (what.resumable && is_lost_link(what.code) && what.progress >= kResumeProgress) return BreakDecision::resume;
  return BreakDecision::fail;
}

}  // namespace larder::agent
