// Turns the buffers of one stream into runs of whole blocks, copying only the block that two buffers share. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/hash/buffer.h"
#include "base/hash/merkle.h"

namespace larder::cache {

// A run of bytes of the content: whole blocks, except the content's last one. Its bytes are in a Buffer of the same
// Cut.
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

  // Returns how many bytes became part of whole blocks by this call.
  std::size_t append(Buffer bytes);
  // Called when the content ends at next(): its last block is short. Returns the bytes of that block.
  std::size_t end_here();

  [[nodiscard]] std::uint64_t next() const { return next_; }  // offset of the next byte expected
  [[nodiscard]] std::uint64_t first_uncut() const { return next_ - pending_ - carry_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_; }       // bytes of whole blocks not taken yet
  [[nodiscard]] std::size_t partial() const { return carry_.size(); }  // bytes of the incomplete block
  [[nodiscard]] Cut take_blocks();                                     // returns all whole blocks

 private:
  void add_piece(Bytes bytes);
  void push_carry();

  std::uint64_t next_;
  Buffer carry_;  // the incomplete block
  Cut cut_;
  std::size_t pending_ = 0;
};

}  // namespace larder::cache
