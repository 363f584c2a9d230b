// Source of a content made of ranges of a complete cached content. Reads on a thread that may block.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "agent/transfer/rules/piece_map.h"
#include "agent/transfer/source/source.h"
#include "base/runtime/clock.h"
#include "cache/cache.h"

namespace larder::agent {

// Runs a task on a thread that may block; false when its queue is full (nothing was queued).
using Blocking = std::function<bool(Task)>;

class CopyRun;

class CopySource final : public Source {
 public:
  CopySource(Runtime runtime, Blocking blocking, std::shared_ptr<cache::ContentLease> lease, PieceMap map);
  ~CopySource() override;
  CopySource(const CopySource&) = delete;
  CopySource& operator=(const CopySource&) = delete;

  [[nodiscard]] SourceKind kind() const override { return SourceKind::cache; }
  [[nodiscard]] bool windows() const override { return true; }
  RunId start(ByteRange window, std::shared_ptr<SourceEvents> events) override;
  void cancel(RunId run) override;
  void consumed(RunId run, std::size_t bytes) override;
  void set_rate(RunId, std::uint64_t) override {}  // reads from the disk are not limited

 private:
  Runtime runtime_;
  Blocking blocking_;
  std::shared_ptr<cache::ContentLease> lease_;
  PieceMap map_;
  RunId next_run_ = 1;
  std::map<RunId, std::shared_ptr<CopyRun>> runs_;
};

}  // namespace larder::agent
