// What neighbours are answered: by whom it is vouched for, what has changed, and who gets no answer.
#include "peer/offer/catalogue_service.h"

#include <gtest/gtest.h>

#include <optional>

#include "peer/group/certificate.h"
#include "peer/offer/inline_share.h"
#include "peer/trust/attesters.h"
#include "peer/trust/own_attestations.h"
#include "peer/trust/proof.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/played_cache.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

constexpr auto kYear = std::chrono::hours(24 * 365);

class IdleSwarm final : public Swarm {
 public:
  [[nodiscard]] std::uint16_t port() const override { return 1; }
  void set_credentials(const SwarmCredentials&) override {}
  void set_rates(std::uint64_t, std::uint64_t) override {}
  void serve(Serve what, UniqueFunction<void(Status)> done) override {
    served.push_back(what.torrent);
    still_offered.push_back(what.still_offered);
    if (forgets > 0) {
      --forgets;
      return;
    }
    done({});
  }
  [[nodiscard]] bool serves(const TorrentId&) const override { return false; }
  Result<SwarmFetchId> fetch(SwarmFetch, std::shared_ptr<SwarmEvents>) override {
    return fail(ErrorCode::invalid_state, "fetch", "nothing is fetched here");
  }
  void want(SwarmFetchId, std::vector<ByteRange>) override {}
  void add_peers(SwarmFetchId, const std::vector<SwarmPeer>&) override {}
  void drop_peer(SwarmFetchId, const AgentId&) override {}
  void consumed(SwarmFetchId, ByteRange) override {}
  void stop(SwarmFetchId) override {}
  [[nodiscard]] SwarmFigures figures() const override { return {}; }
  std::vector<TorrentId> served;
  std::vector<std::function<bool()>> still_offered;
  std::size_t forgets = 0;  // so many callbacks are destroyed uncalled
};

class CatalogueServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    now_ = loop_.wall();
    pem_ = make_authority(authority_, "Office", now_, 10 * kYear).value();
    group_ = group_digest(pem_);
    members_.set_authority(pem_);
    admit(self_.id());
    CatalogueServiceParts parts{cache_, offers_, members_, swarm_, disk_, loop_.runtime(), self_, group_};
    parts.peers = [this]() -> const PeerTable& { return peers_; };
    parts.refused = [this](const AgentId& agent) { return agent == refused_; };
    parts.serving = [this] { return serving_; };
    service_.emplace(std::move(parts));
  }
  void admit(const AgentId& agent) {
    const auto leaf = issue_leaf(authority_, pem_, agent, now_, kYear);
    ASSERT_TRUE(members_.remember(agent, certificate_der(*leaf).value(), now_));
  }
  cache::ContentId put(std::vector<cache::Version> versions, const std::vector<std::uint64_t>& held) {
    const auto id = test::put(cache_, 'a', std::move(versions), bytes_, held);
    for (cache::SegmentInfo& segment : cache_.records.at(id).segments) segment.transport = cache::Transport::https;
    offers_.update(cache_.records.at(id).info, held);
    return id;
  }
  // The answer's status; its body goes to `body_`.
  unsigned ask(const std::string& target, const std::string& method = "GET") {
    const auto status = std::make_shared<std::optional<unsigned>>();
    begin(target, method, status);
    EXPECT_TRUE(loop_.wait_for([&] { return status->has_value(); }));
    return status->value_or(0);
  }
  void begin(const std::string& target, const std::string& method, std::shared_ptr<std::optional<unsigned>> status) {
    CatalogueRequest request;
    request.agent = asker_;
    request.method = method;
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    service_->handle(std::move(request), [this, status = std::move(status)](CatalogueResponse response) {
      body_ = std::move(response.body);
      writing_.push_back(std::move(response.until_written));
      *status = response.status;
    });
  }
  [[nodiscard]] std::string target(const cache::Version& version, bool with_bytes = false,
                                   bool comes_again = false) const {
    return target_of(ManifestQuery{key_.version_key(version), KeyKind::version, with_bytes, comes_again});
  }
  Manifest manifest(const cache::Version& version) {
    EXPECT_EQ(ask(target(version)), 200U);
    auto said = decode_manifest(body_);
    EXPECT_TRUE(said);
    return said ? *said : Manifest{};
  }
  // What somebody believes who knows the group's certificate and nobody in it.
  [[nodiscard]] std::optional<Digest> believed(const Manifest& said, const cache::Version& version) const {
    MemberBook nobody;
    nobody.set_authority(pem_);
    take_certificates(said.certificates, nobody, now_);
    Proof proof(version, group_);
    const Trust trust;
    const auto added = proof.add_manifest(
        said, trust, [&](const AgentId& agent) { return !nobody.is_known(agent, now_); }, now_);
    EXPECT_TRUE(added);
    return proof.whole();
  }

  larder::test::VirtualLoop loop_;
  larder::test::FakeCache cache_{loop_.runtime()};
  WorkerPool disk_{"test", 1, 64};
  IdleSwarm swarm_;
  PeerTable peers_;
  MemberBook members_;
  AgentKey authority_ = AgentKey::generate(), self_ = AgentKey::generate();
  AgentId asker_ = AgentKey::generate().id(), refused_{};
  std::string pem_;
  Digest group_{};
  WallTime now_{};
  bool serving_ = true;
  GroupKey key_ = GroupKey::from_secret(1, sha256(as_bytes("one")));
  OfferTable offers_{key_, {}};
  const std::vector<std::byte> bytes_ = test::pattern(2 * cache::kMinSegment + kMiB);
  const cache::Version one_{"https://example.org/a", 2 * cache::kMinSegment + kMiB, "\"1\"", ""};
  const cache::Version two_{"https://example.org/a", 2 * cache::kMinSegment + kMiB, "\"2\"", ""};
  std::optional<CatalogueService> service_;
  std::vector<std::byte> body_;
  std::vector<std::shared_ptr<void>> writing_;  // answers that are not written yet
};

TEST_F(CatalogueServiceTest, WhatThisAgentFetchedIsBelievedByWhoHasNeverHeardOfIt) {
  const auto id = put({one_}, {0, 1, 2});
  const Manifest said = manifest(one_);
  EXPECT_EQ(said.certificates.size(), 1U);
  EXPECT_EQ(believed(said, one_), cache_.records.at(id).info.root);
  Manifest bare = said;
  bare.certificates.clear();
  EXPECT_FALSE(believed(bare, one_)) << "without the certificate it could be anybody";
}

TEST_F(CatalogueServiceTest, AnAttesterThatHasGoneIsBelievedToo) {
  const auto id = put({one_}, {0, 1, 2});
  const AgentKey gone = AgentKey::generate();
  for (cache::SegmentInfo& segment : cache_.records.at(id).segments) {
    segment.attestation = encode_attestations({attest(one_, segment, gone, group_, now_)});
    segment.source = cache::Source::peer;
    segment.peer_bytes = segment.range.length;
  }
  EXPECT_FALSE(believed(manifest(one_), one_)) << "nobody has its certificate";
  admit(gone.id());
  const Manifest said = manifest(one_);
  ASSERT_EQ(said.certificates.size(), 1U);
  EXPECT_EQ(said.certificates[0].agent, gone.id());
  EXPECT_EQ(believed(said, one_), cache_.records.at(id).info.root);
}

TEST_F(CatalogueServiceTest, EqualBytesAreVouchedForAsTheVersionsTheyWereFetchedAs) {
  const auto id = put({two_, one_}, {0, 1, 2});  // the newest first: fetched as the last
  EXPECT_TRUE(believed(manifest(one_), one_));
  EXPECT_FALSE(believed(manifest(two_), two_)) << "nobody has fetched it as that";
  for (cache::SegmentInfo& segment : cache_.records.at(id).segments) {
    segment.attestation = add_attestations({attest(two_, segment, self_, group_, now_)}, segment);
  }
  service_->changed(id);
  EXPECT_TRUE(believed(manifest(two_), two_));
  EXPECT_TRUE(believed(manifest(one_), one_));
}

TEST_F(CatalogueServiceTest, OnlyWhatASegmentWasFetchedAsIsAttested) {
  const auto id = put({one_}, {0, 1, 2});
  cache_.records.at(id).segments[1].fetched_as =
      cache::version_name(two_);                      // bytes of another URL, whoever put them there
  cache_.records.at(id).segments[2].fetched_as = {};  // kept by an older agent
  const Manifest said = manifest(one_);
  ASSERT_EQ(said.segments.size(), 3U);
  EXPECT_FALSE(said.segments[0].attestations.empty());
  EXPECT_TRUE(said.segments[1].attestations.empty());
  EXPECT_TRUE(said.segments[2].attestations.empty());
  EXPECT_FALSE(believed(said, one_));
}

TEST_F(CatalogueServiceTest, TheTransportSaidIsThatOfTheLastHop) {
  const auto id = put({one_}, {0, 1, 2});
  cache_.records.at(id).segments[0].transport = cache::Transport::https;
  cache_.records.at(id).segments[1].transport = cache::Transport::http;
  cache_.records.at(id).segments[2].transport = {};  // not known
  const Manifest said = manifest(one_);
  const std::vector<Transport> wanted{Transport::https, Transport::http, Transport::http};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto one = decode_attestations(said.segments[i].attestations);
    ASSERT_TRUE(one && one->size() == 1) << i;
    EXPECT_EQ(one->front().transport, wanted[i]) << i;
  }
}

TEST_F(CatalogueServiceTest, WhatChangesWhileItIsReadIsReadAgain) {
  put({one_}, {0});
  const auto status = std::make_shared<std::optional<unsigned>>();
  begin(target(one_), "GET", status);
  loop_.run_ready();  // the cache has answered; a worker signs
  service_->changed(put({one_}, {0, 1}));
  ASSERT_TRUE(loop_.wait_for([&] { return status->has_value(); }));
  EXPECT_EQ(manifest(one_).segments.size(), 2U);
}

// The swarm, the cache or a disk that loses a callback: the asker is told, and the place is free for the next.
TEST_F(CatalogueServiceTest, ALostCallbackCostsNobodyElseAPlace) {
  put({one_}, {0, 2});
  LeavesQuery query;
  query.key = key_.version_key(one_);
  query.first = 2;
  query.count = 1;
  query.open = true;
  swarm_.forgets = 2 * CatalogueService::kMaxUnderWay;
  for (std::size_t i = 0; i < 2 * CatalogueService::kMaxUnderWay; ++i) ASSERT_EQ(ask(target_of(query)), 503U) << i;
  EXPECT_EQ(service_->load(), 0U);
  EXPECT_EQ(ask(target_of(query)), 200U);
}

TEST_F(CatalogueServiceTest, TheLeavesAreAnsweredAndTheTorrentsOpened) {
  put({one_}, {0, 2});
  LeavesQuery query;
  query.key = key_.version_key(one_);
  query.first = 2;
  query.count = 1;
  EXPECT_EQ(ask(target_of(query)), 200U);
  const auto leaves = decode_leaves(body_);
  ASSERT_TRUE(leaves);
  EXPECT_EQ(leaves->size(), 64U);
  EXPECT_TRUE(swarm_.served.empty());
  query.first = 1;
  EXPECT_EQ(ask(target_of(query)), 404U) << "not there";
  query.first = 3;
  EXPECT_EQ(ask(target_of(query)), 404U) << "no such segment";
  query.first = UINT64_MAX;
  query.count = UINT64_MAX;
  EXPECT_EQ(ask(target_of(query)), 404U);
}

// Members that have opened a torrent do not ask the catalogue again.
TEST_F(CatalogueServiceTest, ATorrentIsServedAsLongAsItsContentIsOffered) {
  for (const bool withdrawn : {true, false}) {
    const auto content = put({one_}, {0, 2});
    LeavesQuery query;
    query.key = key_.version_key(one_);
    query.first = 2;
    query.count = 1;
    query.open = true;
    ASSERT_EQ(ask(target_of(query)), 200U);
    ASSERT_FALSE(swarm_.still_offered.empty());
    const auto offered = swarm_.still_offered.back();
    EXPECT_TRUE(offered());
    if (withdrawn) {
      offers_.withdraw(version_digest(one_));
    } else {
      offers_.remove(content);
    }
    EXPECT_FALSE(offered());
  }
  const auto offered = swarm_.still_offered.back();
  service_.reset();
  EXPECT_FALSE(offered()) << "nobody offers anything";
}

TEST_F(CatalogueServiceTest, WhoMayNotAskIsNotAnswered) {
  put({one_}, {0, 1, 2});
  EXPECT_EQ(ask(target(one_), "POST"), 405U);
  EXPECT_EQ(ask("/v1/versions/xyz"), 400U);
  EXPECT_EQ(ask("/v1/nothing"), 404U);
  EXPECT_EQ(ask(target(two_)), 404U);
  serving_ = false;
  EXPECT_EQ(ask(target(one_)), 503U);
  EXPECT_TRUE(decode_holders(body_));
  serving_ = true;
  refused_ = asker_;
  EXPECT_EQ(ask(target(one_)), 403U);
  EXPECT_TRUE(body_.empty());
}

TEST_F(CatalogueServiceTest, BytesGoToFewAskersAtOnceAndOthersComeAgain) {
  const auto small = test::pattern(300 * kKiB);
  const cache::Version version{"https://example.org/small", small.size(), "\"1\"", ""};
  const std::vector<std::uint64_t> all{0};
  offers_.update(cache_.records.at(test::put(cache_, 'b', {version}, small, all)).info, all);
  const std::string question = target(version, true, true);
  for (std::size_t i = 0; i < InlineShare::kOfOne; ++i) {
    EXPECT_EQ(ask(question), 200U);
    EXPECT_EQ(decode_manifest(body_)->bytes, small);
  }
  EXPECT_EQ(ask(question), 503U) << "while the answers are being written";
  EXPECT_TRUE(decode_holders(body_)) << "with who has it otherwise";
  EXPECT_EQ(ask(target(version, false, true)), 200U) << "an opinion is not refused";
  EXPECT_EQ(ask(target(version, true, false)), 200U) << "nor who would not come again";
  writing_.clear();
  loop_.run_ready();
  EXPECT_EQ(ask(question), 200U);
}

TEST(InlineShare, IsBoundedForOneVersionAndForAll) {
  InlineShare share;
  const auto key = [](std::uint8_t number) {
    Digest digest{};
    digest.fill(std::byte{number});
    return digest;
  };
  std::size_t given = 0;
  for (std::uint8_t version = 0; version < 100; ++version) {
    for (int i = 0; i < 3; ++i) given += share.begin_share(key(version)) ? 1U : 0U;
  }
  EXPECT_EQ(given, InlineShare::kOfAll);
  EXPECT_EQ(share.giving(), InlineShare::kOfAll);
  share.end_share(key(99));
  EXPECT_FALSE(share.begin_share(key(0))) << "an end of what was not begun counts for nothing";
  share.end_share(key(1));
  EXPECT_FALSE(share.begin_share(key(0))) << "two of it already";
  EXPECT_TRUE(share.begin_share(key(50)));
}

}  // namespace
}  // namespace larder::peer
