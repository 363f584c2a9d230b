// A supply in use: whom it takes leaves and blocks from, and what it does when they lie, stall or go. The catalogue and
// the swarm are played.
#include "peer/supply/supply.h"

#include <gtest/gtest.h>

#include "base/hash/merkle.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/played_lan.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

class FakeSwarm final : public Swarm {
 public:
  struct Running {
    SwarmFetch what;
    std::shared_ptr<SwarmEvents> events;
    std::vector<ByteRange> wanted;
    std::vector<AgentId> dropped;
    std::uint64_t consumed = 0;
  };
  [[nodiscard]] std::uint16_t port() const override { return 1; }
  void set_credentials(const SwarmCredentials&) override {}
  void set_rates(std::uint64_t, std::uint64_t) override {}
  void serve(Serve, UniqueFunction<void(Status)> done) override { done({}); }
  [[nodiscard]] bool serves(const TorrentId&) const override { return false; }
  Result<SwarmFetchId> fetch(SwarmFetch what, std::shared_ptr<SwarmEvents> events) override {
    EXPECT_EQ(content_root(what.leaves), what.torrent.root);
    running[++last] = {std::move(what), std::move(events), {}, {}, 0};
    return last;
  }
  void want(SwarmFetchId id, std::vector<ByteRange> ranges) override { running.at(id).wanted = std::move(ranges); }
  void add_peers(SwarmFetchId id, const std::vector<SwarmPeer>& peers) override {
    for (const SwarmPeer& peer : peers) running.at(id).what.peers.push_back(peer);
  }
  void drop_peer(SwarmFetchId id, const AgentId& peer) override { running.at(id).dropped.push_back(peer); }
  void consumed(SwarmFetchId id, ByteRange range) override { running.at(id).consumed += range.length; }
  void stop(SwarmFetchId id) override { running.erase(id); }
  [[nodiscard]] SwarmFigures figures() const override { return {}; }

  std::map<SwarmFetchId, Running> running;
  SwarmFetchId last = 0;
};

struct Taken final : DeliveryEvents {
  void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override {
    EXPECT_EQ(leaves.size(), block_count(bytes.size()));
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const std::size_t from = i * kBlockSize;
      EXPECT_EQ(leaves[i], sha256(bytes.bytes().subspan(from, std::min<std::size_t>(kBlockSize, bytes.size() - from))));
    }
    got[offset] = bytes.size();
    total += bytes.size();
  }
  void on_done(Status status) override { done = std::move(status); }
  std::map<std::uint64_t, std::size_t> got;
  std::uint64_t total = 0;
  std::optional<Status> done;
};

constexpr std::uint64_t kSegment = cache::kMinSegment;

class SupplyTest : public ::testing::Test {
 protected:
  SupplyTest() : bytes_(2 * kSegment + kMiB) {
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i * 31 + i / 251);
    leaves_.resize(block_count(bytes_.size()));
    hash_blocks(bytes_, leaves_);
    tools_ = std::make_shared<SupplyTools>(SupplyTools{link_, swarm_, loop_.runtime(),
                                                       [](Task task) {
                                                         task();
                                                         return true;
                                                       },
                                                       [this](const AgentId& agent) { liars_.push_back(agent); },
                                                       [this](const AgentId& agent) { gone_.push_back(agent); }});
  }

  [[nodiscard]] Bytes range(ByteRange what) const { return Bytes(bytes_).subspan(what.offset, what.length); }
  [[nodiscard]] std::vector<Digest> leaves_of_segment(std::uint64_t segment) const {
    const ByteRange of = layout_.range(segment);
    const auto first = leaves_.begin() + static_cast<std::ptrdiff_t>(of.offset / kBlockSize);
    return {first, first + static_cast<std::ptrdiff_t>(block_count(of.length))};
  }

  // A supply whose proof holds these segments; all of them: also of the whole.
  std::shared_ptr<SupplyImpl> make(const std::vector<std::uint64_t>& segments) {
    Manifest manifest;
    manifest.size = bytes_.size();
    manifest.etag = version_.etag;
    std::vector<Digest> roots;
    for (const std::uint64_t segment : segments) {
      const Digest root = segment_root(layout_, leaves_of_segment(segment));
      roots.push_back(root);
      Attestation attestation = witness_.says(version_, segment, "");
      attestation.root = root;
      sign(attestation, key_, group_);
      manifest.segments.push_back({segment, root, encode_attestations({attestation})});
    }
    manifest.complete = segments.size() == layout_.count();
    if (manifest.complete) manifest.root = fold_segment_roots(roots, layout_.segment_blocks());
    auto supply = std::make_shared<SupplyImpl>(tools_, version_, Digest{}, group_);
    const auto added = supply->proof().add_manifest(manifest, trust_, {}, WallTime{});
    EXPECT_TRUE(added) << added.error().text();
    const auto told = supply->proof().agreement_with(manifest);
    EXPECT_EQ(told.complete, manifest.complete);
    EXPECT_EQ(told.segments.size(), segments.size());
    return supply;
  }
  void add_holder(SupplyImpl& supply, std::uint8_t number, bool complete, std::set<std::uint64_t> segments = {}) {
    HolderFacts holder;
    holder.agent = agent(number);
    holder.complete = complete;
    holder.segments = std::move(segments);
    holder.draw = number;
    ASSERT_TRUE(supply.holder_table().add_holder(holder));
  }
  static AgentId agent(std::uint8_t number) {
    AgentId id{};
    id.fill(std::byte{number});
    return id;
  }
  // Answers the oldest call.
  AgentId answer(Result<CatalogueResponse> with) {
    auto asked = std::move(link_.asked.front());
    link_.asked.erase(link_.asked.begin());
    asked.done(std::move(with));
    loop_.run_ready();
    return asked.call.agent;
  }
  static CatalogueResponse ok(const std::vector<Digest>& leaves) { return {200, encode_leaves(leaves)}; }
  FakeSwarm::Running& fetch() { return swarm_.running.rbegin()->second; }
  void send(ByteRange what, const AgentId& from) {
    fetch().events->on_blocks(what.offset - fetch().what.offset, copy_of(range(what)), from);
    loop_.run_ready();
  }
  void consume(SupplyImpl& supply, DeliveryId id, ByteRange what) {
    supply.consumed(id, what);
    loop_.run_ready();
  }

  test::VirtualLoop loop_;
  PlayedLink link_;
  FakeSwarm swarm_;
  Trust trust_;
  Digest group_ = group_digest("group");
  AgentKey key_ = AgentKey::from_seed(SecretSeed{std::byte{7}});
  Witness witness_{1, group_};
  std::vector<std::byte> bytes_;
  std::vector<Digest> leaves_;
  cache::Version version_{"https://example.org/a.iso", 2 * kSegment + kMiB, "\"e1\"", ""};
  cache::SegmentLayout layout_{2 * kSegment + kMiB};
  std::vector<AgentId> liars_, gone_;
  std::shared_ptr<SupplyTools> tools_;
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

TEST_F(SupplyTest, TheWholeTravelsAsOneTorrent) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  EXPECT_TRUE(supply->complete());
  EXPECT_EQ(supply->segments(), (std::vector<std::uint64_t>{0, 1, 2}));
  supply->deliver(layout_.range(1), taken_);
  loop_.run_ready();
  ASSERT_EQ(link_.asked.size(), 1U);
  EXPECT_NE(link_.asked[0].call.target.find("count=all&open=1"), std::string::npos) << link_.asked[0].call.target;
  answer(ok(leaves_));
  ASSERT_EQ(swarm_.running.size(), 1U);
  EXPECT_EQ(fetch().what.torrent.length, bytes_.size());
  EXPECT_EQ(fetch().wanted, std::vector{layout_.range(1)});
  send({kSegment, kSegment - kMiB}, agent(1));
  EXPECT_FALSE(taken_->done);
  send({2 * kSegment - kMiB, kMiB}, agent(1));
  EXPECT_TRUE(fetch().wanted.empty());
  ASSERT_TRUE(taken_->done);
  // Written, and so to be given on, only after the window's end.
  consume(*supply, 1, {kSegment, kSegment - kMiB});
  consume(*supply, 1, {2 * kSegment - kMiB, kMiB});
  EXPECT_EQ(fetch().consumed, kSegment);
  EXPECT_TRUE(*taken_->done);
  EXPECT_EQ(taken_->total, kSegment);
  EXPECT_TRUE(fetch().wanted.empty());
  // The next window needs no other torrent.
  supply->deliver(layout_.range(2), std::make_shared<Taken>());
  loop_.run_ready();
  EXPECT_EQ(swarm_.running.size(), 1U);
  EXPECT_TRUE(link_.asked.empty());
  EXPECT_EQ(fetch().wanted, std::vector{layout_.range(2)});
}

TEST_F(SupplyTest, SegmentsTravelOneByOneWhileNobodyIsComplete) {
  const auto supply = make({2});
  add_holder(*supply, 1, false, {2});
  EXPECT_FALSE(supply->complete());
  EXPECT_EQ(supply->segments(), std::vector<std::uint64_t>{2});
  supply->deliver(layout_.range(2), taken_);
  loop_.run_ready();
  ASSERT_EQ(link_.asked.size(), 1U);
  EXPECT_NE(link_.asked[0].call.target.find("first=2&count=1&open=1"), std::string::npos);
  answer(ok(leaves_of_segment(2)));
  ASSERT_EQ(swarm_.running.size(), 1U);
  EXPECT_EQ(fetch().what.torrent.length, 1 * kMiB);
  EXPECT_EQ(fetch().what.offset, 2 * kSegment);
  send(layout_.range(2), agent(1));
  consume(*supply, 1, layout_.range(2));
  ASSERT_TRUE(taken_->done && *taken_->done);
  EXPECT_EQ(taken_->got, (std::map<std::uint64_t, std::size_t>{{2 * kSegment, 1 * kMiB}}));
}

TEST_F(SupplyTest, WhoSendsWrongLeavesIsNamedAndTheNextIsTaken) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  add_holder(*supply, 2, true);
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  auto wrong = leaves_;
  wrong[5] = wrong[6];
  const AgentId liar = answer(ok(wrong));
  EXPECT_EQ(liars_, std::vector{liar});
  EXPECT_TRUE(swarm_.running.empty());
  ASSERT_EQ(link_.asked.size(), 1U);
  const AgentId honest = answer(ok(leaves_));
  EXPECT_NE(honest, liar);
  ASSERT_EQ(swarm_.running.size(), 1U);
  EXPECT_EQ(fetch().what.peers.size(), 1U);
  EXPECT_EQ(fetch().what.peers[0].agent, honest);
  EXPECT_TRUE(supply->holder_table().was_dropped(liar));
}

TEST_F(SupplyTest, WhoOnlySaidThatItHasASegmentIsNotCalledALiar) {
  const auto supply = make({0, 1});
  HolderFacts holder;
  holder.agent = agent(1);
  holder.segments = holder.hearsay = {1};
  supply->holder_table().add_holder(holder);
  supply->deliver(layout_.range(1), taken_);
  loop_.run_ready();
  auto other = leaves_of_segment(1);
  other[5] = other[6];
  answer(ok(other));
  EXPECT_TRUE(liars_.empty()) << "its origin may have given it other bytes";
  EXPECT_FALSE(supply->holder_table().was_dropped(agent(1)));
  ASSERT_TRUE(taken_->done);
  EXPECT_EQ(taken_->done->error().code, ErrorCode::no_progress);
}

TEST_F(SupplyTest, ASegmentThatIsOfferedNoLongerLingers) {
  const auto supply = make({0, 1});
  add_holder(*supply, 1, false, {0, 1});
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  answer(ok(leaves_of_segment(0)));
  ASSERT_EQ(swarm_.running.size(), 1U);
  supply->on_offered(0);
  EXPECT_EQ(swarm_.running.size(), 1U) << "it is still coming";
  send(layout_.range(0), agent(1));
  ASSERT_TRUE(taken_->done);
  EXPECT_EQ(swarm_.running.size(), 1U);
  supply->on_offered(0);
  EXPECT_TRUE(swarm_.running.empty()) << "others would wait for a torrent that gives nothing";
}

TEST_F(SupplyTest, InNoCrowdAnythingMayComeFromTheOrigin) {
  const auto supply = make({0});
  EXPECT_FALSE(supply->from_origin());
  EXPECT_FALSE(supply->crowd());
  EXPECT_FALSE(supply->promising());
  EXPECT_TRUE(supply->order().empty());
}

// Two members, a played bus between them.
TEST_F(SupplyTest, InACrowdItTakesWhatIsLeftToItAndOthersGiveTheRest) {
  std::vector<CrowdEntry> said;
  std::uint64_t sequence = 0;
  CrowdHost host({loop_.runtime(),
                  agent(9),
                  [&said](std::vector<CrowdEntry> entries) { said = std::move(entries); },
                  [] { return std::vector<AgentId>{agent(1)}; },
                  {}});
  const auto supply = make({0, 1, 2});
  CrowdHost::Joining joining;
  joining.layout = layout_;
  joining.patience = std::chrono::milliseconds(1500);
  joining.min_rate = 1000;
  std::vector<AgentId> heard;
  supply->set_crowd_listener([&heard](const AgentId& from, const CrowdEntry&) { heard.push_back(from); });
  supply->join_crowd(host.join_crowd(joining, supply), 1000);
  ASSERT_TRUE(supply->from_origin());
  EXPECT_TRUE(supply->from_origin()->empty()) << "not before the first step";
  CrowdEntry other;
  other.segments = 3;
  other.held = {std::byte{0b001}};
  other.claims = {{1, 100}};
  host.on_datagram(agent(1), {1, ++sequence}, {other});
  EXPECT_EQ(heard, std::vector{agent(1)});
  loop_.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(supply->from_origin(), std::vector<std::uint64_t>{2}) << "0 is held and 1 is claimed elsewhere";
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].claims.size(), 1U);
  add_holder(*supply, 1, false, {0});
  EXPECT_EQ(supply->order(), std::vector<std::uint64_t>{0});
  EXPECT_TRUE(supply->promising());
  ASSERT_TRUE(supply->crowd());
  EXPECT_EQ(supply->crowd()->members, 1U);
  EXPECT_EQ(supply->crowd()->elsewhere, 1U);
  // Fetched, offered: said at once; and once more when this agent has left.
  supply->on_origin_progress(SegmentIndex(2), layout_.range(2).length);
  host.on_segment_offered(Digest{}, 2, true);
  loop_.advance(std::chrono::milliseconds(20));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].held, std::vector{std::byte{0b100}});
  EXPECT_TRUE(said[0].wants);
  said.clear();
  supply->close();
  EXPECT_FALSE(supply->from_origin()) << "no crowd any more";
  loop_.advance(std::chrono::milliseconds(200));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_FALSE(said[0].wants);
  EXPECT_TRUE(said[0].claims.empty());
  EXPECT_EQ(said[0].held, std::vector{std::byte{0b100}});
  loop_.advance(std::chrono::seconds(5));
  said.clear();
  loop_.advance(std::chrono::seconds(5));
  EXPECT_TRUE(said.empty()) << "it has left";
}

TEST_F(SupplyTest, TooFewAndTooManyLeavesAreWrongToo) {
  for (const std::size_t count : {leaves_.size() - 1, leaves_.size() + 1}) {
    const auto supply = make({0, 1, 2});
    add_holder(*supply, 1, true);
    auto events = std::make_shared<Taken>();
    supply->deliver(layout_.range(0), events);
    loop_.run_ready();
    auto wrong = leaves_;
    wrong.resize(count);
    answer(ok(wrong));
    ASSERT_TRUE(events->done);
    EXPECT_EQ(events->done->error().code, ErrorCode::no_progress);
  }
  EXPECT_EQ(liars_.size(), 2U);
}

TEST_F(SupplyTest, WhoStallsIsReplacedAndThenNobodyIsLeft) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  add_holder(*supply, 2, true);
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  const AgentId first = answer(ok(leaves_));
  send({0, 1 * kMiB}, first);
  supply->consumed(1, {0, 1 * kMiB});
  loop_.advance(std::chrono::milliseconds(900));
  EXPECT_TRUE(fetch().dropped.empty());
  loop_.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(fetch().dropped, std::vector{first});
  ASSERT_EQ(link_.asked.size(), 1U);
  EXPECT_NE(link_.asked[0].call.target.find("leaves=0"), std::string::npos) << "they are known";
  const AgentId second = answer(CatalogueResponse{200, {}});
  EXPECT_NE(first, second);
  EXPECT_EQ(fetch().what.peers.back().agent, second);
  loop_.advance(std::chrono::milliseconds(1100));
  ASSERT_TRUE(taken_->done);
  EXPECT_EQ(taken_->done->error().code, ErrorCode::no_progress);
  EXPECT_EQ(supply->holders(), 0U);
  EXPECT_TRUE(swarm_.running.empty());
  EXPECT_TRUE(liars_.empty()) << "slow is not false";
}

TEST_F(SupplyTest, WhileTheDiskIsSlowNobodyStalls) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  const AgentId first = answer(ok(leaves_));
  constexpr std::uint64_t kStep = 64 * kKiB;
  send({0, kSegment - 2 * kStep}, first);
  for (std::uint64_t i = 0; i < 7; ++i) {  // slowly, but it is consumed
    loop_.advance(std::chrono::milliseconds(700));
    supply->consumed(1, {i * kStep, kStep});
  }
  EXPECT_TRUE(fetch().dropped.empty());
  supply->consumed(1, {7 * kStep, kSegment - 9 * kStep});
  loop_.advance(std::chrono::milliseconds(2100));
  ASSERT_TRUE(taken_->done);
}

TEST_F(SupplyTest, WhatIsNeverConsumedMakesRoomInTheEnd) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  const DeliveryId given_up = supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  const AgentId holder = answer(ok(leaves_));
  send({0, kSegment - kMiB}, holder);
  supply->cancel(given_up);
  const auto other = std::make_shared<Taken>();
  supply->deliver(layout_.range(1), other);
  const SwarmFetchId before = swarm_.last;
  loop_.advance(std::chrono::milliseconds(2500));
  EXPECT_NE(swarm_.last, before) << "nothing comes, since nothing is consumed: a new torrent";
  EXPECT_EQ(fetch().wanted, std::vector{layout_.range(1)});
  EXPECT_FALSE(other->done);
  send(layout_.range(1), holder);
  ASSERT_TRUE(other->done && *other->done);
}

TEST_F(SupplyTest, WhoSendsBadBlocksIsNamed) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  const AgentId first = answer(ok(leaves_));
  fetch().events->on_bad_block(first);
  loop_.run_ready();
  EXPECT_EQ(liars_, std::vector{first});
  ASSERT_TRUE(taken_->done);
  EXPECT_EQ(taken_->done->error().code, ErrorCode::no_progress);
}

// Each holds one of the agent's few places for fetches, its connections and its hashes.
TEST_F(SupplyTest, AFetchThatNobodyWantsEndsAfterAWhile) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  const DeliveryId first = supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  answer(ok(leaves_));
  ASSERT_EQ(swarm_.running.size(), 1U);
  supply->cancel(first);
  loop_.advance(std::chrono::seconds(20));
  EXPECT_EQ(swarm_.running.size(), 1U) << "it may be wanted again, and gives to others";
  auto again = std::make_shared<Taken>();
  const DeliveryId second = supply->deliver(layout_.range(1), again);
  loop_.advance(std::chrono::milliseconds(100));
  supply->cancel(second);
  loop_.advance(std::chrono::seconds(20));
  EXPECT_EQ(swarm_.running.size(), 1U) << "it was wanted meanwhile";
  loop_.advance(std::chrono::seconds(11));
  EXPECT_TRUE(swarm_.running.empty());
  // And is made anew where it is wanted.
  supply->deliver(layout_.range(2), taken_);
  loop_.run_ready();
  answer(ok(leaves_));
  EXPECT_EQ(swarm_.running.size(), 1U);
}

TEST_F(SupplyTest, CancelledSegmentsDoNotPileUp) {
  const auto supply = make({0, 1});
  add_holder(*supply, 1, false, {0, 1});
  for (const std::uint64_t segment : {std::uint64_t{0}, std::uint64_t{1}}) {
    const DeliveryId id = supply->deliver(layout_.range(segment), std::make_shared<Taken>());
    loop_.run_ready();
    answer(ok(leaves_of_segment(segment)));
    supply->cancel(id);
  }
  EXPECT_EQ(swarm_.running.size(), 2U);
  loop_.advance(std::chrono::seconds(31));
  EXPECT_TRUE(swarm_.running.empty());
}

TEST_F(SupplyTest, WhatACancelledWindowGotComesAgainInANewTorrent) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  const DeliveryId first = supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  const AgentId holder = answer(ok(leaves_));
  send({0, 1 * kMiB}, holder);
  supply->cancel(first);
  EXPECT_TRUE(fetch().wanted.empty());
  const SwarmFetchId before = swarm_.last;
  auto again = std::make_shared<Taken>();
  supply->deliver(layout_.range(0), again);
  loop_.run_ready();
  EXPECT_NE(swarm_.last, before);
  ASSERT_EQ(swarm_.running.size(), 1U);
  EXPECT_TRUE(fetch().what.held.empty());
  send(layout_.range(0), holder);
  consume(*supply, 2, layout_.range(0));
  ASSERT_TRUE(again->done && *again->done);
  EXPECT_EQ(again->total, kSegment);
  EXPECT_FALSE(taken_->done) << "no event follows a cancel";
}

TEST_F(SupplyTest, BlocksForTwoWindowsAreParted) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  auto other = std::make_shared<Taken>();
  supply->deliver({0, kSegment / 2}, taken_);
  supply->deliver({kSegment / 2, kSegment / 4}, other);
  loop_.run_ready();
  const AgentId holder = answer(ok(leaves_));
  send({0, kSegment * 3 / 4 + 64 * kKiB}, holder);
  ASSERT_TRUE(taken_->done && *taken_->done);
  ASSERT_TRUE(other->done && *other->done);
  EXPECT_EQ(taken_->total, kSegment / 2);
  EXPECT_EQ(other->total, kSegment / 4);
  EXPECT_EQ(swarm_.last, 1U) << "what was in hand was asked for again";
}

TEST_F(SupplyTest, AHolderThatDoesNotAnswerIsForgotten) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  const AgentId asked = answer(fail(ErrorCode::timed_out, "ask", "nothing"));
  EXPECT_EQ(gone_, std::vector{asked});
  ASSERT_TRUE(taken_->done);
  EXPECT_FALSE(*taken_->done);
}

TEST_F(SupplyTest, AClosedSupplyDeliversNothingMore) {
  const auto supply = make({0, 1, 2});
  add_holder(*supply, 1, true);
  supply->deliver(layout_.range(0), taken_);
  loop_.run_ready();
  answer(ok(leaves_));
  supply->close();
  EXPECT_TRUE(swarm_.running.empty());
  loop_.run_ready();
  ASSERT_TRUE(taken_->done);
  auto late = std::make_shared<Taken>();
  supply->deliver(layout_.range(1), late);
  loop_.run_ready();
  ASSERT_TRUE(late->done);
  EXPECT_FALSE(*late->done);
  EXPECT_TRUE(supply->segments().empty());
}

TEST(SupplyBytes, SmallContentsComeWithTheCataloguesAnswer) {
  test::VirtualLoop loop;
  PlayedLink link;
  FakeSwarm swarm;
  Trust trust;
  const Digest group = group_digest("group");
  const AgentKey key = AgentKey::from_seed(SecretSeed{std::byte{7}});
  auto tools = std::make_shared<SupplyTools>(SupplyTools{link, swarm, loop.runtime(), {}, {}, {}});
  const cache::Version version{"https://example.org/small", 40000, "\"e\"", ""};
  std::vector<std::byte> bytes(40000, std::byte{5});
  std::vector<Digest> leaves(block_count(bytes.size()));
  hash_blocks(bytes, leaves);
  Attestation attestation;
  attestation.version = version_digest(version);
  attestation.size = 40000;
  attestation.root = content_root(leaves);
  attestation.transport = Transport::https;
  sign(attestation, key, group);
  Manifest manifest;
  manifest.size = 40000;
  manifest.etag = "\"e\"";
  manifest.complete = true;
  manifest.root = attestation.root;
  manifest.segments = {{0, attestation.root, encode_attestations({attestation})}};
  const auto supply = std::make_shared<SupplyImpl>(tools, version, Digest{}, group);
  ASSERT_TRUE(supply->proof().add_manifest(manifest, trust, {}, WallTime{}));
  auto wrong = bytes;
  wrong[39999] ^= std::byte{1};
  EXPECT_FALSE(supply->take_bytes(wrong));
  EXPECT_FALSE(supply->take_bytes(std::vector<std::byte>(39999, std::byte{5})));
  EXPECT_FALSE(supply->complete());
  ASSERT_TRUE(supply->take_bytes(bytes));
  EXPECT_TRUE(supply->complete());
  auto taken = std::make_shared<Taken>();
  supply->deliver({16384, 23616}, taken);
  EXPECT_FALSE(taken->done) << "never from within the call";
  loop.run_ready();
  ASSERT_TRUE(taken->done && *taken->done);
  EXPECT_EQ(taken->got, (std::map<std::uint64_t, std::size_t>{{16384, 23616}}));
  EXPECT_TRUE(link.asked.empty());
}

}  // namespace
}  // namespace larder::peer
