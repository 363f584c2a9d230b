// What goes wrong on the way: liars, the gone, the rotten, strangers, slow owners, and ends in the middle.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "peer/swarm/swarm.h"
#include "tests/unit/peer/swarm_fixture.h"

namespace larder::peer {
namespace {

// A silent connection to an agent's port.
class SilentSocket {
 public:
  explicit SilentSocket(const Endpoint& endpoint) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    inet_pton(AF_INET, endpoint.host().c_str(), &address.sin_addr);
    connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~SilentSocket() { ::close(descriptor_); }
  SilentSocket(const SilentSocket&) = delete;
  SilentSocket& operator=(const SilentSocket&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool ended() const {
    pollfd poll{descriptor_, POLLIN, 0};
    char byte = 0;
    return ::poll(&poll, 1, 0) == 1 && ::recv(descriptor_, &byte, 1, MSG_DONTWAIT) <= 0;
  }

 private:
  int descriptor_;
  bool connected_ = false;
};

std::vector<std::byte> with_flipped_blocks(std::vector<std::byte> bytes, std::uint64_t seed) {
  const auto random = make_seeded_random(seed);
  std::size_t flipped = 0;
  for (std::size_t block = 0; block < block_count(bytes.size()); ++block) {
    if (random->below(10) != 0 && !(flipped == 0 && block + 1 == block_count(bytes.size()))) continue;
    ++flipped;
    const std::size_t begin = block * kBlockSize;
    const std::size_t length = std::min<std::size_t>(kBlockSize, bytes.size() - begin);
    bytes[begin + random->below(length)] ^= std::byte{1};
  }
  return bytes;
}

class SwarmPoisonTest : public SwarmTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(SwarmPoisonTest, a_liar_is_named_and_no_byte_of_a_bad_block_is_taken) {
  const std::uint64_t seed = GetParam();
  const Content content(4 * kMiB + seed * 1001, seed);
  AgentOptions lying;
  lying.settings.verify_reads = false;
  AgentOptions slow;
  slow.settings.upload_rate = 16 * kMiB;  // so that the liar is asked for much
  const auto honest = make_agent(slow);
  const auto liar = make_agent(lying);
  const auto taker = make_agent();
  serve(*honest, content);
  serve(*liar, content, content.all(), lease(with_flipped_blocks(content.bytes, seed)));
  const auto download = begin(*taker, request(content, content.all(), {liar->peer(), honest->peer()}));
  ASSERT_TRUE(wait([&] { return download->complete(); })) << "seed " << seed;
  expect_content(*download, content, content.all());
  EXPECT_EQ(download->bad, std::vector<AgentId>{liar->key.id()}) << "seed " << seed;
  EXPECT_EQ(taker->swarm->figures().bad_blocks, 1U);
}

INSTANTIATE_TEST_SUITE_P(seeds, SwarmPoisonTest, testing::Range<std::uint64_t>(1, 21));

TEST_F(SwarmTest, a_liar_alone_gives_nothing_more) {
  const Content content(2 * kMiB);
  AgentOptions lying;
  lying.settings.verify_reads = false;
  const auto liar = make_agent(lying);
  const auto honest = make_agent();
  const auto taker = make_agent();
  std::vector<std::byte> wrong = content.bytes;
  for (std::byte& byte : wrong) byte ^= std::byte{0xff};
  serve(*liar, content, content.all(), lease(wrong));
  serve(*honest, content);
  const auto download = begin(*taker, request(content, content.all(), {liar->peer()}));
  ASSERT_TRUE(wait([&] { return !download->bad.empty(); }));
  EXPECT_EQ(download->received, 0U);
  taker->swarm->add_peers(download->id, {honest->peer(), liar->peer()});
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  EXPECT_EQ(download->senders, std::vector<AgentId>{honest->key.id()});
  EXPECT_EQ(download->bad.size(), 1U);
}

TEST_F(SwarmTest, a_peer_that_vanishes_is_told_and_another_goes_on) {
  const Content content(20 * kMiB);
  AgentOptions slow;
  slow.settings.upload_rate = 20 * kMiB;
  auto vanishing = make_agent(slow);
  const auto staying = make_agent(slow);
  const auto taker = make_agent();
  serve(*vanishing, content);
  serve(*staying, content);
  const auto download = begin(*taker, request(content, content.all(), {vanishing->peer(), staying->peer()}));
  const AgentId gone = vanishing->key.id();
  ASSERT_TRUE(wait([&] { return download->received > kMiB && download->from(gone); }));
  vanishing.reset();
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  expect_content(*download, content, content.all());
  EXPECT_EQ(download->lost, std::vector<AgentId>{gone});
}

TEST_F(SwarmTest, a_peer_that_is_reached_at_a_link_local_address_alone_is_lost_at_once) {
  const Content content(2 * kMiB);
  const auto near = make_agent();
  const auto other = make_agent();
  const auto taker = make_agent();
  serve(*other, content);
  SwarmPeer unreachable = near->peer();
  unreachable.swarm = parse_endpoint("[fe80::7%1]:7476")->with_port(unreachable.swarm.port);
  const auto download = begin(*taker, request(content, content.all(), {unreachable}));
  ASSERT_TRUE(wait([&] { return !download->lost.empty(); }));
  EXPECT_EQ(download->lost, std::vector<AgentId>{near->key.id()});
  taker->swarm->add_peers(download->id, {unreachable, other->peer()});
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  EXPECT_EQ(download->lost.size(), 2U);
}

TEST_F(SwarmTest, a_dropped_peer_is_cut_and_not_dialled_again) {
  const Content content(20 * kMiB);
  AgentOptions slow;
  slow.settings.upload_rate = 10 * kMiB;
  const auto stalling = make_agent(slow);
  const auto other = make_agent();
  const auto taker = make_agent();
  serve(*stalling, content);
  serve(*other, content);
  const auto download = begin(*taker, request(content, content.all(), {stalling->peer()}));
  ASSERT_TRUE(wait([&] { return download->received > 0; }));
  taker->swarm->drop_peer(download->id, stalling->key.id());
  ASSERT_TRUE(wait([&] { return stalling->swarm->figures().connections == 0; }));
  const std::uint64_t before = stalling->swarm->figures().uploaded;
  taker->swarm->add_peers(download->id, {other->peer(), stalling->peer()});
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  expect_content(*download, content, content.all());
  EXPECT_EQ(stalling->swarm->figures().uploaded, before);
  EXPECT_TRUE(download->lost.empty());
}

TEST_F(SwarmTest, a_file_that_was_cut_is_no_longer_served) {
  const Content content(2 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  const auto file = lease(content.bytes);
  serve(*holder, content, content.all(), file);
  ASSERT_TRUE(file->file().truncate(kMiB + 100));
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return !holder->swarm->serves(content.window(content.all())); }));
  ASSERT_TRUE(wait([&] { return !download->lost.empty(); }));
  EXPECT_LE(download->received, kMiB);
  EXPECT_TRUE(download->bad.empty());
}

TEST_F(SwarmTest, rotten_bytes_are_found_by_who_serves_them) {
  const Content content(2 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  std::vector<std::byte> rotten = content.bytes;
  rotten[kMiB + 5] ^= std::byte{4};
  serve(*holder, content, content.all(), lease(rotten));
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return !holder->swarm->serves(content.window(content.all())); }));
  ASSERT_TRUE(wait([&] { return !download->lost.empty(); }));
  EXPECT_TRUE(download->bad.empty());
  EXPECT_EQ(taker->swarm->figures().bad_blocks, 0U);
}

TEST_F(SwarmTest, a_certificate_of_another_group_gets_nothing) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  serve(*holder, content);
  // It knows our authority's certificate and so the info-hash; its own certificate is another authority's.
  const Group elsewhere;
  const AgentKey key = AgentKey::generate();
  SwarmCredentials forged = elsewhere.admit(key);
  forged.authority_pem = group_.authority();
  AgentOptions options;
  options.credentials = &forged;
  const auto stranger = make_agent(options);
  const auto download = begin(*stranger, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return !download->lost.empty(); }));
  EXPECT_EQ(download->received, 0U);
  EXPECT_EQ(holder->swarm->figures().uploaded, 0U);

  // And the other way about: a stranger that serves is not believed.
  stranger->swarm->stop(download->id);
  serve(*stranger, content);
  const auto taker = make_agent();
  const auto believed = begin(*taker, request(content, content.all(), {stranger->peer()}));
  ASSERT_TRUE(wait([&] { return !believed->lost.empty(); }));
  EXPECT_EQ(believed->received, 0U);
}

TEST_F(SwarmTest, an_agent_that_is_not_the_one_dialled_gives_nothing) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  const AgentKey somebody = AgentKey::generate();
  const auto download = begin(*taker, request(content, content.all(), {{somebody.id(), holder->endpoint}}));
  ASSERT_TRUE(wait([&] { return !download->lost.empty(); }));
  EXPECT_EQ(download->received, 0U);
  EXPECT_EQ(download->lost, std::vector<AgentId>{somebody.id()});
}

TEST_F(SwarmTest, a_revoked_agent_is_refused_and_its_connections_end) {
  const Content content(20 * kMiB);
  AgentOptions slow;
  slow.settings.upload_rate = 10 * kMiB;
  const auto holder = make_agent(slow);
  const auto taker = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return download->received > 0; }));
  holder->swarm->set_refused({taker->key.id()});
  ASSERT_TRUE(wait([&] { return !download->lost.empty(); }));
  taker->swarm->stop(download->id);
  const auto again = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return !again->lost.empty(); }));
  EXPECT_EQ(again->received, 0U);
}

TEST_F(SwarmTest, renewed_credentials_end_what_was_open) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {}));
  taker->swarm->set_credentials(group_.admit(taker->key));
  ASSERT_TRUE(wait([&] { return !download->failed.empty(); }));
  EXPECT_EQ(download->failed.size(), 1U);
  holder->swarm->set_credentials(group_.admit(holder->key));
  EXPECT_FALSE(holder->swarm->serves(content.window(content.all())));
  serve(*holder, content);
  const auto again = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return again->complete(); }));
}

TEST_F(SwarmTest, an_owner_that_takes_late_bounds_what_is_in_memory) {
  const Content content(80 * kMiB);
  const Content small(2 * kMiB, 2);
  const auto holder = make_agent();
  const auto second = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  serve(*second, content);
  serve(*holder, small);
  auto download = std::make_shared<Download>(content.bytes.size());
  download->id = *taker->swarm->fetch(request(content, content.all(), {holder->peer(), second->peer()}), download);
  taker->swarm->want(download->id, {content.all()});
  ASSERT_TRUE(wait([&] { return download->received >= 16 * kMiB; }));
  // While other windows travel between the same agents, this one stands still.
  const auto meanwhile = begin(*taker, request(small, small.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return meanwhile->complete(); }));
  EXPECT_LE(download->received, 32 * kMiB);
  download->swarm = taker->swarm.get();
  std::uint64_t taken = 0;
  std::uint64_t most = 0;
  ASSERT_TRUE(wait([&] {
    most = std::max(most, download->received - taken);
    taken = download->received;
    download->consume_all();
    return download->complete();
  }));
  EXPECT_LE(most, 32 * kMiB);
  expect_content(*download, content, content.all());
}

TEST_F(SwarmTest, no_event_follows_a_stop) {
  const Content content(20 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return download->received > 0; }));
  taker->swarm->stop(download->id);
  const std::uint64_t received = download->received;
  ASSERT_TRUE(wait([&] { return holder->swarm->figures().connections == 0; }));
  loop_.run_ready();
  EXPECT_EQ(download->received, received);
  EXPECT_TRUE(download->lost.empty());
  // And it can begin anew at once.
  const auto again = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return again->complete(); }));
  expect_content(*again, content, content.all());
}

TEST_F(SwarmTest, everything_ends_in_the_middle_of_everything) {
  const Content content(20 * kMiB);
  for (int round = 0; round < 3; ++round) {
    auto holder = make_agent();
    auto middle = make_agent();
    auto last = make_agent();
    serve(*holder, content);
    SwarmFetch through = request(content, content.all(), {holder->peer()});
    through.content = lease(std::vector<std::byte>(content.bytes.size()));
    const auto first = begin(*middle, std::move(through));
    const auto second = begin(*last, request(content, content.all(), {middle->peer(), holder->peer()}));
    const SilentSocket silent(middle->endpoint);
    ASSERT_TRUE(wait([&] { return first->received > kMiB && second->received > 0; }));
    const auto began = std::chrono::steady_clock::now();
    middle.reset();
    if (round == 1) holder.reset();
    last.reset();
    holder.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  }
}

TEST_F(SwarmTest, silent_connections_are_ended) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  std::vector<std::unique_ptr<SilentSocket>> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(std::make_unique<SilentSocket>(holder->endpoint));
  for (const auto& socket : silent) ASSERT_TRUE(socket->connected());
  EXPECT_FALSE(silent.front()->ended());
  ASSERT_TRUE(wait([&] {
    loop_.advance(std::chrono::seconds(1));
    return std::all_of(silent.begin(), silent.end(), [](const auto& socket) { return socket->ended(); });
  }));
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return download->complete(); }));
}

TEST_F(SwarmTest, connections_from_unknown_addresses_are_ended_first) {
  const auto holder = make_agent();
  const auto other = make_agent();
  holder->swarm->set_known({other->endpoint});
  const SilentSocket silent(holder->endpoint);  // from 127.0.0.1
  ASSERT_TRUE(silent.connected());
  ASSERT_TRUE(wait([&] {
    loop_.advance(std::chrono::seconds(1));
    return silent.ended();
  }));
}

TEST_F(SwarmTest, wrong_requests_are_refused_at_once) {
  const Content content(100 * kKiB);
  const auto agent = make_agent();
  const auto events = std::make_shared<Download>(content.bytes.size());
  SwarmFetch wrong_leaf = request(content, content.all(), {});
  wrong_leaf.leaves[3][0] ^= std::byte{1};
  EXPECT_EQ(agent->swarm->fetch(wrong_leaf, events).error().code, ErrorCode::invalid_argument);
  SwarmFetch too_few = request(content, content.all(), {});
  too_few.leaves.pop_back();
  EXPECT_EQ(agent->swarm->fetch(too_few, events).error().code, ErrorCode::invalid_argument);
  SwarmFetch crowded = request(content, content.all(), std::vector<SwarmPeer>(17));
  EXPECT_EQ(agent->swarm->fetch(crowded, events).error().code, ErrorCode::invalid_argument);
  std::optional<Status> served;
  const Content other(50000, 3);
  agent->swarm->serve({other.window(other.all()), content.leaves({0, 50000}), lease(other.bytes), 0},
                      [&served](Status status) { served = std::move(status); });
  ASSERT_TRUE(wait([&] { return served.has_value(); }));
  EXPECT_EQ(served->error().code, ErrorCode::invalid_argument);
}

TEST_F(SwarmTest, a_port_in_use_is_said) {
  const auto agent = make_agent();
  SwarmSettings settings;
  settings.listen = {agent->endpoint.host()};
  settings.port = agent->endpoint.port;
  const auto second = make_swarm(settings, group_.admit(agent->key), loop_.runtime());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail.find("swarm_port"), std::string::npos) << second.error().text();
}

}  // namespace
}  // namespace larder::peer
