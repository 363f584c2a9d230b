// The parts of the swarm that decide without sockets.
#include <gtest/gtest.h>

#include <algorithm>
#include <libtorrent/torrent_info.hpp>

#include "base/hash/merkle.h"
#include "peer/swarm/batching.h"
#include "peer/swarm/block_queue.h"
#include "peer/swarm/peer_book.h"
#include "peer/swarm/swarm_settings.h"
#include "peer/swarm/torrent_form.h"

namespace larder::peer {
namespace {

AgentId agent(int number) {
  AgentId id{};
  id[0] = std::byte(number);
  return id;
}

SwarmPeer peer(int number) {
  Endpoint endpoint = *parse_endpoint("192.0.2.1:7476");
  endpoint.address[15] = std::byte(number);
  return {agent(number), endpoint};
}

std::vector<std::byte> block(std::size_t size = kBlockSize) {
  return std::vector<std::byte>(size, std::byte{7});
}

TEST(TorrentForm, everybody_makes_the_same_one) {
  const std::vector<Digest> leaves(3, sha256(as_bytes("x")));
  const TorrentId torrent{content_root(leaves), 3 * kBlockSize - 5};
  const auto one = form_torrent(torrent, leaves, "pem");
  const auto two = form_torrent(torrent, leaves, "pem");
  const auto other_group = form_torrent(torrent, leaves, "mep");
  const auto plain = form_torrent(torrent, leaves, "");
  ASSERT_TRUE(one && two && other_group && plain);
  EXPECT_EQ(one->ti->info_hashes(), two->ti->info_hashes());
  EXPECT_NE(one->ti->info_hashes(), other_group->ti->info_hashes());
  EXPECT_NE(one->ti->info_hashes(), plain->ti->info_hashes());
  EXPECT_FALSE(one->ti->info_hashes().has_v1());
  EXPECT_TRUE(one->ti->priv());
  EXPECT_EQ(one->ti->name(), to_hex(torrent.root));
  EXPECT_EQ(one->ti->files().file_size(libtorrent::file_index_t{0}), static_cast<std::int64_t>(torrent.length));
  EXPECT_EQ(one->ti->ssl_cert().to_string(), "pem");
}

// The info-hash is what agents meet by: a change of it parts a group in two.
TEST(TorrentForm, its_name_on_the_wire_does_not_change) {
  const std::vector<Digest> leaves(1, sha256(as_bytes("larder")));
  const auto formed = form_torrent({content_root(leaves), 6}, leaves, "");
  ASSERT_TRUE(formed);
  const auto hash = formed->ti->info_hashes().v2;
  const std::string text = "d9:file treed64:" + to_hex(leaves[0]) + "d0:d6:lengthi6e11:pieces root32:" +
                           std::string(reinterpret_cast<const char*>(leaves[0].data()), 32) +
                           "eee12:meta versioni2e4:name64:" + to_hex(leaves[0]) + "12:piece lengthi65536e7:privatei1ee";
  EXPECT_EQ(to_hex(sha256(as_bytes(text))), to_hex(as_bytes({hash.data(), 32})));
}

TEST(TorrentForm, pieces_grow_with_the_window) {
  EXPECT_EQ(torrent_piece_length(1), 64 * kKiB);
  EXPECT_EQ(torrent_piece_length(16 * kMiB - 1), 64 * kKiB);
  EXPECT_EQ(torrent_piece_length(16 * kMiB), 256 * kKiB);
}

TEST(TorrentForm, leaves_are_held_against_the_root) {
  std::vector<Digest> leaves(5, sha256(as_bytes("x")));
  const TorrentId torrent{content_root(leaves), 5 * kBlockSize};
  EXPECT_TRUE(check_leaves(torrent, leaves));
  EXPECT_FALSE(check_leaves({torrent.root, 6 * kBlockSize}, leaves));
  EXPECT_FALSE(check_leaves({torrent.root, 0}, {}));
  EXPECT_FALSE(check_leaves({torrent.root, kMaxTorrentLength + 1}, leaves));
  leaves[4][31] ^= std::byte{1};
  EXPECT_EQ(check_leaves(torrent, leaves).error().code, ErrorCode::invalid_argument);
}

TEST(BlockQueue, neighbours_of_one_sender_become_one_run) {
  BlockQueue queue;
  queue.append(0, block(), agent(1));
  queue.append(kBlockSize, block(), agent(1));
  queue.append(2 * kBlockSize, block(), agent(1));
  queue.append(3 * kBlockSize, block(), agent(2));
  queue.append(9 * kBlockSize, block(100), agent(2));
  const auto runs = queue.take_spans();
  std::uint64_t bytes = 0;
  for (const auto& run : runs) bytes += run.bytes.size();
  EXPECT_EQ(bytes, 4 * kBlockSize + 100);
  EXPECT_LT(runs.size(), 5U);
  EXPECT_EQ(runs.front().offset, 0U);
  EXPECT_EQ(runs.back().offset, 9 * kBlockSize);
  EXPECT_EQ(runs.back().from, agent(2));
  EXPECT_TRUE(queue.take_spans().empty());
}

// As several peers give at once, a piece each: what the loop gets are runs, not blocks.
TEST(BlockQueue, senders_that_take_turns_have_a_run_each) {
  BlockQueue queue;
  for (int time = 0; time < 2; ++time) {  // the second time it knows how long they become
    for (std::uint64_t i = 0; i < 16; ++i) {
      for (int sender = 0; sender < 3; ++sender) {
        const std::uint64_t piece = static_cast<std::uint64_t>(sender) * 16;
        queue.append((piece + i) * kBlockSize, std::vector(kBlockSize, std::byte(sender)), agent(sender));
      }
    }
    const auto runs = queue.take_spans();
    if (time == 0) continue;
    ASSERT_EQ(runs.size(), 3U);
    for (int sender = 0; sender < 3; ++sender) {
      const auto& run = runs[static_cast<std::size_t>(sender)];
      EXPECT_EQ(run.from, agent(sender));
      EXPECT_EQ(run.offset, static_cast<std::uint64_t>(sender) * 16 * kBlockSize);
      ASSERT_EQ(run.bytes.size(), 16 * kBlockSize);
      EXPECT_EQ(std::count(run.bytes.bytes().begin(), run.bytes.bytes().end(), std::byte(sender)), 16 * kBlockSize);
    }
  }
}

TEST(BlockQueue, lone_blocks_hold_no_large_buffers) {
  BlockQueue queue;
  for (std::uint64_t i = 0; i < 64; ++i) queue.append(i * kBlockSize, block(), agent(1));
  EXPECT_EQ(queue.take_spans().back().bytes.capacity(), 256 * kKiB);
  queue.append(0, block(), agent(1));
  EXPECT_EQ(queue.take_spans().front().bytes.capacity(), 256 * kKiB);
  queue.append(0, block(), agent(1));
  EXPECT_EQ(queue.take_spans().front().bytes.capacity(), kBlockSize);
}

TEST(ArrivalBatch, tells_of_many_blocks_at_once_and_of_the_last_one_at_once) {
  ArrivalBatch batch;
  batch.wanted(20);
  for (int i = 1; i < 16; ++i) {
    EXPECT_FALSE(batch.on_arrived(kBlockSize, true)) << i;
    EXPECT_TRUE(batch.waits());
  }
  EXPECT_TRUE(batch.on_arrived(kBlockSize, true));
  batch.on_reported();
  EXPECT_FALSE(batch.waits());
  for (int i = 17; i < 20; ++i) EXPECT_FALSE(batch.on_arrived(kBlockSize, true)) << i;
  EXPECT_TRUE(batch.on_arrived(100, true));
}

TEST(ArrivalBatch, nothing_is_waited_for_that_nobody_wants) {
  ArrivalBatch batch;
  EXPECT_TRUE(batch.on_arrived(kBlockSize, false));  // nothing is wanted at all
  batch.on_reported();
  batch.wanted(3);
  EXPECT_FALSE(batch.on_arrived(kBlockSize, false));
  batch.unwanted(2);
  EXPECT_TRUE(batch.on_arrived(kBlockSize, true));
}

TEST(ReadBatch, the_first_goes_at_once_and_those_after_it_together) {
  ReadBatch batch;
  const SteadyTime start{std::chrono::hours(1)};
  EXPECT_FALSE(batch.due(0, start));
  EXPECT_TRUE(batch.due(1, start));
  batch.on_handed_over(start);
  EXPECT_FALSE(batch.due(1, start + kBatchPause / 2));
  EXPECT_FALSE(batch.due(ReadBatch::kEnough - 1, start + kBatchPause / 2));
  EXPECT_TRUE(batch.due(ReadBatch::kEnough, start + kBatchPause / 2));
  EXPECT_TRUE(batch.due(1, start + kBatchPause));
}

TEST(PeerBook, a_peer_is_told_lost_once_for_each_time_it_was_asked_for) {
  PeerBook book;
  EXPECT_TRUE(book.add_peer(peer(1)));
  EXPECT_EQ(book.at(peer(1).swarm), agent(1));
  EXPECT_FALSE(book.at(peer(2).swarm));
  EXPECT_TRUE(book.on_connection_ended(agent(1), false));
  EXPECT_FALSE(book.on_connection_ended(agent(1), false));  // libtorrent tries again by itself
  book.on_connected(agent(1));
  EXPECT_TRUE(book.on_connection_ended(agent(1), true));
  EXPECT_TRUE(book.add_peer(peer(1)));
  EXPECT_TRUE(book.on_connection_ended(agent(1), false));
}

TEST(PeerBook, one_of_two_connections_ending_is_no_loss) {
  PeerBook book;
  EXPECT_TRUE(book.add_peer(peer(1)));
  book.on_connected(agent(1));
  book.on_connected(agent(1));
  EXPECT_FALSE(book.add_peer(peer(1)));  // nothing to dial
  EXPECT_FALSE(book.on_connection_ended(agent(1), true));
  EXPECT_TRUE(book.on_connection_ended(agent(1), true));
}

TEST(PeerBook, who_was_dropped_is_neither_dialled_nor_missed) {
  PeerBook book;
  EXPECT_TRUE(book.add_peer(peer(1)));
  book.on_connected(agent(1));
  book.drop_peer(agent(1));
  EXPECT_TRUE(book.was_dropped(agent(1)));
  EXPECT_FALSE(book.on_connection_ended(agent(1), true));
  EXPECT_FALSE(book.add_peer(peer(1)));
  EXPECT_FALSE(book.on_connection_ended(agent(9), false));  // nobody asked for it
}

TEST(PeerBook, the_gone_make_room_for_others) {
  PeerBook book;
  for (int i = 1; i <= 16; ++i) EXPECT_TRUE(book.add_peer(peer(i)));
  EXPECT_FALSE(book.add_peer(peer(17)));
  EXPECT_TRUE(book.on_connection_ended(agent(5), false));
  EXPECT_TRUE(book.add_peer(peer(17)));
  EXPECT_FALSE(book.at(peer(5).swarm));
}

TEST(SwarmSettings, listeners_are_written_as_libtorrent_reads_them) {
  SwarmSettings settings;
  EXPECT_EQ(swarm_listen_interfaces(settings, 7476), "0.0.0.0:7476s,[::]:7476s");
  settings.listen = {"192.0.2.1", "2001:db8::1"};
  settings.encryption = false;
  EXPECT_EQ(swarm_listen_interfaces(settings, 1), "192.0.2.1:1,[2001:db8::1]:1");
}

}  // namespace
}  // namespace larder::peer
