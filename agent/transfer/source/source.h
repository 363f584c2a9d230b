// Somewhere the bytes of one content can come from: a cached copy, peers, the origin.
//
// A source delivers runs, each a window of the content: as consecutive bytes, or as proven blocks in any order. It
// answers for their being of the right version; whoever takes them (fill.h) only places them. Loop thread only; events
// on the loop thread, never from within start(). Owned by the transfer; destroying a source ends its runs without
// events.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/transfer/rules/plan.h"
#include "base/hash/buffer.h"
#include "base/hash/digest.h"
#include "base/result.h"
#include "base/text/units.h"
#include "origin/origin.h"
#include "peer/crowd/crowd_figures.h"

namespace larder::agent {

using RunId = std::uint64_t;

class SourceEvents {
 public:
  virtual ~SourceEvents() = default;
  // Once, before any data. `edition` is what the origin said, null from other sources. `whole` when the source sends
  // everything although a window was asked: it cannot do windows.
  virtual void on_answer(const origin::Edition* edition, bool whole) = 0;
  virtual void on_data(Buffer bytes) = 0;  // the next bytes of the window
  // From a source of blocks instead: whole blocks of the window (offset of the content, block-aligned), in any order,
  // with their leaves, which were compared with what vouches for them.
  virtual void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) = 0;
  // So many bytes came and were thrown away on the way to the window's.
  virtual void on_wasted(std::uint64_t bytes) = 0;
  // Once, last. Success: the window is delivered, or, with an unknown end, the content ended.
  virtual void on_done(Status status) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual SourceKind kind() const = 0;
  [[nodiscard]] virtual bool windows() const = 0;              // any window, not just everything
  [[nodiscard]] virtual bool blocks() const { return false; }  // runs bring on_blocks; windows lie within one segment
  // Which segments it has now, ascending; none: everything.
  [[nodiscard]] virtual std::optional<std::vector<std::uint64_t>> segments() const { return std::nullopt; }
  // How many have it: what was not to be had may be when there are more.
  [[nodiscard]] virtual std::size_t holders() const { return 1; }
  // What vouches for a segment's blocks: kept with it.
  [[nodiscard]] virtual std::vector<std::byte> attestation(std::uint64_t) const { return {}; }
  // Of peers in a crowd (peer/supply/neighbours.h): which segments may be taken from the origin, in what order theirs
  // are best taken, whether waiting for them is worth its while, and how it goes.
  [[nodiscard]] virtual std::optional<std::vector<std::uint64_t>> from_origin() const { return std::nullopt; }
  [[nodiscard]] virtual std::vector<std::uint64_t> order() const { return {}; }
  [[nodiscard]] virtual bool promising() const { return false; }
  [[nodiscard]] virtual std::optional<peer::CrowdFigures> crowd() const { return std::nullopt; }
  virtual void origin_came(std::uint64_t, std::uint64_t) {}
  virtual void origin_usable(bool) {}
  std::function<void()> on_changed;  // segments(), holders() or from_origin(); not from within a call
  virtual RunId start(ByteRange window, std::shared_ptr<SourceEvents> events) = 0;
  virtual void cancel(RunId run) = 0;  // no event follows
  // Back-pressure: a source delivers a bounded number of bytes beyond what was consumed.
  virtual void consumed(RunId run, std::size_t bytes) = 0;
  // The same for blocks: these are in the content's file.
  virtual void consumed_blocks(RunId, ByteRange) {}
  // Consumption is withheld for the sake of a rate: whoever delivers little is not to blame.
  [[nodiscard]] virtual bool held_back() const { return false; }
  virtual void set_rate(RunId run, std::uint64_t bytes_per_second) = 0;  // 0 = unlimited
};

}  // namespace larder::agent
