#include "cache/write/block_cutter.h"

#include <algorithm>
#include <utility>

namespace larder::cache {

void BlockCutter::add_piece(Bytes bytes) {
  const std::uint64_t offset = next_ - bytes.size();  // next_ is past them already
  pending_ += bytes.size();
  if (!cut_.pieces.empty()) {
    Piece& last = cut_.pieces.back();
    if (last.bytes.data() + last.bytes.size() == bytes.data()) {
      last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
      return;
    }
  }
  cut_.pieces.push_back({offset, bytes});
}

void BlockCutter::push_carry() {
  const Bytes block = carry_.bytes();
  Buffer full = std::exchange(carry_, Buffer());
  add_piece(block);
  cut_.buffers.push_back(std::move(full));
}

std::size_t BlockCutter::append(Buffer bytes) {
  const std::size_t before = pending_;
  Bytes rest = bytes.bytes();
  if (!carry_.empty()) {
    const std::size_t taken = carry_.append(rest);
    next_ += taken;
    rest = rest.subspan(taken);
    if (carry_.size() == kBlockSize) push_carry();
  }
  const std::size_t whole = rest.size() / kBlockSize * kBlockSize;
  if (whole > 0) {
    next_ += whole;
    add_piece(rest.first(whole));
    rest = rest.subspan(whole);
  }
  if (!rest.empty()) {
    if (carry_.capacity() == 0) carry_ = Buffer(kBlockSize);
    next_ += carry_.append(rest);
  }
  if (whole > 0) cut_.buffers.push_back(std::move(bytes));
  return pending_ - before;
}

std::size_t BlockCutter::end_here() {
  const std::size_t size = carry_.size();
  if (size > 0) push_carry();
  return size;
}

Cut BlockCutter::take_blocks() {
  pending_ = 0;
  return std::exchange(cut_, Cut());
}

}  // namespace larder::cache
