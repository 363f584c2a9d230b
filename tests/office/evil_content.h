// What a lying member offers: a content as it is, and what is done to it on its way out. For tests only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/hash/merkle.h"
#include "base/io/file_system.h"
#include "cache/content_lease.h"
#include "cache/record/segments.h"

namespace larder::test {

enum class Lie {
  none,              // honest: shows that the rest of the scenario works
  flipped,           // one block in ten has a wrong bit when it is read
  wrong_leaves,      // leaf hashes that belong to nothing
  wrong_roots,       // another content altogether: roots, leaves and bytes agree with each other
  stall,             // nothing more comes after 99 %
  truncated,         // the bytes end before each segment's end
  truncated_leaves,  // fewer leaf hashes than were asked for
};
[[nodiscard]] std::optional<Lie> parse_lie(const std::string& name);

// The content as this lie has it: bytes on the disk, leaves and segment roots.
class EvilContent {
 public:
  // Reads `path`; where the lie concerns the bytes, a copy beside it ("path.evil") is what is served.
  EvilContent(const std::string& path, Lie lie, std::uint64_t seed);

  [[nodiscard]] const cache::SegmentLayout& layout() const { return *layout_; }
  [[nodiscard]] std::uint64_t size() const { return layout_->content_size(); }
  [[nodiscard]] const std::vector<Digest>& leaves() const { return leaves_; }  // that the roots are made of
  [[nodiscard]] std::vector<Digest> told_leaves(std::uint64_t first, std::uint64_t count) const;
  [[nodiscard]] std::vector<Digest> leaves_of(std::uint64_t first, std::uint64_t count) const;  // whole segments
  [[nodiscard]] Digest segment_root(std::uint64_t segment) const;
  [[nodiscard]] Digest root() const { return content_root(leaves_); }
  [[nodiscard]] std::vector<std::byte> told_bytes() const;  // for an inline answer
  [[nodiscard]] std::shared_ptr<cache::ContentLease> lease() const;

 private:
  [[nodiscard]] bool spoilt(std::uint64_t block) const;

  Lie lie_;
  std::uint64_t seed_;
  std::optional<cache::SegmentLayout> layout_;
  std::vector<Digest> leaves_;
  std::string served_;  // path
};

}  // namespace larder::test
