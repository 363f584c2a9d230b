#include "tests/unit/transfer/fake_neighbours.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/hash/merkle.h"
#include "cache/record/segments.h"

namespace larder::test {
namespace {

void must(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "contract of Supply broken: %s\n", what);
  std::abort();
}

}  // namespace

std::vector<std::uint64_t> FakeSupply::segments() const {
  if (has) return *has;
  std::vector<std::uint64_t> all(cache::SegmentLayout(bytes_.size()).count());
  for (std::uint64_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

std::vector<std::byte> FakeSupply::attestation(std::uint64_t segment) const {
  if (const auto found = attested.find(segment); found != attested.end()) return found->second;
  return std::vector<std::byte>(4, std::byte(segment + 1));
}

void FakeSupply::change(std::optional<std::vector<std::uint64_t>> segments, std::size_t holders) {
  has = std::move(segments);
  holding = holders;
  const auto changed = on_changed;
  if (changed) changed();
}

void FakeSupply::go_on() {
  stuck_after.reset();
  go_on_unless(false);
}

void FakeSupply::go_on_unless(bool stay_stuck) {
  stuck = stay_stuck;
  arm();
}

peer::DeliveryId FakeSupply::deliver(ByteRange window, std::shared_ptr<peer::DeliveryEvents> events) {
  const cache::SegmentLayout layout(bytes_.size());
  must(window.length > 0 && window.end() <= bytes_.size(), "a window is of the content");
  must(window.offset % kBlockSize == 0, "a window begins at a block");
  must(window.end() % kBlockSize == 0 || window.end() == bytes_.size(), "a window ends at a block");
  must(layout.index_at(window.offset) == layout.index_at(window.end() - 1), "a window lies within one segment");
  asked.push_back(window);
  deliveries_[next_] = {window, std::move(events), 0, 0, runtime_.clock.now() + latency};
  arm();
  return next_++;
}

void FakeSupply::cancel(peer::DeliveryId delivery) {
  const auto found = deliveries_.find(delivery);
  if (found == deliveries_.end()) return;
  unconsumed -= found->second.unconsumed;
  deliveries_.erase(found);
  arm();
}

void FakeSupply::consumed(peer::DeliveryId delivery, ByteRange range) {
  const auto found = deliveries_.find(delivery);
  if (found == deliveries_.end()) return;
  Delivery& one = found->second;
  must(range.offset >= one.window.offset && range.end() <= one.window.end(), "what is consumed is of the delivery");
  must(range.length <= one.unconsumed, "no more is consumed than came");
  one.unconsumed -= range.length;
  unconsumed -= range.length;
  arm();
}

void FakeSupply::arm() {
  if (armed_ || stuck || deliveries_.empty()) return;
  armed_ = true;
  runtime_.timers.after(gap, alive_.guard([this] {
    armed_ = false;
    step();
  }));
}

// In turns, as a swarm spreads its requests.
std::map<peer::DeliveryId, FakeSupply::Delivery>::iterator FakeSupply::next_ready() {
  auto best = deliveries_.end();
  for (auto at = deliveries_.begin(); at != deliveries_.end(); ++at) {
    if (at->second.ready > runtime_.clock.now()) continue;
    if (!in_turns) return at;
    if (best == deliveries_.end() || at->second.ready < best->second.ready) best = at;
  }
  return best;
}

void FakeSupply::step() {
  if (stuck_after && delivered >= *stuck_after) stuck = true;
  const auto found = next_ready();
  if (stuck || unconsumed >= kWindow) return;
  if (found == deliveries_.end()) return arm();
  Delivery& one = found->second;
  const auto events = one.events;
  if (refuse_after && delivered >= *refuse_after) {
    unconsumed -= one.unconsumed;
    deliveries_.erase(found);
    arm();
    return events->on_done(fail(ErrorCode::no_progress, "fetch from peers", "nobody has it any more"));
  }
  const std::uint64_t whole = (one.window.length + chunk - 1) / chunk;
  const std::uint64_t step = one.done / chunk;
  const std::uint64_t at = backwards ? (whole - 1 - step) * chunk : one.done;
  const std::uint64_t length = std::min<std::uint64_t>(chunk, one.window.length - at);
  const std::uint64_t offset = one.window.offset + at;
  Buffer buffer = copy_of(Bytes(bytes_).subspan(offset, length));
  std::vector<Digest> leaves(block_count(length));
  hash_blocks(buffer.bytes(), leaves);
  // A last chunk that is shorter is counted as a whole one, so that going backwards meets each chunk once.
  one.done = std::min(one.window.length, (step + 1) * chunk);
  one.unconsumed += length;
  one.ready = runtime_.clock.now();
  delivered += length;
  unconsumed += length;
  most_unconsumed = std::max(most_unconsumed, unconsumed);
  const bool last = one.done == one.window.length;
  const peer::DeliveryId id = found->first;
  arm();
  const auto alive = alive_.watch();
  events->on_blocks(offset, std::move(buffer), std::move(leaves));
  if (alive.expired() || !last) return;
  const auto still = deliveries_.find(id);
  if (still == deliveries_.end()) return;
  unconsumed -= still->second.unconsumed;
  deliveries_.erase(still);
  events->on_done({});
}

void FakeNeighbours::find_supply(peer::NeighbourQuery query, UniqueFunction<void(std::shared_ptr<peer::Supply>)> done) {
  queries.push_back(query);
  runtime_.timers.after(latency, [this, etag = query.version.etag, done = std::move(done)]() mutable {
    const auto found = supplies.find(etag);
    done(found == supplies.end() ? nullptr : found->second);
  });
}

void FakeNeighbours::find_newest(const std::string&, UniqueFunction<void(std::optional<peer::NewestEdition>)> done) {
  done(newest);
}

}  // namespace larder::test
