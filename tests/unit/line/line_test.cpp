#include "tests/support/line.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::ElementsAre;

LineOptions options_of(std::string_view text) {
  LineOptions options;
  EXPECT_EQ(read_line_options(text, options), std::nullopt) << text;
  return options;
}

void send(Line& line, LineTime now, std::size_t size = 1000) {
  LinePacket packet;
  packet.size = size;
  line.take_in(now, std::move(packet));
}

struct Arrival {
  std::uint64_t number;
  LineTime at;
  bool operator==(const Arrival&) const = default;
};
void PrintTo(const Arrival& arrival, std::ostream* out) {
  *out << "#" << arrival.number << " at " << arrival.at.count() << " ns";
}

// All that is on the way, each at the first moment at which the line gives it out. The line's own word of what comes
// next is what the time goes by, so that one that is too late shows.
std::vector<Arrival> arrivals(Line& line) {
  std::vector<Arrival> found;
  std::vector<LinePacket> packets;
  for (int step = 0; step < 1'000'000; ++step) {
    const auto next = line.next_at();
    if (!next) return found;
    line.give_out(*next - nanoseconds(1), packets);
    EXPECT_TRUE(packets.empty()) << "one arrived before the line said";
    line.give_out(*next, packets);
    for (const LinePacket& packet : packets) found.push_back({packet.number, *next});
    packets.clear();
  }
  ADD_FAILURE() << "the line never gets empty";
  return found;
}

std::vector<std::uint64_t> numbers(const std::vector<Arrival>& arrivals) {
  std::vector<std::uint64_t> found;
  for (const Arrival& arrival : arrivals) found.push_back(arrival.number);
  return found;
}

TEST(Line, a_wire_gives_everything_out_at_once) {
  Line line(LineOptions{});
  send(line, milliseconds(5));
  EXPECT_THAT(arrivals(line), ElementsAre(Arrival{0, milliseconds(5)}));
}

TEST(Line, a_packet_takes_its_time_to_be_sent_and_then_the_delay) {
  Line line(options_of("mbit=8,delay_ms=10"));  // 1 ms for 1000 bytes
  send(line, milliseconds(0));
  send(line, milliseconds(0), 500);
  send(line, milliseconds(7));
  EXPECT_THAT(arrivals(line), ElementsAre(Arrival{0, milliseconds(11)}, Arrival{1, microseconds(11'500)},
                                          Arrival{2, milliseconds(18)}));
}

// A program that wakes up late does not make the line slower.
TEST(Line, the_rate_is_kept_however_late_the_line_is_asked) {
  Line line(options_of("mbit=8"));
  for (int i = 0; i < 50; ++i) send(line, milliseconds(0));
  std::vector<LinePacket> packets;
  line.give_out(milliseconds(20), packets);
  EXPECT_EQ(packets.size(), 20U);
  line.give_out(milliseconds(45), packets);
  EXPECT_EQ(packets.size(), 45U);
}

TEST(Line, the_queue_drops_at_its_end_by_bytes) {
  Line line(options_of("mbit=8,queue_kib=4"));
  for (int i = 0; i < 10; ++i) send(line, milliseconds(0));
  // One is being sent, four of 1000 bytes wait in 4096.
  EXPECT_THAT(numbers(arrivals(line)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(line.figures().queue_full, 5U);
}

TEST(Line, the_queue_drops_at_its_end_by_time) {
  Line line(options_of("mbit=8,queue_ms=3"));
  for (int i = 0; i < 10; ++i) send(line, milliseconds(0));
  EXPECT_THAT(numbers(arrivals(line)), ElementsAre(0, 1, 2, 3));
  send(line, milliseconds(100));
  EXPECT_THAT(numbers(arrivals(line)), ElementsAre(10)) << "there is room again";
}

TEST(Line, an_empty_queue_takes_any_packet) {
  Line line(options_of("mbit=8,queue_ms=0.1"));
  send(line, milliseconds(0));
  send(line, milliseconds(0), 1500);
  send(line, milliseconds(0));
  EXPECT_THAT(numbers(arrivals(line)), ElementsAre(0, 1));
}

TEST(Line, no_more_packets_than_the_most_are_kept) {
  Line line(options_of("delay_ms=1000"));
  for (std::size_t i = 0; i < Line::kMostPackets + 5; ++i) send(line, milliseconds(0), 1);
  EXPECT_EQ(line.figures().queue_full, 5U);
}

TEST(Line, codel_keeps_a_standing_queue_from_lasting) {
  Line plain(options_of("mbit=8,queue_ms=200")), managed(options_of("mbit=8,queue_ms=200,codel=1"));
  for (Line* line : {&plain, &managed}) {
    for (int ms = 0; ms < 2000; ++ms) {  // 1.1 times the rate, for two seconds
      send(*line, milliseconds(ms));
      if (ms % 10 == 0) send(*line, milliseconds(ms));
    }
  }
  const auto later = [](Line& line) { return arrivals(line).back().at - milliseconds(2000); };
  EXPECT_EQ(plain.figures().codel_dropped, 0U);
  EXPECT_GE(managed.figures().codel_dropped, 20U);
  EXPECT_LT(later(managed) * 2, later(plain));
}

TEST(Line, chance_loses_its_share) {
  Line line(options_of("loss=0.02,seed=7"));
  constexpr double kCount = 50'000;
  for (int i = 0; i < static_cast<int>(kCount); ++i) send(line, milliseconds(i));
  const double mean = kCount * 0.02, deviation = std::sqrt(kCount * 0.02 * 0.98);
  EXPECT_NEAR(static_cast<double>(line.figures().lost), mean, 4 * deviation);
}

std::vector<std::uint64_t> survivors(std::string_view options, LineTime between) {
  Line line(options_of(options));
  for (int i = 0; i < 300; ++i) send(line, i * between);
  return numbers(arrivals(line));
}

TEST(Line, the_same_seed_loses_the_same_packets) {
  const auto once = survivors("loss=0.1,seed=7", milliseconds(1));
  EXPECT_LT(once.size(), 300U);
  EXPECT_EQ(survivors("loss=0.1,seed=7", milliseconds(1)), once);
  EXPECT_EQ(survivors("loss=0.1,seed=7,delay_ms=30,jitter_ms=5,mbit=10", microseconds(100)), once)
      << "neither times nor other options matter";
  EXPECT_NE(survivors("loss=0.1,seed=8", milliseconds(1)), once);
}

// It was sent, and got lost on the way.
TEST(Line, a_packet_that_is_lost_takes_its_time_all_the_same) {
  Line line(options_of("mbit=8,loss=1"));
  send(line, milliseconds(0));
  line.change(options_of("mbit=8"));
  send(line, milliseconds(0));
  EXPECT_THAT(arrivals(line), ElementsAre(Arrival{1, milliseconds(2)}));
}

TEST(Line, jitter_keeps_the_order_and_its_bounds) {
  Line line(options_of("delay_ms=10,jitter_ms=5"));
  for (int i = 0; i < 200; ++i) send(line, milliseconds(i));
  std::uint64_t next = 0;
  LineTime most{};
  for (const Arrival& arrival : arrivals(line)) {
    EXPECT_EQ(arrival.number, next);
    const LineTime took = arrival.at - milliseconds(next++);
    EXPECT_GE(took, milliseconds(10));
    EXPECT_LE(took, milliseconds(15));
    most = std::max(most, took);
  }
  EXPECT_EQ(next, 200U);
  EXPECT_GT(most, milliseconds(13));
}

TEST(Line, packets_that_are_held_up_are_overtaken) {
  Line line(options_of("delay_ms=10,reorder=0.1,held_up_ms=2.5"));
  for (int i = 0; i < 1000; ++i) send(line, milliseconds(i));
  int held_up = 0;
  const auto found = arrivals(line);
  EXPECT_EQ(found.size(), 1000U);
  for (const Arrival& arrival : found) {
    const LineTime took = arrival.at - milliseconds(arrival.number);
    if (took == microseconds(12'500))
      ++held_up;
    else
      EXPECT_EQ(took, milliseconds(10));
  }
  EXPECT_NEAR(held_up, 100, 40);
  EXPECT_FALSE(std::is_sorted(found.begin(), found.end(),
                              [](const Arrival& a, const Arrival& b) { return a.number < b.number; }));
}

TEST(Line, a_change_counts_for_what_is_not_on_its_way) {
  Line line(options_of("mbit=8,delay_ms=10"));
  send(line, milliseconds(0));
  send(line, milliseconds(0));
  line.change(options_of("mbit=4,delay_ms=20"));
  EXPECT_THAT(arrivals(line), ElementsAre(Arrival{0, milliseconds(11)}, Arrival{1, milliseconds(23)}));
}

TEST(LineOptions, what_is_named_is_changed_and_nothing_else) {
  LineOptions options = options_of("mbit=100,delay_ms=12.5,queue_kib=64,codel=1,loss=0.005");
  EXPECT_EQ(read_line_options("loss=0,seed=4294967295", options), std::nullopt);
  EXPECT_DOUBLE_EQ(options.bits_per_second, 1e8);
  EXPECT_EQ(options.delay, microseconds(12'500));
  EXPECT_EQ(options.queue_bytes, 65'536U);
  EXPECT_TRUE(options.codel);
  EXPECT_DOUBLE_EQ(options.loss, 0);
  EXPECT_EQ(options.seed, 4'294'967'295U);
}

TEST(LineOptions, what_is_no_option_is_an_error_and_changes_nothing) {
  for (const std::string_view text : {"rate=1", "mbit", "mbit=", "mbit=x", "mbit=1x", "mbit=-1", "loss=1.5", "loss=nan",
                                      "delay_ms=inf", "mbit=1,,loss=0", "mbit=5,lost=1", "seed=4294967296"}) {
    LineOptions options;
    EXPECT_NE(read_line_options(text, options), std::nullopt) << text;
    EXPECT_DOUBLE_EQ(options.bits_per_second, 0) << text;
  }
}

}  // namespace
}  // namespace larder::test
