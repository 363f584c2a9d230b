// What the agent's transfers see of the LAN: who has a version, and its bytes, proven. The seam between agent/transfer
// and the rest of peer/. Loop thread only; callbacks on the loop thread, never from within the call (but for find()
// with nobody around). Owned by main.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/hash/digest.h"
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
  // Whole blocks of the content, checked against leaves that an attested root vouches for; in any order, each once.
  // `offset` is of the content and block-aligned; one leaf per block.
  virtual void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) = 0;
  // Once, last. Success: all of the window was delivered. Otherwise: not to be had from peers (now).
  virtual void on_done(Status status) = 0;
};

// What peers together can give of one version. Destroying it ends its deliveries without a word.
class Supply {
 public:
  virtual ~Supply() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;                   // of the content
  [[nodiscard]] virtual bool complete() const = 0;                        // some peer has all of it
  [[nodiscard]] virtual std::vector<std::uint64_t> segments() const = 0;  // that can be had now, ascending
  [[nodiscard]] virtual std::size_t holders() const = 0;
  // The attestations that vouch for a segment, encoded: kept with it in the cache.
  [[nodiscard]] virtual std::vector<std::byte> attestation(std::uint64_t segment) const = 0;
  std::function<void()> on_changed;  // holders came or went

  // `window` lies within one segment, starts and ends at blocks (or the content's end). Many may run at once: the
  // swarm orders them. A peer that stalls is replaced by another within; when no peer delivers, the window ends with
  // no_progress.
  virtual DeliveryId deliver(ByteRange window, std::shared_ptr<DeliveryEvents> events) = 0;
  virtual void cancel(DeliveryId delivery) = 0;  // no event follows
  // Back-pressure: these bytes of on_blocks were taken and are in the content's file, so that they can be given on. Of
  // a delivery that has ended too: the last bytes are written after its end as a rule.
  virtual void consumed(DeliveryId delivery, std::uint64_t offset, std::uint64_t bytes) = 0;

  // -- the crowd (docs/decisions/0019-crowd.md): who else wants the version now shares the origin's work
  // What this agent may take from the origin now, ascending; what changes it is told by on_changed. Nothing: it is in
  // no crowd, and may take anything.
  [[nodiscard]] virtual std::optional<std::vector<std::uint64_t>> from_origin() const { return std::nullopt; }
  // In which order segments() are best taken; empty: ascending.
  [[nodiscard]] virtual std::vector<std::uint64_t> order() const { return {}; }
  // Somebody else is about to have what is missing here: it is worth waiting for.
  [[nodiscard]] virtual bool promising() const { return false; }
  [[nodiscard]] virtual std::optional<CrowdFigures> crowd() const { return std::nullopt; }
  // What the transfer does: so many bytes of a segment are here, from the origin's stream that is under way; the origin
  // breaks, or may be asked again.
  virtual void origin_came(std::uint64_t segment, std::uint64_t bytes) { (void)segment, (void)bytes; }
  virtual void origin_usable(bool usable) { (void)usable; }
};

struct NeighbourQuery {
  cache::Version version;  // as the origin's probe told, size included
  // Where the transfer's own partial content is, so that what is held can be given on meanwhile; may be empty.
  cache::ContentId content;
  // For the crowd. What is fetched is offered, and the origin can be asked for any segment: others can count on it.
  bool gives = false;
  Duration patience = std::chrono::seconds(5);
  std::uint64_t min_rate = 256 * kKiB;  // bytes/s
};

// An edition that peers know to have been valid, for when the origin cannot be reached.
struct NewestEdition {
  cache::Version version;
  WallTime fetched{};              // from the origin, as the attester says
  std::shared_ptr<Supply> supply;  // complete
};

class Neighbours {
 public:
  virtual ~Neighbours() = default;
  [[nodiscard]] virtual bool anyone() const = 0;  // some peer is known: asking may be worth its while
  // A version of this URL will be asked for as soon as the origin's probe is answered: who has any can be found out
  // meanwhile (URL key), so that find() need not wait.
  virtual void foresee(const std::string& url) { (void)url; }
  // Whether by that somebody is known now to have an edition of the URL.
  [[nodiscard]] virtual bool promising(const std::string& url) const {
    (void)url;
    return false;
  }
  // Asks who has it. Null where nobody is known, at once, and where nobody has it and it is not for a crowd; otherwise
  // a supply, which the crowd fills. As soon as that is known, bounded by the look-up's time (100 ms); the origin is
  // not waited with for longer than 50 ms (400 ms where it is promising), and what comes after that joins in.
  virtual void find(NeighbourQuery query, UniqueFunction<void(std::shared_ptr<Supply>)> done) = 0;
  // The newest edition of the URL that a peer holds complete and validated; nothing where nobody does. May answer from
  // within the call.
  virtual void find_newest(const std::string& url, UniqueFunction<void(std::optional<NewestEdition>)> done) {
    (void)url;
    done(std::nullopt);
  }

  // Agents were given different bytes under this name: what came of it from peers and what the origin gives now need
  // not belong together.
  [[nodiscard]] virtual bool contradicted(const cache::Version& version) const {
    (void)version;
    return false;
  }
  // Content of which bytes came from peers was judged not valid: remembers who attested it.
  virtual void judged_bad(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) = 0;
  // A content is whole here; segments with source origin (and no byte of peers) are attested, and contradictions to
  // what was judged bad become evidence.
  virtual void fetched(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) = 0;
  // The cache has the same bytes already, as content `held`, fetched as another version: what vouches for them as this
  // one, which was fetched too, is kept there as well, so that they are shared as either.
  virtual void merged(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
                      const cache::ContentId& held) {
    (void)version, (void)segments, (void)held;
  }
};

}  // namespace larder::peer
