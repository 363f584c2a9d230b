// The contents that this agent offers the group, found by version key or URL key. Pure; loop thread.
//
// offer_feed.* keeps it in step with the cache. Its keys are made with the group's lookup key: a new key empties the
// table, and the feed fills it anew. Some 400 bytes a record, so that 100,000 of them are no burden.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "cache/record/record.h"
#include "peer/group/keys.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

struct Offer {
  cache::ContentId content;
  Digest version_key{};
  std::uint64_t size = 0;
  bool complete = false;
  std::vector<std::byte> segments;  // bitmap, lowest bit first; empty when complete
};

class OfferTable {
 public:
  // Bytes of items in one answer: a datagram without its header and encryption.
  static constexpr std::size_t kMaxAnswer = 1000;

  // Returns whether the policy lets this version be offered.
  using Filter = std::function<bool(const cache::Version&)>;

  OfferTable(GroupKey key, Filter filter);

  void reset(const GroupKey& key);  // empties it
  // Replaces the record of a content by its present state in the cache. `segments`: the committed segments, ascending;
  // ignored for a complete, validated content. A content that may not be offered is removed.
  void update(const cache::ContentInfo& info, std::span<const std::uint64_t> segments);
  void remove(const cache::ContentId& id);

  // Returns the best offer for a key: a complete content before partial ones; of partial ones of a version the one with
  // most segments; otherwise the newest.
  [[nodiscard]] std::optional<Offer> find_offer(KeyKind kind, const Digest& key) const;
  // Returns the items for the keys that are offered here, as many as a datagram holds.
  [[nodiscard]] std::vector<HaveItem> answer(const Ask& ask) const;
  // Removes the version with this digest (attestation.h) from all records at once. The filter keeps it out from then
  // on.
  void withdraw(const Digest& version);
  // Returns whether the policy lets the version be offered.
  [[nodiscard]] bool may_offer(const cache::Version& version) const { return !filter_ || filter_(version); }
  [[nodiscard]] std::size_t size() const { return slot_of_.size(); }
  [[nodiscard]] const GroupKey& key() const { return key_; }

 private:
  using RawId = std::array<std::byte, 16>;
  using Slot = std::uint32_t;
  struct Name {
    Digest version_key{};
    Digest url_key{};
    Digest digest{};  // of the version
  };
  struct Entry {
    RawId id{};
    std::uint64_t size = 0;
    std::int64_t created_ns = 0;
    bool complete = false;
    std::vector<std::byte> segments;
    std::vector<Name> names;
  };
  struct FirstBytes {  // keys and ids are as good as random
    template <std::size_t N>
    std::size_t operator()(const std::array<std::byte, N>& key) const {
      std::size_t value = 0;
      std::memcpy(&value, key.data(), sizeof(value));
      return value;
    }
  };
  using Index = std::unordered_multimap<Digest, Slot, FirstBytes>;

  static std::optional<RawId> raw(const cache::ContentId& id);
  [[nodiscard]] std::vector<Name> names_of(const cache::ContentInfo& info) const;
  [[nodiscard]] bool better(const Entry& one, const Entry& other, KeyKind kind) const;
  void put(Entry entry);
  void erase(const RawId& id);
  static void unlink(Index& index, const Digest& key, Slot slot);

  GroupKey key_;
  Filter filter_;
  std::vector<Entry> entries_;
  std::vector<Slot> free_;
  std::unordered_map<RawId, Slot, FirstBytes> slot_of_;
  Index by_version_, by_url_;
};

}  // namespace larder::peer
