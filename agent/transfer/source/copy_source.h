// Source of a content made of ranges of a complete cached content. Reads on a thread that may block.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "agent/transfer/rules/piece_map.h"
#include "agent/transfer/source/source.h"
#include "base/runtime/clock.h"
#include "cache/content_lease.h"

namespace larder::agent {

// Runs a task on a thread that may block; false when its queue is full (nothing was queued).
using Blocking = std::function<bool(Task)>;

class CopyStream;

class CopySource final : public Source {
 public:
  CopySource(Runtime runtime, Blocking blocking, std::shared_ptr<cache::ContentLease> lease, PieceMap map);
  ~CopySource() override;
  CopySource(const CopySource&) = delete;
  CopySource& operator=(const CopySource&) = delete;

  [[nodiscard]] SourceKind kind() const override { return SourceKind::cache; }
  [[nodiscard]] bool windows() const override { return true; }
  SourceStreamId start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) override;
  void cancel_stream(SourceStreamId stream) override;
  void consumed(SourceStreamId stream, std::size_t bytes) override;
  void set_rate(SourceStreamId, std::uint64_t) override {}  // reads from the disk are not limited

 private:
  Runtime runtime_;
  Blocking blocking_;
  std::shared_ptr<cache::ContentLease> lease_;
  PieceMap map_;
  SourceStreamId next_stream_ = 1;
  std::map<SourceStreamId, std::shared_ptr<CopyStream>> streams_;
};

}  // namespace larder::agent
