#include "agent/jobs/model/mirrors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error_table.h"

namespace larder::agent {

const std::string& given_url(const File& file, std::size_t index) {
  const std::size_t urls = file.spec.mirrors.size() + 1;
  const std::size_t at = (index + urls - file.mirror % urls) % urls;
  return at == 0 ? file.spec.url : file.spec.mirrors[at - 1].url;
}

void turn_to_next_mirror(File& file) {
  FileSpec& spec = file.spec;
  if (spec.mirrors.empty()) return;
  Mirror left{std::move(spec.url), std::move(spec.user), std::move(spec.password)};
  Mirror& next = spec.mirrors.front();
  spec.url = std::move(next.url);
  spec.user = std::move(next.user);
  spec.password = std::move(next.password);
  spec.mirrors.erase(spec.mirrors.begin());
  spec.mirrors.push_back(std::move(left));
  file.mirror = static_cast<unsigned>((file.mirror + 1) % (spec.mirrors.size() + 1));
}

bool is_of_the_url(ErrorCode code) {
  using enum ErrorCode;
  constexpr std::array kCodes = {not_found,           forbidden_url,   invalid_url,          network_unreachable,
                                 name_not_resolved,   connect_failed,  connection_lost,      timed_out,
                                 no_progress,         tls_failed,      certificate_rejected, unauthorized,
                                 proxy_unauthorized,  http_fatal,      http_transient,       bad_response,
                                 range_not_supported, version_changed, stale_proxy,          too_many_redirects,
                                 redirect_forbidden,  too_large,       digest_mismatch};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

MirrorRound::Decision MirrorRound::on_failed(std::size_t urls, const Error& error) {
  Decision decision;
  if (urls < 2 || !is_of_the_url(error.code)) return decision;
  if (error_info(error.code).retryable) passing_ = error;
  decision.next = may_turn(urls);
  if (decision.next) {
    ++failed_;
    return decision;
  }
  decision.over = true;
  decision.error = passing_.value_or(error);
  decision.error->detail = fmt::format("each of its {} URLs failed; {}", urls, decision.error->detail);
  failed_ = 0;
  passing_.reset();
  return decision;
}

void MirrorRound::progress(std::uint64_t bytes) {
  if (bytes < most_bytes_ + kMirrorProgress) return;
  most_bytes_ = bytes;
  failed_ = 0;
  passing_.reset();
}

}  // namespace larder::agent
