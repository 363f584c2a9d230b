// Somewhere the bytes of one content can come from: a cached copy, a peer, the origin. The seam for peers.
//
// A source delivers runs: consecutive bytes of one window of the content. It answers for their being of the right
// version; whoever takes them (fill.h) only places them. Loop thread only; events on the loop thread, never from within
// start(). Owned by the transfer; destroying a source ends its runs without events.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/transfer/plan.h"
#include "base/buffer.h"
#include "base/result.h"
#include "base/units.h"
#include "origin/origin.h"

namespace larder::agent {

using RunId = std::uint64_t;

class SourceEvents {
 public:
  virtual ~SourceEvents() = default;
  // Once, before any data. `edition` is what the origin said, null from other sources. `whole` when the source sends
  // everything although a window was asked: it cannot do windows.
  virtual void on_answer(const origin::Edition* edition, bool whole) = 0;
  virtual void on_data(Buffer bytes) = 0;  // the next bytes of the window
  // So many bytes came and were thrown away on the way to the window's.
  virtual void on_wasted(std::uint64_t bytes) = 0;
  // Once, last. Success: the window is delivered, or, with an unknown end, the content ended.
  virtual void on_done(Status status) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual SourceKind kind() const = 0;
  [[nodiscard]] virtual bool windows() const = 0;  // any window, not just everything
  virtual RunId start(ByteRange window, std::shared_ptr<SourceEvents> events) = 0;
  virtual void cancel(RunId run) = 0;  // no event follows
  // Back-pressure: a source delivers a bounded number of bytes beyond what was consumed.
  virtual void consumed(RunId run, std::size_t bytes) = 0;
  virtual void set_rate(RunId run, std::uint64_t bytes_per_second) = 0;  // 0 = unlimited
};

}  // namespace larder::agent
