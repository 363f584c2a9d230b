// A move-only run of bytes that travels between threads: curl -> loop -> disk. Allocation is uninitialised, since
// every byte is overwritten.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/hash/digest.h"

namespace larder {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t capacity) : data_(new std::byte[capacity]), capacity_(capacity) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Bytes bytes() const { return {data_.get(), size_}; }
  [[nodiscard]] std::span<std::byte> writable() { return {data_.get() + size_, capacity_ - size_}; }
  void grow(std::size_t written) { size_ += written; }
  // Copies as much of `bytes` as fits. Returns the number of bytes copied.
  std::size_t append(Bytes bytes);

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Returns a buffer with a copy of these bytes; for a text: copy_of(as_bytes(text)).
[[nodiscard]] Buffer copy_of(Bytes bytes);

}  // namespace larder
