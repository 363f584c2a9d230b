// On whose account, and from which source, the bytes of a content came. Pure.
//
// A segment that was fetched for this file counts by its source: what came from peers, and the rest from the origin.
// Every other byte was there already and counts as cache. So for a finished content origin + peers + cache is its size,
// whoever shared the transfer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/transfer/transfer.h"
#include "cache/record/record.h"

namespace larder::agent {

// Of what is committed; `wasted` is left 0.
[[nodiscard]] SourceFigures committed_figures(const std::vector<cache::SegmentInfo>& segments,
                                              const std::string& file_id);

// Of a finished content of `size` bytes: the same, and whatever no segment accounts for was there already.
[[nodiscard]] SourceFigures finished_figures(const std::vector<cache::SegmentInfo>& segments,
                                             const std::string& file_id, std::uint64_t size);

[[nodiscard]] std::uint64_t bytes_of(const std::vector<cache::SegmentInfo>& segments);
// Bytes of the committed segments that were fetched for this file: lost to it when the content is given up.
[[nodiscard]] std::uint64_t fetched_for(const std::vector<cache::SegmentInfo>& segments, const std::string& file_id);

// How far the content is committed from its start without a gap. Goes on from where it was: segments only come.
class CommittedPrefix {
 public:
  std::uint64_t update(const std::vector<cache::SegmentInfo>& ordered);

 private:
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace larder::agent
