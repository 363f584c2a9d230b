// Attributes the bytes of a content to a file and to a source. Pure.
//
// A segment fetched for this file counts by its source: the bytes that peers delivered as peers, the rest as origin.
// Every other byte was in the cache already and counts as cache. So for a finished content origin + peers + cache is
// its size, with however many requests the transfer was shared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/transfer/transfer.h"
#include "cache/record/record.h"

namespace larder::agent {

// Returns the figures of the committed segments; `wasted` is left 0.
[[nodiscard]] SourceFigures committed_figures(const std::vector<cache::SegmentInfo>& segments,
                                              const std::string& file_id);

// Returns the figures of a finished content of `size` bytes: bytes that no segment accounts for count as cache.
[[nodiscard]] SourceFigures finished_figures(const std::vector<cache::SegmentInfo>& segments,
                                             const std::string& file_id, std::uint64_t size);

[[nodiscard]] std::uint64_t bytes_of(const std::vector<cache::SegmentInfo>& segments);
// Returns the bytes of the committed segments that were fetched for this file: wasted if the content is given up.
[[nodiscard]] std::uint64_t fetched_for(const std::vector<cache::SegmentInfo>& segments, const std::string& file_id);

// Number of bytes committed from the start of the content without a gap. update() continues from its last result, since
// committed segments are never taken back.
class CommittedPrefix {
 public:
  std::uint64_t update(const std::vector<cache::SegmentInfo>& ordered);

 private:
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace larder::agent
