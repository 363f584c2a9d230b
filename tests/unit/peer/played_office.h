// Members that hold a small content, and an agent that looks for it among them; the LAN is played (played_lan.h).
#pragma once

#include <set>
#include <string>

#include "base/hash/merkle.h"
#include "peer/supply/version_lookup.h"
#include "peer/swarm/segment_leaves.h"
#include "peer/trust/trust.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/played_lan.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {

class PlayedOffice : public ::testing::Test {
 protected:
  static constexpr std::uint8_t kMembers = 6;

  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    for (std::uint8_t number = 1; number <= kMembers; ++number) members_.emplace_back(key_of(number));
    tools_ = std::make_shared<LookupTools>(
        LookupTools{discovery_, link_, loop_.runtime(), trust_, book_,
                    [this](const AgentId& agent) { return refused_.contains(agent); },
                    [this](const AgentId& agent) { return refused_.contains(agent) || unknown_.contains(agent); },
                    [this](const AgentId& agent) { liars_.push_back(agent); },
                    [this](const AgentId& agent) { silent_.push_back(agent); }, AgentId{}});
  }

  static AgentKey key_of(std::uint8_t number) {
    SecretSeed seed;
    seed.fill(std::byte{number});
    return AgentKey::from_seed(seed);
  }
  [[nodiscard]] const AgentId& id(std::uint8_t number) const { return members_[number - 1U].id(); }
  void meet(std::uint8_t number) { discovery_.meet(id(number), number, loop_.now()); }

  static std::vector<std::byte> bytes_of(std::uint64_t size, std::uint8_t seed) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + seed);
    return bytes;
  }
  // What a member says that has all of a content of one segment, fetched and attested by itself; `seed` makes the
  // bytes.
  [[nodiscard]] Manifest whole(std::uint8_t number, std::uint8_t seed, bool with_bytes,
                               std::uint64_t at_s = 1'790'000'000) {
    const auto bytes = bytes_of(*version_.size, seed);
    std::vector<Digest> leaves(block_count(bytes.size()));
    hash_blocks(bytes, leaves);
    Attestation said;
    said.transport = Transport::https;  // as the version's URL says
    said.version = version_digest(version_);
    said.size = *version_.size;
    said.root = content_root(leaves);
    said.at_s = at_s;
    sign(said, members_[number - 1U], group_);
    Manifest manifest;
    manifest.size = *version_.size;
    manifest.etag = version_.etag;
    manifest.complete = true;
    manifest.root = said.root;
    manifest.segments.push_back({0, said.root, encode_attestations({said})});
    if (with_bytes) manifest.bytes = bytes;
    return manifest;
  }
  static Result<CatalogueResponse> says(const Manifest& manifest) { return CatalogueResponse{200, encode(manifest)}; }
  static Result<CatalogueResponse> busy() { return CatalogueResponse{503, encode(std::vector<CatalogueHolder>{})}; }
  static Result<CatalogueResponse> no_answer() { return fail(ErrorCode::timed_out, "ask a catalogue", "nothing came"); }
  [[nodiscard]] CatalogueHolder other(std::uint8_t number) const {
    const std::string host = "10.0.0." + std::to_string(number) + ":";
    return {id(number), *parse_endpoint(host + std::to_string(1000 + number)),
            *parse_endpoint(host + std::to_string(2000 + number))};
  }
  // That a member has all of it, as its HAVE says.
  [[nodiscard]] Holder has_all(std::uint8_t number, const Digest& key, std::uint8_t load = 0) const {
    Holder holder;
    holder.agent = id(number);
    holder.load = load;
    holder.item.complete = true;
    holder.item.size = *version_.size;
    holder.item.version_key = key;
    return holder;
  }

  test::VirtualLoop loop_;
  PlayedDiscovery discovery_;
  PlayedLink link_;
  IdleSwarm swarm_;
  Trust trust_;
  MemberBook book_;
  Digest group_ = group_digest("group");
  cache::Version version_{"https://example.org/a.iso", 100 * kKiB, "\"e1\"", ""};
  std::vector<AgentKey> members_;
  std::set<AgentId> refused_, unknown_;
  std::vector<AgentId> liars_, silent_;
  std::shared_ptr<LookupTools> tools_;
};

}  // namespace larder::peer
