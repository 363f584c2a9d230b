#include "agent/transfer/account.h"

#include <algorithm>

namespace larder::agent {

SourceFigures committed_figures(const std::vector<cache::SegmentInfo>& segments, const std::string& file_id) {
  SourceFigures figures;
  for (const cache::SegmentInfo& segment : segments) {
    if (segment.fetched_for != file_id || segment.source == cache::Source::cache) {
      figures.cache += segment.range.length;
    } else {
      const std::uint64_t of_peers = std::min(segment.peer_bytes, segment.range.length);
      figures.peers += of_peers;
      figures.origin += segment.range.length - of_peers;
    }
  }
  return figures;
}

SourceFigures finished_figures(const std::vector<cache::SegmentInfo>& segments, const std::string& file_id,
                               std::uint64_t size) {
  SourceFigures figures = committed_figures(segments, file_id);
  figures.origin = std::min(figures.origin, size);
  figures.peers = std::min(figures.peers, size - figures.origin);
  figures.cache = size - figures.origin - figures.peers;
  return figures;
}

std::uint64_t bytes_of(const std::vector<cache::SegmentInfo>& segments) {
  std::uint64_t bytes = 0;
  for (const cache::SegmentInfo& segment : segments) bytes += segment.range.length;
  return bytes;
}

std::uint64_t fetched_for(const std::vector<cache::SegmentInfo>& segments, const std::string& file_id) {
  const SourceFigures figures = committed_figures(segments, file_id);
  return figures.origin + figures.peers;
}

std::uint64_t CommittedPrefix::update(const std::vector<cache::SegmentInfo>& ordered) {
  while (count_ < ordered.size() && ordered[count_].index == count_) {
    bytes_ += ordered[count_].range.length;
    ++count_;
  }
  return bytes_;
}

}  // namespace larder::agent
