// The origin as a source of one content: turns a window into consecutive requests, and cuts the wanted bytes out of an
// answer that sends more than was asked (200 for a range).
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "agent/transfer/rules/piece_map.h"
#include "agent/transfer/source/source.h"
#include "origin/origin.h"

namespace larder::agent {

class OriginStream;

class OriginSource final : public Source {
 public:
  OriginSource(origin::Origin& origin, origin::Target target, bool no_cache);
  ~OriginSource() override;
  OriginSource(const OriginSource&) = delete;
  OriginSource& operator=(const OriginSource&) = delete;

  // From now on every answer must be of `edition`. Before this call only one stream of everything may be started, whose
  // answer is the probe.
  void bind(const origin::Edition& edition, PieceMap map);

  [[nodiscard]] SourceKind kind() const override { return SourceKind::origin; }
  [[nodiscard]] bool windows() const override { return windows_; }
  SourceStreamId start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) override;
  void cancel_stream(SourceStreamId stream) override;
  void consumed(SourceStreamId stream, std::size_t bytes) override;
  void set_rate(SourceStreamId stream, std::uint64_t bytes_per_second) override;

 private:
  friend class OriginStream;
  void forget_stream(SourceStreamId stream);

  origin::Origin& origin_;
  origin::Target target_;
  bool no_cache_;
  bool windows_ = true;
  std::optional<cache::Version> expected_;
  PieceMap map_ = PieceMap::whole(std::nullopt);
  SourceStreamId next_stream_ = 1;
  std::map<SourceStreamId, std::shared_ptr<OriginStream>> streams_;
};

}  // namespace larder::agent
