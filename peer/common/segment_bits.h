// A set of segments of one content, in words. Pure.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hash/digest.h"

namespace larder::peer {

class SegmentBits {
 public:
  SegmentBits() = default;
  explicit SegmentBits(std::uint64_t segments) : segments_(segments), words_((segments + 63) / 64) {}

  [[nodiscard]] bool has(std::uint64_t segment) const {
    return segment < segments_ && ((words_[segment / 64] >> (segment % 64)) & 1) != 0;
  }
  void set(std::uint64_t segment) { words_[segment / 64] |= std::uint64_t{1} << (segment % 64); }
  void clear(std::uint64_t segment) { words_[segment / 64] &= ~(std::uint64_t{1} << (segment % 64)); }
  void fill() {
    for (std::uint64_t& word : words_) word = ~std::uint64_t{0};
    if (segments_ % 64 != 0) words_.back() = (std::uint64_t{1} << (segments_ % 64)) - 1;
  }
  void reset() {
    for (std::uint64_t& word : words_) word = 0;
  }
  // Sets eight segments from `first` (a multiple of 8) on; bits beyond the end are ignored.
  void set_byte(std::uint64_t first, std::byte bits) {
    if (first >= segments_) return;
    std::uint64_t& word = words_[first / 64];
    const auto shift = static_cast<unsigned>(first % 64);
    word = (word & ~(std::uint64_t{0xff} << shift)) | (static_cast<std::uint64_t>(bits) << shift);
    const std::uint64_t tail = segments_ % 64;
    if (tail != 0) words_.back() &= (std::uint64_t{1} << tail) - 1;
  }
  [[nodiscard]] std::byte byte_at(std::uint64_t first) const {
    return first < segments_ ? static_cast<std::byte>(words_[first / 64] >> (first % 64)) : std::byte{0};
  }
  [[nodiscard]] std::uint64_t size() const { return segments_; }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t word : words_) sum += static_cast<unsigned>(std::popcount(word));
    return sum;
  }
  [[nodiscard]] std::size_t words() const { return words_.size(); }
  [[nodiscard]] std::uint64_t word(std::size_t index) const { return words_[index]; }
  std::uint64_t& word(std::size_t index) { return words_[index]; }
  friend bool operator==(const SegmentBits&, const SegmentBits&) = default;

 private:
  std::uint64_t segments_ = 0;
  std::vector<std::uint64_t> words_;
};

// Calls visit(segment) for each bit of a word of the set.
template <typename Visit>
void for_each_bit(std::size_t index, std::uint64_t word, Visit&& visit) {
  while (word != 0) {
    visit(static_cast<std::uint64_t>(index) * 64 + static_cast<unsigned>(std::countr_zero(word)));
    word &= word - 1;
  }
}

}  // namespace larder::peer
