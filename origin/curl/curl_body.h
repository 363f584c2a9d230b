// The body of a request, on its way to libcurl: the bytes that the loop gave and libcurl has not taken yet. Bytes that
// were taken are gone, so a request with a body is never sent a second time. Curl thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <span>

#include "base/hash/buffer.h"

namespace larder::origin {

class CurlBody {
 public:
  // What is told to the loop in one event: a smaller number wakes it more often.
  static constexpr std::size_t kToldAtOnce = 128 * 1024;

  explicit CurlBody(std::uint64_t length) : length_(length) {}

  void add(Buffer bytes);
  // Returns how many bytes were copied: 0 if none are there.
  [[nodiscard]] std::size_t take(std::span<std::byte> into);
  [[nodiscard]] std::uint64_t length() const { return length_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] bool all_taken() const { return taken_ == length_; }
  // Returns the bytes taken since the last call, once they are worth an event: kToldAtOnce of them, or the last ones.
  [[nodiscard]] std::size_t take_untold(bool at_end);

 private:
  const std::uint64_t length_;
  std::uint64_t taken_ = 0;
  std::size_t untold_ = 0;
  std::deque<Buffer> waiting_;
  std::size_t front_taken_ = 0;  // of waiting_.front()
};

}  // namespace larder::origin
