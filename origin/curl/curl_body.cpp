#include "origin/curl/curl_body.h"

#include <algorithm>
#include <utility>

namespace larder::origin {

void CurlBody::add(Buffer bytes) {
  if (!bytes.empty()) waiting_.push_back(std::move(bytes));
}

std::size_t CurlBody::take(std::span<std::byte> into) {
  std::size_t copied = 0;
  while (!waiting_.empty() && copied < into.size() && taken_ < length_) {
    const Bytes rest = waiting_.front().bytes().subspan(front_taken_);
    const auto most = std::min<std::uint64_t>({rest.size(), into.size() - copied, length_ - taken_});
    const auto now = static_cast<std::size_t>(most);
    std::copy_n(rest.begin(), now, into.begin() + static_cast<std::ptrdiff_t>(copied));
    copied += now;
    taken_ += now;
    front_taken_ += now;
    if (now < rest.size()) continue;
    waiting_.pop_front();
    front_taken_ = 0;
  }
  untold_ += copied;
  return copied;
}

std::size_t CurlBody::take_untold(bool at_end) {
  if (untold_ < kToldAtOnce && !all_taken() && !at_end) return 0;
  return std::exchange(untold_, 0);
}

}  // namespace larder::origin
