// A source of the bytes of one content: a cached copy, peers, or the origin.
//
// A source delivers streams, each of one window of the content: as consecutive bytes, or as proven blocks in any order.
// The source answers for the right version; the fill (fill.h) only places the bytes. Loop thread only. No event comes
// from within start_stream(), but consumed() and consumed_blocks() may deliver one. An event may cancel its stream.
// Destroying a source ends its streams without events; the fill keeps its sources until a later turn of the loop.
//
// A source of another kind is a value of SourceKind, whose order is that in which sources are asked. What treats kinds
// apart compares with it: the plan (rules/plan.cpp, rules/revise.cpp) and the fill (fill/*.cpp). source_of() in
// fill/fill.cpp says as which cache::Source the bytes count in the index; SourceFigures (transfer.h) are the figures of
// the API and of the metrics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/transfer/rules/plan.h"
#include "base/hash/buffer.h"
#include "base/hash/digest.h"
#include "base/index.h"
#include "base/result.h"
#include "base/text/units.h"
#include "origin/origin.h"
#include "peer/crowd/crowd_figures.h"

namespace larder::agent {

using SourceStreamId = std::uint64_t;

class SourceEvents {
 public:
  virtual ~SourceEvents() = default;
  // Once, before any data. `edition` is the origin's answer, null from other sources. `whole`: the source sends
  // everything although a window was asked, since it cannot serve windows.
  virtual void on_answer(const origin::Edition* edition, bool whole) = 0;
  virtual void on_data(Buffer bytes) = 0;  // next bytes of the window
  // From a source of blocks instead: whole blocks of the window (`offset` of the content, block-aligned), in any order,
  // with their leaves, which the source has checked against the root.
  virtual void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) = 0;
  // Bytes arrived that are not of the window, and were thrown away.
  virtual void on_wasted(std::uint64_t bytes) = 0;
  // Once, last. Success: the window is delivered or, where its end was unknown, the content has ended.
  virtual void on_done(Status status) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual SourceKind kind() const = 0;
  [[nodiscard]] virtual bool windows() const = 0;  // false: one stream of everything
  // True: delivers on_blocks(); each window lies within one segment
  [[nodiscard]] virtual bool blocks() const { return false; }
  // Returns the segments that the source has now, ascending; none: all of them.
  [[nodiscard]] virtual std::optional<std::vector<std::uint64_t>> segments() const { return std::nullopt; }
  // Returns the number of holders: when it grows, refused segments may be available.
  [[nodiscard]] virtual std::size_t holders() const { return 1; }
  // Returns the attestation that vouches for a segment's blocks, to be stored with them.
  [[nodiscard]] virtual std::vector<std::byte> attestation(std::uint64_t) const { return {}; }
  // For peers in a crowd (peer/supply/neighbours.h): segments that this agent may take from the origin (none: no
  // crowd); order in which to take segments from peers; whether members are about to have missing segments; figures for
  // people; and reports of the bytes that the origin delivered and of its state.
  [[nodiscard]] virtual std::optional<std::vector<std::uint64_t>> from_origin() const { return std::nullopt; }
  [[nodiscard]] virtual std::vector<std::uint64_t> order() const { return {}; }
  [[nodiscard]] virtual bool promising() const { return false; }
  [[nodiscard]] virtual std::optional<peer::CrowdFigures> crowd() const { return std::nullopt; }
  virtual void on_origin_progress(SegmentIndex, std::uint64_t) {}
  virtual void set_origin_usable(bool) {}
  std::function<void()> on_changed;  // segments(), holders() or from_origin() changed; not from within a call
  virtual SourceStreamId start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) = 0;
  virtual void cancel_stream(SourceStreamId stream) = 0;  // no event follows
  // Back-pressure: reports consumed bytes. A source delivers a bounded number of bytes beyond them.
  virtual void consumed(SourceStreamId stream, std::size_t bytes) = 0;
  // The same for blocks, once they are in the content's file.
  virtual void consumed_blocks(SourceStreamId, ByteRange) {}
  // Returns true while consumption is withheld for a rate limit: peers that deliver little then are not slow.
  [[nodiscard]] virtual bool throttled() const { return false; }
  virtual void set_rate(SourceStreamId stream, std::uint64_t bytes_per_second) = 0;  // 0 = unlimited
};

}  // namespace larder::agent
