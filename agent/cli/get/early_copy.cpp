#include "agent/cli/get/early_copy.h"

#include <algorithm>

namespace larder::agent {

bool EarlyCopy::observe(const FileView& file) {
  const bool other = file.content != content_ || file.restarts != restarts_ || file.contiguous < done_ ||
                     (size_ && file.size != size_);
  const bool had_something = done_ > 0;
  if (other) done_ = 0;
  content_ = file.content;
  restarts_ = file.restarts;
  size_ = file.size;
  committed_ = file.contiguous;
  return other && had_something;
}

bool EarlyCopy::wants_descriptor() const {
  return !given_up_ && !content_.empty() && size_ && *size_ >= kMinSize && committed_ > 0;
}

std::optional<ByteRange> EarlyCopy::next() const {
  if (!wants_descriptor()) return std::nullopt;
  const std::uint64_t end = std::min(committed_, *size_);
  if (done_ >= end) return std::nullopt;
  return ByteRange{done_, std::min(kStep, end - done_)};
}

void EarlyCopy::copied(const ByteRange& range) {
  if (range.offset == done_) done_ = range.end();
}

void EarlyCopy::give_up() {
  given_up_ = true;
  done_ = 0;
}

}  // namespace larder::agent
