// Windows that travel: sizes, segments, several peers, partial wants, giving on while fetching, opening and closing.
#include "peer/swarm/swarm.h"

#include <chrono>

#include "tests/unit/peer/swarm_fixture.h"

namespace larder::peer {
namespace {

class SwarmSizeTest : public SwarmTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(SwarmSizeTest, a_whole_content_travels) {
  const Content content(GetParam());
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  expect_content(*download, content, content.all());
  EXPECT_TRUE(download->from(holder->key.id()));
  EXPECT_EQ(download->senders.size(), 1U);
  EXPECT_EQ(taker->swarm->figures().downloaded, content.bytes.size());
  EXPECT_EQ(taker->swarm->figures().bad_blocks, 0U);
}

INSTANTIATE_TEST_SUITE_P(sizes, SwarmSizeTest,
                         testing::Values(1, 16383, 16384, 16385, 64 * kKiB, 64 * kKiB + 1, 5 * kMiB,
                                         20 * kMiB + 12345));

TEST_F(SwarmTest, a_segment_travels_as_a_window_of_its_content) {
  const Content content(9 * kMiB + 77);
  const ByteRange segment{4 * kMiB, 4 * kMiB};
  const ByteRange last{8 * kMiB, 1 * kMiB + 77};
  const auto holder = make_agent();
  const auto taker = make_agent();
  const auto file = lease(content.bytes);
  serve(*holder, content, segment, file);
  serve(*holder, content, last, file);
  const auto first_download = begin(*taker, request(content, segment, {holder->peer()}));
  const auto last_download = begin(*taker, request(content, last, {holder->peer()}));
  ASSERT_TRUE(wait([&] { return first_download->complete() && last_download->complete(); }));
  expect_content(*first_download, content, segment);
  expect_content(*last_download, content, last);
  EXPECT_EQ(holder->swarm->figures().torrents, 2U);
}

TEST_F(SwarmTest, several_peers_give_one_window) {
  const Content content(20 * kMiB + 5);
  std::vector<std::unique_ptr<Agent>> holders;
  std::vector<SwarmPeer> peers;
  for (int i = 0; i < 3; ++i) {
    AgentOptions slow;
    slow.settings.upload_rate = 40 * kMiB;  // so that one alone is not done before the others are connected
    holders.push_back(make_agent(slow));
    serve(*holders.back(), content);
    peers.push_back(holders.back()->peer());
  }
  const auto taker = make_agent();
  const auto download = begin(*taker, request(content, content.all(), peers));
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  expect_content(*download, content, content.all());
  EXPECT_GE(download->senders.size(), 2U);
  EXPECT_TRUE(download->bad.empty());
}

TEST_F(SwarmTest, only_what_is_wanted_comes_and_more_on_the_same_connection) {
  const Content content(5 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  auto download = std::make_shared<Download>(content.bytes.size());
  download->swarm = taker->swarm.get();
  download->id = *taker->swarm->fetch(request(content, content.all(), {holder->peer()}), download);
  // Connected, though nothing is wanted.
  ASSERT_TRUE(wait([&] { return holder->swarm->figures().connections == 1; }));
  EXPECT_EQ(download->received, 0U);

  taker->swarm->want(download->id, {{kMiB, kMiB}, {3 * kMiB, 100}});
  const std::uint64_t piece = 64 * kKiB;
  ASSERT_TRUE(wait([&] { return download->received >= kMiB + piece; }));
  EXPECT_EQ(download->received, kMiB + piece);  // whole pieces
  EXPECT_FALSE(download->seen[0]);
  EXPECT_TRUE(download->seen[kMiB / kBlockSize]);
  EXPECT_TRUE(download->seen[3 * kMiB / kBlockSize]);

  taker->swarm->want(download->id, {});
  taker->swarm->want(download->id, {{0, content.bytes.size()}});
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  expect_content(*download, content, content.all());
  EXPECT_TRUE(download->lost.empty());
  EXPECT_EQ(holder->swarm->figures().connections, 1U);
}

TEST_F(SwarmTest, what_is_held_is_not_fetched_again) {
  const Content content(2 * kMiB + 3);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  const ByteRange whole_pieces{64 * kKiB, 256 * kKiB};
  const ByteRange two_blocks{kMiB + 16 * kKiB, 32 * kKiB};
  for (const bool gives : {false, true}) {
    SwarmFetch what = request(content, content.all(), {holder->peer()});
    what.held = {whole_pieces, two_blocks};
    if (gives) what.content = lease(content.bytes);
    const auto download = begin(*taker, std::move(what));
    const std::uint64_t missing = content.bytes.size() - whole_pieces.length - two_blocks.length;
    ASSERT_TRUE(wait([&] { return download->received >= missing; }));
    EXPECT_EQ(download->received, missing);
    EXPECT_FALSE(download->seen[whole_pieces.offset / kBlockSize]);
    EXPECT_FALSE(download->seen[two_blocks.offset / kBlockSize]);
    taker->swarm->stop(download->id);
  }
}

TEST_F(SwarmTest, a_fetch_gives_on_what_it_wrote) {
  const Content content(6 * kMiB + 1000);
  const auto holder = make_agent();
  const auto middle = make_agent();
  const auto last = make_agent();
  serve(*holder, content);
  SwarmFetch through = request(content, content.all(), {holder->peer()});
  through.content = lease(std::vector<std::byte>(content.bytes.size()));
  const auto first = begin(*middle, std::move(through));
  // Knows the middle one alone, from the beginning.
  const auto second = begin(*last, request(content, content.all(), {middle->peer()}));
  ASSERT_TRUE(wait([&] { return first->complete() && second->complete(); }));
  expect_content(*first, content, content.all());
  expect_content(*second, content, content.all());
  EXPECT_FALSE(second->from(holder->key.id()));
}

TEST_F(SwarmTest, a_fetch_without_content_gives_nothing) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  const auto middle = make_agent();
  const auto last = make_agent();
  serve(*holder, content);
  const auto first = begin(*middle, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return first->complete(); }));
  const auto second = begin(*last, request(content, content.all(), {middle->peer()}));
  ASSERT_TRUE(wait([&] { return last->swarm->figures().connections == 1; }));
  // The connection works; what it gives would be there before this other window is.
  const Content other(2 * kMiB, 2);
  serve(*middle, other);
  const auto third = begin(*last, request(other, other.all(), {middle->peer()}));
  ASSERT_TRUE(wait([&] { return third->complete(); }));
  EXPECT_EQ(second->received, 0U);
}

// The window is asked for by several neighbours while a fetch of it runs that gives nothing.
TEST_F(SwarmTest, everybody_who_waits_for_a_window_under_way_is_answered) {
  const Content content(1 * kMiB);
  const auto agent = make_agent();
  const auto download = begin(*agent, request(content, content.all(), {}));
  int answered = 0;
  const auto lent = lease(content.bytes);
  for (int i = 0; i < 3; ++i) {
    agent->swarm->serve({content.window(content.all()), content.leaves(content.all()), lent, 0},
                        [&answered](const Status& status) {
                          EXPECT_TRUE(status) << status.error().text();
                          ++answered;
                        });
  }
  agent->swarm->stop(download->id);
  EXPECT_TRUE(wait([&] { return answered == 3; })) << answered << " of 3";
}

TEST_F(SwarmTest, a_fetch_beyond_the_bound_is_refused_and_counted) {
  AgentOptions options;
  options.settings.max_fetches = 1;
  const auto agent = make_agent(options);
  const Content one(1 * kMiB), other(1 * kMiB, 2);
  const auto download = begin(*agent, request(one, one.all(), {}));
  const auto refused = agent->swarm->fetch(request(other, other.all(), {}), download);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded);
  EXPECT_EQ(agent->swarm->figures().refused_fetches, 1U);
  agent->swarm->stop(download->id);
  EXPECT_TRUE(agent->swarm->fetch(request(other, other.all(), {}), download));
}

TEST_F(SwarmTest, peers_learnt_later_are_dialled_without_waiting_for_a_tick) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {}));
  EXPECT_EQ(download->received, 0U);
  taker->swarm->add_peers(download->id, {holder->peer()});
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  expect_content(*download, content, content.all());
}

TEST_F(SwarmTest, a_window_that_nobody_takes_closes_and_opens_again) {
  const Content content(300 * kKiB);
  const auto holder = make_agent();
  const auto taker = make_agent();
  const auto file = lease(content.bytes);
  for (int round = 0; round < 3; ++round) {
    serve(*holder, content, content.all(), file);
    serve(*holder, content, content.all(), file);  // at once when it does already
    const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
    ASSERT_TRUE(wait([&] { return download->complete(); }));
    expect_content(*download, content, content.all());
    loop_.advance(std::chrono::seconds(600));
    EXPECT_TRUE(holder->swarm->serves(content.window(content.all()))) << "somebody is connected";
    taker->swarm->stop(download->id);
    ASSERT_TRUE(wait([&] { return holder->swarm->figures().connections == 0; }));
    loop_.advance(std::chrono::seconds(50));
    EXPECT_TRUE(holder->swarm->serves(content.window(content.all())));
    loop_.advance(std::chrono::seconds(30));
    EXPECT_FALSE(holder->swarm->serves(content.window(content.all())));
    EXPECT_EQ(holder->swarm->figures().torrents, 0U);
  }
}

TEST_F(SwarmTest, a_window_that_is_being_fetched_is_served_after_it) {
  const Content content(1 * kMiB);
  const auto holder = make_agent();
  const auto middle = make_agent();
  const auto last = make_agent();
  serve(*holder, content);
  const auto file = lease(content.bytes);
  const auto first = begin(*middle, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return first->complete(); }));
  bool served = false;
  middle->swarm->serve({content.window(content.all()), content.leaves(content.all()), file, 0},
                       [&served](Status status) { served = status.has_value(); });
  loop_.run_ready();
  EXPECT_FALSE(served);
  middle->swarm->stop(first->id);
  ASSERT_TRUE(wait([&] { return served; }));
  const auto second = begin(*last, request(content, content.all(), {middle->peer()}));
  ASSERT_TRUE(wait([&] { return second->complete(); }));
  expect_content(*second, content, content.all());
}

TEST_F(SwarmTest, what_is_not_offered_any_more_is_served_to_nobody_also_who_has_half_of_it) {
  for (const bool told : {true, false}) {
    const Content content(8 * kMiB);
    AgentOptions slow;
    slow.settings.upload_rate = 1 * kMiB;
    slow.settings.idle_close = std::chrono::seconds(1);
    const auto holder = make_agent(slow);
    const auto taker = make_agent();
    const auto offered = std::make_shared<bool>(true);
    std::optional<Status> status;
    holder->swarm->serve({content.window(content.all()), content.leaves(content.all()), lease(content.bytes), 0,
                          [offered] { return *offered; }},
                         [&status](Status answered) { status = std::move(answered); });
    ASSERT_TRUE(wait([&status] { return status.has_value(); }));
    const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
    ASSERT_TRUE(wait([&] { return download->received > 0; }));
    holder->swarm->end_unshared();
    EXPECT_TRUE(holder->swarm->serves(content.window(content.all())));
    *offered = false;
    if (told) {
      holder->swarm->end_unshared();
    } else {
      loop_.advance(slow.settings.idle_close);  // the look for idle windows finds it
    }
    ASSERT_TRUE(wait([&] { return !download->lost.empty(); })) << told;
    EXPECT_FALSE(holder->swarm->serves(content.window(content.all())));
    EXPECT_LT(download->received, content.bytes.size());
  }
}

TEST_F(SwarmTest, plain_tcp_where_the_group_wants_it) {
  const Content content(3 * kMiB + 1);
  AgentOptions plain;
  plain.settings.encryption = false;
  const auto holder = make_agent(plain);
  const auto taker = make_agent(plain);
  const auto secure = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  const auto refused = begin(*secure, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return download->complete() && !refused->lost.empty(); }));
  expect_content(*download, content, content.all());
  EXPECT_TRUE(download->from(holder->key.id()));
  EXPECT_EQ(refused->received, 0U);
}

TEST_F(SwarmTest, an_upload_limit_holds) {
  const Content content(2 * kMiB);
  AgentOptions limited;
  limited.settings.upload_rate = 4 * kMiB;
  // Where the session's thread stood still, libtorrent makes up for the time at once: up to three seconds of the limit,
  // but never more than since the session began. So the clock starts before that.
  const auto began = std::chrono::steady_clock::now();
  const auto holder = make_agent(limited);
  const auto taker = make_agent();
  serve(*holder, content);
  const auto download = begin(*taker, request(content, content.all(), {holder->peer()}));
  ASSERT_TRUE(wait([&] { return download->complete(); }));
  EXPECT_GT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(250));
  // The holder counts bytes when the socket took them, which the taker may have noticed before.
  EXPECT_TRUE(wait([&] { return holder->swarm->figures().uploaded >= content.bytes.size(); }));
}

// Two URLs with the same content: neither waits for the other, nor goes without.
TEST_F(SwarmTest, one_window_is_fetched_several_times_at_once) {
  const Content content(9 * kMiB + 777);
  const auto seed = make_agent();
  const auto taker = make_agent();
  serve(*seed, content);
  std::vector<std::shared_ptr<Download>> downloads;
  for (int i = 0; i < 3; ++i) downloads.push_back(begin(*taker, request(content, content.all(), {seed->peer()})));
  for (const auto& download : downloads) ASSERT_TRUE(wait([&] { return download->complete(); }));
  for (const auto& download : downloads) {
    expect_content(*download, content, content.all());
    taker->swarm->stop(download->id);
  }
  EXPECT_GE(taker->swarm->figures().downloaded, 3 * content.bytes.size());
  // What is free again is used again.
  const auto once_more = begin(*taker, request(content, content.all(), {seed->peer()}));
  ASSERT_TRUE(wait([&] { return once_more->complete(); }));
  expect_content(*once_more, content, content.all());
}

TEST_F(SwarmTest, a_window_that_is_served_is_fetched_and_goes_on_being_served) {
  const Content content(3 * kMiB);
  const auto seed = make_agent();
  const auto both = make_agent();
  const auto third = make_agent();
  serve(*seed, content);
  serve(*both, content);
  const auto mine = begin(*both, request(content, content.all(), {seed->peer()}));
  EXPECT_TRUE(both->swarm->serves(content.window(content.all())));
  const auto theirs = begin(*third, request(content, content.all(), {both->peer()}));
  ASSERT_TRUE(wait([&] { return mine->complete() && theirs->complete(); }));
  expect_content(*mine, content, content.all());
  expect_content(*theirs, content, content.all());
  EXPECT_TRUE(theirs->from(both->key.id()));
}

TEST_F(SwarmTest, so_many_fetches_of_one_window_are_bounded_and_share_the_limit) {
  const Content content(300 * kKiB);
  AgentOptions options;
  options.settings.download_rate = 64 * kMiB;
  const auto taker = make_agent(options);
  std::size_t begun = 0;
  for (int i = 0; i < 12; ++i) {
    const auto id =
        taker->swarm->fetch(request(content, content.all(), {}), std::make_shared<Download>(content.bytes.size()));
    begun += id ? 1U : 0U;
    EXPECT_TRUE(id || id.error().code == ErrorCode::busy);
  }
  EXPECT_EQ(begun, 8U);
}

}  // namespace
}  // namespace larder::peer
