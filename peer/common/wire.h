// Big-endian integers and length-capped fields for datagrams and signed statements. Pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/hash/digest.h"

namespace larder::peer {

class WireWriter {
 public:
  template <std::unsigned_integral T>
  void number(T value) {
    for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
      out_.push_back(static_cast<std::byte>(value >> shift));
    }
  }
  void bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(out_); }
  [[nodiscard]] std::size_t size() const { return out_.size(); }

 private:
  std::vector<std::byte> out_;
};

// Reads fields. After the first one that does not fit, every field is empty and ok() is false.
class WireReader {
 public:
  explicit WireReader(Bytes bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    const Bytes field = bytes(sizeof(T));
    T value = 0;
    for (const std::byte byte : field)
      value = static_cast<T>((value << (sizeof(T) > 1 ? 8 : 0)) | static_cast<T>(byte));
    return value;
  }
  Bytes bytes(std::size_t size) {
    if (!ok_ || rest_.size() < size) {
      ok_ = false;
      return {};
    }
    const Bytes field = rest_.first(size);
    rest_ = rest_.subspan(size);
    return field;
  }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    const Bytes field = bytes(N);
    std::copy(field.begin(), field.end(), out.begin());
    return out;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  Bytes rest_;
  bool ok_ = true;
};

}  // namespace larder::peer
