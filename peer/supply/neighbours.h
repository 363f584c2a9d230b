// The LAN as the agent's transfers see it: which neighbours hold a version, and its bytes, proven. The seam between
// agent/transfer and the rest of peer/. Owned by agent/lan.
//
// Thread: loop thread only, callbacks included. Re-entrancy: find_supply() and find_newest() may call `done` within the
// call, where nothing is to be asked; every other callback and event comes from a later turn of the loop. A callback
// may call back into the supply and let go of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/hash/digest.h"
#include "base/index.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/loop.h"
#include "base/text/units.h"
#include "cache/record/record.h"
#include "cache/record/version.h"
#include "peer/crowd/crowd_figures.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

using DeliveryId = std::uint64_t;

class DeliveryEvents {
 public:
  virtual ~DeliveryEvents() = default;
  // Called with whole blocks of the content, in any order, each block once. The blocks were checked against leaves
  // that an attested root vouches for. `offset` is of the content and block-aligned; one leaf per block.
  virtual void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) = 0;
  // Called once, after the last on_blocks(). Success: the whole window was delivered. An error: peers cannot deliver
  // the rest (now). Not called after cancel() or once the supply is destroyed.
  virtual void on_done(Status status) = 0;
};

// One version as the peers together can deliver it. Shared; destroying it ends its deliveries without an event. When
// the agent leaves its group, or the version may not be shared any more, the supply stays valid but is empty, and its
// deliveries end with no_progress.
class Supply {
 public:
  virtual ~Supply() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;                   // of the content, bytes
  [[nodiscard]] virtual bool complete() const = 0;                        // some peer has all of it
  [[nodiscard]] virtual std::vector<std::uint64_t> segments() const = 0;  // deliverable now, ascending
  [[nodiscard]] virtual std::size_t holders() const = 0;
  // Returns the encoded attestations that vouch for a segment; the cache keeps them with the segment.
  [[nodiscard]] virtual std::vector<std::byte> attestation(std::uint64_t segment) const = 0;
  std::function<void()> on_changed;  // holders, segments() or from_origin() changed; once for each turn of the loop

  // Asks peers for `window`, which lies within one segment and starts and ends at blocks (or at the content's end).
  // Many deliveries may be in flight; the swarm orders them. A peer that stalls is replaced by another one within the
  // delivery. When no peer delivers, the delivery ends with no_progress.
  virtual DeliveryId deliver(ByteRange window, std::shared_ptr<DeliveryEvents> events) = 0;
  virtual void cancel(DeliveryId delivery) = 0;  // no event of it follows
  // Back-pressure: reports that these bytes of on_blocks() are in the content's file, from where other peers can be
  // served. Also to be called after the delivery's end: its last bytes are usually written later than that.
  virtual void consumed(DeliveryId delivery, ByteRange range) = 0;

  // -- the crowd (docs/decisions/0019-crowd.md): agents that want the version at the same time share the origin's work
  // Returns the segments that this agent may fetch from the origin now, ascending; on_changed reports a change.
  // nullopt: the supply is in no crowd, and every segment may be fetched.
  [[nodiscard]] virtual std::optional<std::vector<std::uint64_t>> from_origin() const { return std::nullopt; }
  // Returns segments() in the order in which they are best asked for; empty: ascending.
  [[nodiscard]] virtual std::vector<std::uint64_t> order() const { return {}; }
  // True while other members hold or fetch missing segments, so that waiting is worthwhile.
  [[nodiscard]] virtual bool promising() const { return false; }
  [[nodiscard]] virtual std::optional<CrowdFigures> crowd() const { return std::nullopt; }
  // Reports what the transfer does: `bytes` of a segment have come so far from the origin's running stream; whether
  // the origin can be asked (false: it failed).
  virtual void on_origin_progress(SegmentIndex segment, std::uint64_t bytes) { (void)segment, (void)bytes; }
  virtual void set_origin_usable(bool usable) { (void)usable; }
};

struct NeighbourQuery {
  cache::Version version;  // as the origin's probe reported it, size included
  // The transfer's own partial content, from which other peers can be served meanwhile; may be empty.
  cache::ContentId content;
  // Joins the crowd: fetched segments will be offered, and the origin can be asked for any segment, so that other
  // members can rely on this agent's claims.
  bool gives = false;
  Duration patience = std::chrono::seconds(5);
  std::uint64_t min_rate = 256 * kKiB;  // bytes/s
};

// An edition that peers found valid, used when the origin cannot be reached.
struct NewestEdition {
  cache::Version version;
  WallTime fetched{};              // time of its fetch from the origin, as the attester states it
  std::shared_ptr<Supply> supply;  // complete
};

class Neighbours {
 public:
  virtual ~Neighbours() = default;
  [[nodiscard]] virtual bool anyone() const = 0;  // some peer that serves is known, so that asking may be worthwhile
  // Starts looking up holders of any version of this URL (by URL key) while the origin's probe is in flight, so that
  // find_supply() need not wait for the answer.
  virtual void prefetch_lookup(const std::string& url) { (void)url; }
  // Returns whether prefetch_lookup() has found a neighbour that holds an edition of the URL.
  [[nodiscard]] virtual bool promising(const std::string& url) const {
    (void)url;
    return false;
  }
  // Looks up the holders of a version and calls `done` once with a supply, or with null. Null comes within the call
  // where no neighbour serves, the version has no size or validator, or it may not be shared. Null comes later where no
  // neighbour has it, outside of a crowd; in a crowd the supply may be empty and is filled as members announce
  // segments. `done` is due within 400 ms of the look-up's start (250 ms in a crowd); where a second member's word is
  // awaited, when its calls end (1 s each). The caller starts the origin after its own grace period
  // (agent/transfer/download_peers.cpp) and adds a later supply. `done` is destroyed uncalled if the group's key
  // changes while prefetch_lookup() is in flight.
  virtual void find_supply(NeighbourQuery query, UniqueFunction<void(std::shared_ptr<Supply>)> done) = 0;
  // Looks up the newest edition of the URL that a peer holds complete and validated; nullopt where none does. May call
  // `done` within the call.
  virtual void find_newest(const std::string& url, UniqueFunction<void(std::optional<NewestEdition>)> done) {
    (void)url;
    done(std::nullopt);
  }

  // Returns whether agents received different bytes under this version's name. Segments from peers and segments that
  // the origin sends now need not belong together then.
  [[nodiscard]] virtual bool contradicted(const cache::Version& version) const {
    (void)version;
    return false;
  }
  // Records that content with bytes from peers was judged not valid; its attesters become suspects.
  virtual void judged_bad(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) = 0;
  // Records that a content is complete here. Attests its segments that came from the origin alone, and turns their
  // contradictions to content that was judged bad into evidence.
  virtual void fetched(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) = 0;
  // Records that the cache has the same bytes already as content `held`, fetched as another version. The attestations
  // for this version are kept with `held` too, so that its bytes are shared under both versions.
  virtual void merged(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
                      const cache::ContentId& held) {
    (void)version, (void)segments, (void)held;
  }
};

}  // namespace larder::peer
