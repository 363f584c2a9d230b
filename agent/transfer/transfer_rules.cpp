#include "agent/transfer/transfer_rules.h"

#include <fmt/format.h>

#include "base/error_table.h"
#include "base/log.h"

namespace larder::agent {
namespace {

bool conflict(const std::string& a, const std::string& b) {
  return !a.empty() && !b.empty() && a != b;
}

bool is_lost_link(ErrorCode code) {
  return code == ErrorCode::connection_lost || code == ErrorCode::timed_out || code == ErrorCode::no_progress;
}

// What an origin says, or does, that dislikes several connections at once; one may still be welcome.
bool may_be_too_many(ErrorCode code) {
  return is_lost_link(code) || code == ErrorCode::connect_failed || code == ErrorCode::http_transient ||
         code == ErrorCode::http_fatal || code == ErrorCode::bad_response;
}

}  // namespace

bool may_be_of(const cache::Version& version, const cache::Version& answer) {
  if (version.url != answer.url) return false;
  if (version.size && answer.size && *version.size != *answer.size) return false;
  return !conflict(version.etag, answer.etag) && !conflict(version.last_modified, answer.last_modified);
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
  if (what.code == ErrorCode::range_not_supported && !what.whole) return BreakDecision::whole_only;
  if (what.resumable && what.others > 0 && may_be_too_many(what.code)) return BreakDecision::narrow;
  if (what.resumable && is_lost_link(what.code) && what.progress >= kResumeProgress) return BreakDecision::resume;
  return BreakDecision::fail;
}

}  // namespace larder::agent
