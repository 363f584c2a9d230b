// Turns the buffers of one stream into runs of whole blocks, copying only the block that two buffers share. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/hash/buffer.h"
#include "base/hash/merkle.h"

namespace larder::cache {

// A run of bytes of the content, whole blocks but for the content's last one. The bytes live in a Buffer beside it.
struct Piece {
  std::uint64_t offset = 0;  // block-aligned
  Bytes bytes;
};

struct Cut {
  std::vector<Piece> pieces;  // ascending, without gaps
  std::vector<Buffer> buffers;
};

class BlockCutter {
 public:
  explicit BlockCutter(std::uint64_t offset) : next_(offset) {}  // block-aligned

  // Returns how many bytes became part of whole blocks by this.
  std::size_t append(Buffer bytes);
  // The content ends at next(): its last block is short. Returns the bytes of it.
  std::size_t end_here();

  [[nodiscard]] std::uint64_t next() const { return next_; }  // offset of the next byte expected
  [[nodiscard]] std::uint64_t first_uncut() const { return next_ - pending_ - carry_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_; }       // bytes of whole blocks, not taken yet
  [[nodiscard]] std::size_t partial() const { return carry_.size(); }  // bytes of the block that is not whole
  [[nodiscard]] Cut take();                                            // all whole blocks

 private:
  void add_piece(Bytes bytes);
  void push_carry();

  std::uint64_t next_;
  Buffer carry_;  // the block that is not whole yet
  Cut cut_;
  std::size_t pending_ = 0;
};

}  // namespace larder::cache
