#include "peer/offer/offer_table.h"

#include <algorithm>
#include <bit>

#include "base/text/units.h"
#include "peer/messages/attestation.h"
#include "peer/messages/segment_bitmap.h"

namespace larder::peer {
namespace {

constexpr std::size_t kItemSize = 48;  // of a HaveItem on the wire, without its bitmap

std::size_t count(const std::vector<std::byte>& bitmap) {
  std::size_t bits = 0;
  for (const std::byte byte : bitmap) bits += static_cast<std::size_t>(std::popcount(std::to_integer<unsigned>(byte)));
  return bits;
}

}  // namespace

OfferTable::OfferTable(GroupKey key, Filter filter) : key_(key), filter_(std::move(filter)) {}

void OfferTable::reset(const GroupKey& key) {
  key_ = key;
  entries_.clear();
  free_.clear();
  slot_of_.clear();
  by_version_.clear();
  by_url_.clear();
}

std::optional<OfferTable::RawId> OfferTable::raw(const cache::ContentId& id) {
  const auto bytes = from_hex(id);
  RawId out{};
  if (!bytes || bytes->size() != out.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

std::vector<OfferTable::Name> OfferTable::names_of(const cache::ContentInfo& info) const {
  std::vector<Name> names;
  for (const cache::Version& version : info.versions) {
    if (!version.has_validator() || !version.size || (filter_ && !filter_(version))) continue;
    names.push_back({key_.version_key(version), key_.url_key(version.url), version_digest(version)});
  }
  names.shrink_to_fit();
  return names;
}

void OfferTable::update(const cache::ContentInfo& info, std::span<const std::uint64_t> segments) {
  const auto id = raw(info.id);
  if (!id) return;
  erase(*id);
  if (!info.shareable || !info.offered || info.state == cache::ContentState::set_aside || !info.size) return;
  Entry entry{*id, *info.size, to_unix_ns(info.created), false, {}, names_of(info)};
  // A complete content without a verdict is offered like a partial one: by its attested segments.
  entry.complete = info.state == cache::ContentState::complete && info.validated;
  if (!entry.complete) entry.segments = bitmap_of(segments);
  if (entry.names.empty() || (!entry.complete && entry.segments.empty())) return;
  put(std::move(entry));
}

void OfferTable::put(Entry entry) {
  Slot slot = static_cast<Slot>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slot_of_.emplace(entry.id, slot);
  for (const Name& name : entry.names) {
    by_version_.emplace(name.version_key, slot);
    by_url_.emplace(name.url_key, slot);
  }
  entries_[slot] = std::move(entry);
}

void OfferTable::unlink(Index& index, const Digest& key, Slot slot) {
  const auto [first, last] = index.equal_range(key);
  const auto found = std::find_if(first, last, [slot](const auto& item) { return item.second == slot; });
  if (found != last) index.erase(found);
}

void OfferTable::erase(const RawId& id) {
  const auto found = slot_of_.find(id);
  if (found == slot_of_.end()) return;
  const Slot slot = found->second;
  for (const Name& name : entries_[slot].names) {
    unlink(by_version_, name.version_key, slot);
    unlink(by_url_, name.url_key, slot);
  }
  entries_[slot] = {};
  free_.push_back(slot);
  slot_of_.erase(found);
}

void OfferTable::remove(const cache::ContentId& id) {
  if (const auto known = raw(id)) erase(*known);
}

// Rare, so it goes through all records: another index would cost more.
void OfferTable::withdraw(const Digest& version) {
  std::vector<Entry> changed;
  for (const auto& [id, slot] : slot_of_) {
    const auto& names = entries_[slot].names;
    const bool has = std::any_of(names.begin(), names.end(), [&](const Name& name) { return name.digest == version; });
    if (has) changed.push_back(entries_[slot]);
  }
  for (Entry& entry : changed) {
    erase(entry.id);
    std::erase_if(entry.names, [&](const Name& name) { return name.digest == version; });
    if (!entry.names.empty()) put(std::move(entry));
  }
}

bool OfferTable::better(const Entry& one, const Entry& other, KeyKind kind) const {
  // Of one version the record with most segments; of a URL the newest complete one.
  if (one.complete != other.complete) return one.complete;
  if (kind == KeyKind::version && !one.complete) return count(one.segments) > count(other.segments);
  return one.created_ns > other.created_ns;
}

std::optional<Offer> OfferTable::find_offer(KeyKind kind, const Digest& key) const {
  if (kind != KeyKind::version && kind != KeyKind::url) return std::nullopt;  // a kind of a later version of Larder
  const Index& index = kind == KeyKind::version ? by_version_ : by_url_;
  const auto [first, last] = index.equal_range(key);
  const Entry* best = nullptr;
  for (auto item = first; item != last; ++item) {
    const Entry& entry = entries_[item->second];
    if (!best || better(entry, *best, kind)) best = &entry;
  }
  if (!best) return std::nullopt;
  Offer offer{to_hex(best->id), key, best->size, best->complete, best->segments};
  if (kind == KeyKind::url) {
    const auto name = std::find_if(best->names.begin(), best->names.end(),
                                   [&](const Name& candidate) { return candidate.url_key == key; });
    offer.version_key = name->version_key;
  }
  return offer;
}

std::vector<HaveItem> OfferTable::answer(const Ask& ask) const {
  std::vector<HaveItem> items;
  std::size_t used = 0;
  for (std::size_t i = 0; i < std::min(ask.keys.size(), kMaxAskKeys); ++i) {
    auto offer = find_offer(ask.keys[i].kind, ask.keys[i].key);
    if (!offer) continue;
    used += kItemSize + offer->segments.size();
    if (used > kMaxAnswer) break;
    items.push_back(
        {static_cast<std::uint8_t>(i), offer->complete, offer->size, offer->version_key, std::move(offer->segments)});
  }
  return items;
}

}  // namespace larder::peer
