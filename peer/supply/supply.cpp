#include "peer/supply/supply.h"

#include <algorithm>
#include <utility>

#include "base/hash/merkle.h"
#include "base/io/log.h"

namespace larder::peer {
namespace {

// Torrents of finished segments that go on serving peers. Committed segments are served on demand anyhow.
constexpr std::size_t kLingering = 8;
// A fetch without a delivery goes on serving peers for this long. Meanwhile it occupies one of the agent's fetches, its
// connections and its hashes.
constexpr std::chrono::seconds kLinger{30};

std::uint64_t block_end(std::uint64_t offset, std::uint64_t end) {
  return std::min(end, (offset / kBlockSize + 1) * kBlockSize);
}

Error nobody() {
  return {ErrorCode::no_progress, "fetch from peers", "no peer has it", std::nullopt};
}

}  // namespace

SupplyImpl::SupplyImpl(std::shared_ptr<SupplyTools> tools, cache::Version version, const Digest& version_key,
                       const Digest& group)
    : tools_(std::move(tools)),
      version_(std::move(version)),
      version_key_(version_key),
      proof_(version_, group),
      opinions_(proof_.layout().count()) {}

SupplyImpl::~SupplyImpl() {
  tools_->runtime.timers.cancel(unused_timer_);
  if (whole_) whole_->stop();
  for (const auto& [segment, fetch] : by_segment_) fetch->stop();
}

void SupplyImpl::close() {
  if (std::exchange(closed_, true)) return;
  if (whole_) whole_->stop();
  for (const auto& [segment, fetch] : by_segment_) fetch->stop();
  whole_.reset();
  by_segment_.clear();
  unused_since_.clear();
  own_.reset();
  membership_.reset();
  for (auto& [id, delivery] : deliveries_) {
    delivery.fetch.reset();
    post_delivery_end(id, tl::unexpected(nobody()));
  }
  post_changed();
}

bool SupplyImpl::take_bytes(std::vector<std::byte> bytes) {
  if (bytes.size() != size() || proof_.layout().count() != 1) return false;
  std::vector<Digest> leaves(block_count(bytes.size()));
  hash_blocks(bytes, leaves);
  if (proof_.root(0) != content_root(leaves)) return false;
  bytes_ = std::move(bytes);
  byte_leaves_ = std::move(leaves);
  if (membership_) membership_->on_bytes_from_peers(bytes_.size());
  return true;
}

void SupplyImpl::set_own(std::shared_ptr<cache::ContentLease> content, std::vector<ByteRange> held) {
  own_ = std::move(content);
  own_ranges_ = std::move(held);
}

void SupplyImpl::on_holders_learnt() {
  if (closed_) return;
  // A copy: on_holders_changed() may end a fetch, which erases it from by_segment_.
  std::vector<std::shared_ptr<SegmentFetch>> fetches;
  if (whole_) fetches.push_back(whole_);
  for (const auto& [segment, fetch] : by_segment_) fetches.push_back(fetch);
  for (const auto& fetch : fetches) fetch->on_holders_changed();
  post_changed();
}

void SupplyImpl::post_changed() {
  if (std::exchange(change_posted_, true)) return;
  tools_->runtime.executor.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->change_posted_ = false;
    const auto changed = self->on_changed;  // a copy: it may replace itself
    if (changed) changed();
  });
}

bool SupplyImpl::complete() const {
  return !closed_ && proof_.whole() && !opinions_.any_waits() && (has_bytes() || table_.any_complete());
}

std::vector<std::uint64_t> SupplyImpl::segments() const {
  std::vector<std::uint64_t> out;
  if (closed_) return out;
  // In a crowd a small content comes with a catalogue's answer. Hundreds of torrents of one small file each would cost
  // too much.
  if (membership_ && size() <= kMaxInline && !has_bytes()) return out;
  const std::vector<bool> held = table_.held(proof_.layout().count());
  for (std::uint64_t segment = 0; segment < held.size(); ++segment) {
    if ((has_bytes() || held[segment]) && is_deliverable(segment)) out.push_back(segment);
  }
  return out;
}

std::size_t SupplyImpl::holders() const {
  return closed_ ? 0 : table_.size() + holdings_;
}

std::vector<std::byte> SupplyImpl::attestation(std::uint64_t segment) const {
  return proof_.attestation(segment);
}

// Returns whether the segment's root is believed and no second opinion of it is awaited.
bool SupplyImpl::is_deliverable(std::uint64_t segment) const {
  return proof_.root(segment) && !opinions_.waits(segment);
}

bool SupplyImpl::as_whole() const {
  // Once segments are taken one by one in a crowd, the leaves of the whole content are not worth their transfer.
  if (size() > kMaxWholeTorrent || !proof_.whole() || opinions_.any_waits()) return false;
  return table_.any_complete() && !(membership_ && by_segments_);
}

std::shared_ptr<SegmentFetch> SupplyImpl::fetch_for(std::uint64_t segment) {
  const bool whole = as_whole();
  if (!whole && (segment >= proof_.layout().count() || !is_deliverable(segment))) return nullptr;
  std::shared_ptr<SegmentFetch>& slot = whole ? whole_ : by_segment_[segment];
  if (slot) return slot;
  SegmentFetch::Task what;
  what.version_key = version_key_;
  what.layout = proof_.layout();
  what.whole = whole;
  what.first = whole ? 0 : segment;
  const std::uint64_t count = whole ? proof_.layout().count() : 1;
  for (std::uint64_t i = 0; i < count; ++i) what.segment_roots.push_back(*proof_.root(what.first + i));
  what.content = own_;
  what.present = own_ranges_;
  by_segments_ = by_segments_ || !whole;
  slot = std::make_shared<SegmentFetch>(*tools_, *this, std::move(what));
  auto fetch = slot;
  // Posted: start() may end the fetch at once, and deliver() must not see that.
  tools_->runtime.executor.post([weak = std::weak_ptr(fetch)] {
    if (const auto still = weak.lock()) still->start();
  });
  return fetch;
}

DeliveryId SupplyImpl::deliver(ByteRange window, std::shared_ptr<DeliveryEvents> events) {
  const DeliveryId id = next_++;
  Delivery delivery;
  delivery.window = window;
  delivery.events = std::move(events);
  delivery.missing_bytes = window.length;
  const bool inside = window.length > 0 && window.end() <= size() && window.offset % kBlockSize == 0;
  if (inside && !closed_ && !has_bytes()) delivery.fetch = fetch_for(proof_.layout().index_at(window.offset));
  const auto fetch = delivery.fetch;
  deliveries_.emplace(id, std::move(delivery));
  if (fetch) {
    unused_since_.erase(fetch);
    update_wants(fetch);
  } else if (inside && !closed_ && has_bytes() && is_deliverable(0)) {
    tools_->runtime.executor.post([weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->deliver_bytes(id);
    });
  } else {
    post_delivery_end(id, tl::unexpected(nobody()));
  }
  return id;
}

void SupplyImpl::deliver_bytes(DeliveryId id) {
  const auto found = deliveries_.find(id);
  if (found == deliveries_.end()) return;
  if (!has_bytes())
    return post_delivery_end(id, tl::unexpected(nobody()));  // dropped: a contradiction was heard meanwhile
  const ByteRange window = found->second.window;
  found->second.missing_bytes = 0;
  const auto first = byte_leaves_.begin() + static_cast<std::ptrdiff_t>(window.offset / kBlockSize);
  pass_blocks(id, window.offset, copy_of(Bytes(bytes_).subspan(window.offset, window.length)),
              std::vector<Digest>(first, first + static_cast<std::ptrdiff_t>(block_count(window.length))));
}

void SupplyImpl::update_wants(const std::shared_ptr<SegmentFetch>& fetch) {
  std::vector<ByteRange> wanted;
  for (const auto& [id, delivery] : deliveries_) {
    if (delivery.fetch != fetch) continue;
    for (const auto& gap : delivery.received.gaps({delivery.window.offset, delivery.window.end()})) {
      wanted.push_back({gap.begin, gap.end - gap.begin});
    }
  }
  fetch->set_wanted(std::move(wanted));
}

void SupplyImpl::cancel(DeliveryId id) {
  const auto found = deliveries_.find(id);
  if (found == deliveries_.end()) return;
  const auto fetch = found->second.fetch;
  deliveries_.erase(found);
  if (fetch) on_delivery_left(fetch);
}

bool SupplyImpl::has_delivery(const SegmentFetch& fetch) const {
  return std::any_of(deliveries_.begin(), deliveries_.end(),
                     [&](const auto& item) { return item.second.fetch.get() == &fetch; });
}

void SupplyImpl::on_delivery_left(const std::shared_ptr<SegmentFetch>& fetch) {
  update_wants(fetch);
  if (closed_ || has_delivery(*fetch)) return;
  const auto segment =
      std::find_if(by_segment_.begin(), by_segment_.end(), [&](const auto& item) { return item.second == fetch; });
  if (segment == by_segment_.end() && whole_ != fetch) return;  // the fetch has ended already
  unused_since_[fetch] = tools_->runtime.clock.now();
  if (segment != by_segment_.end()) finished_.push_back(segment->first);
  retire_finished_fetches();
  if (unused_timer_ == 0 && !unused_since_.empty())
    unused_timer_ = tools_->runtime.timers.after(kLinger, [this] { end_unused_fetches(); });
}

void SupplyImpl::end_unused_fetches() {
  unused_timer_ = 0;
  const SteadyTime now = tools_->runtime.clock.now();
  std::optional<SteadyTime> next;
  for (auto item = unused_since_.begin(); item != unused_since_.end();) {
    const auto [fetch, since] = *item;
    if (now - since < kLinger) {
      next = std::min(next.value_or(since), since);
      ++item;
      continue;
    }
    item = unused_since_.erase(item);
    fetch->stop();
    if (whole_ == fetch) whole_.reset();
    std::erase_if(by_segment_, [&fetch = fetch](const auto& slot) { return slot.second == fetch; });
  }
  if (next) unused_timer_ = tools_->runtime.timers.after(*next + kLinger - now, [this] { end_unused_fetches(); });
}

SegmentFetch* SupplyImpl::fetch_at(std::uint64_t offset) const {
  const auto found = by_segment_.find(proof_.layout().index_at(offset));
  return found != by_segment_.end() ? found->second.get() : whole_.get();
}

void SupplyImpl::consumed(DeliveryId, ByteRange range) {
  // Found by the offset, not by the delivery: its last bytes are consumed after its end.
  if (SegmentFetch* fetch = fetch_at(range.offset)) fetch->consumed(range);
}

DeliveryId SupplyImpl::delivery_at(std::uint64_t offset) const {
  for (const auto& [id, delivery] : deliveries_) {
    if (offset >= delivery.window.offset && offset < delivery.window.end() && !delivery.received.contains(offset))
      return id;
  }
  return 0;
}

// Assigns each block of the range to a delivery and marks it as come. All blocks are marked before the first event is
// sent: a receiver asks for more within the event, and must not be sent a block twice.
std::vector<SupplyImpl::Part> SupplyImpl::split_by_delivery(ByteRange range) {
  std::vector<Part> parts;
  for (std::uint64_t at = range.offset; at < range.end(); at = block_end(at, range.end())) {
    const std::uint64_t length = block_end(at, range.end()) - at;
    const DeliveryId id = delivery_at(at);
    if (id != 0) {
      Delivery& delivery = deliveries_.at(id);
      delivery.received.add({at, at + length});
      delivery.missing_bytes -= std::min(delivery.missing_bytes, length);
    }
    if (!parts.empty() && parts.back().id == id) {
      parts.back().range.length += length;
    } else {
      parts.push_back({id, {at, length}});
    }
  }
  return parts;
}

void SupplyImpl::on_fetched_blocks(SegmentFetch& fetch, std::uint64_t offset, Buffer bytes,
                                   std::vector<Digest> leaves) {
  const auto self = shared_from_this();
  const auto alive = fetch.shared_from_this();
  count_for_crowd({offset, bytes.size()});
  const auto parts = split_by_delivery({offset, bytes.size()});
  // Usually all blocks are for one delivery; then nothing is copied.
  if (parts.size() == 1 && parts.front().id != 0) {
    return pass_blocks(parts.front().id, offset, std::move(bytes), std::move(leaves));
  }
  for (const Part& part : parts) {
    if (self.use_count() == 1 || closed_) return;  // the transfer let go of the supply in an event
    if (part.id == 0) {
      fetch.count_unwanted(part.range.length);
      continue;
    }
    const auto first = leaves.begin() + static_cast<std::ptrdiff_t>((part.range.offset - offset) / kBlockSize);
    pass_blocks(part.id, part.range.offset,
                copy_of(bytes.bytes().subspan(part.range.offset - offset, part.range.length)),
                {first, first + static_cast<std::ptrdiff_t>(block_count(part.range.length))});
  }
}

void SupplyImpl::pass_blocks(DeliveryId id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) {
  const auto found = deliveries_.find(id);
  if (found == deliveries_.end()) return;  // cancelled in another delivery's event
  const bool last = found->second.missing_bytes == 0;
  const auto events = found->second.events;
  events->on_blocks(offset, std::move(bytes), std::move(leaves));
  if (last) end_delivery(id, {});
}

void SupplyImpl::end_delivery(DeliveryId id, Status status) {
  const auto found = deliveries_.find(id);
  if (found == deliveries_.end()) return;  // cancelled meanwhile
  const auto fetch = found->second.fetch;
  const auto events = found->second.events;
  deliveries_.erase(found);
  if (fetch) on_delivery_left(fetch);
  events->on_done(std::move(status));
}

void SupplyImpl::retire_finished_fetches() {
  while (finished_.size() > kLingering) {
    const auto found = by_segment_.find(finished_.front());
    finished_.pop_front();
    if (found == by_segment_.end()) continue;
    if (has_delivery(*found->second)) continue;
    unused_since_.erase(found->second);
    found->second->stop();
    by_segment_.erase(found);
  }
}

void SupplyImpl::post_delivery_end(DeliveryId id, Status status) {
  tools_->runtime.executor.post([weak = weak_from_this(), id, status = std::move(status)]() mutable {
    if (const auto self = weak.lock()) self->end_delivery(id, std::move(status));
  });
}

void SupplyImpl::on_other_holders(const std::vector<std::byte>& body) {
  if (others_listener_) others_listener_(body);
}

void SupplyImpl::on_holder_lost(const AgentId&) {
  post_changed();
}

void SupplyImpl::on_fetch_over(SegmentFetch& fetch, const Error& error) {
  log::debug("window from peers is over error=\"{}\"", error.text());
  for (auto& [id, delivery] : deliveries_) {
    if (delivery.fetch.get() != &fetch) continue;
    delivery.fetch.reset();
    post_delivery_end(id, tl::unexpected(error));
  }
  std::erase_if(unused_since_, [&](const auto& item) { return item.first.get() == &fetch; });
  if (whole_.get() == &fetch) whole_.reset();
  std::erase_if(by_segment_, [&](const auto& item) { return item.second.get() == &fetch; });
  post_changed();
}

}  // namespace larder::peer
