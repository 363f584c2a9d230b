// One identity on two machines: seen by the two, and by others.
#include "peer/discovery/twin_watch.h"

#include <gtest/gtest.h>

#include "peer/discovery/interfaces.h"
#include "tests/unit/peer/discovery_office.h"

namespace larder::peer {
namespace {

using std::chrono::seconds;

Endpoint at(const std::string& text) {
  return *parse_endpoint(text);
}

TEST(TwinWatch, ALaterRunElsewhereIsProofAnEarlierOneIsAskedFor) {
  TwinWatch watch;
  SteadyTime now{std::chrono::hours(1)};
  EXPECT_TRUE(watch.on_datagram({at("10.0.0.3:7475"), "host3", false}, now));
  EXPECT_FALSE(watch.on_datagram({at("10.0.0.3:7475"), "host3", false}, now + seconds(10))) << "asked a moment ago";
  EXPECT_FALSE(watch.twin(now)) << "somebody may have sent again what was recorded";
  watch.answered(at("10.0.0.3:7475"), now + seconds(10));
  ASSERT_TRUE(watch.twin(now + seconds(10)));
  EXPECT_EQ(watch.twin(now + seconds(10))->name, "host3");
  EXPECT_FALSE(watch.twin(now + seconds(10) + TwinWatch::kForget)) << "gone";
  EXPECT_FALSE(watch.take_later());
  now += seconds(20);
  EXPECT_FALSE(watch.on_datagram({at("10.0.0.4:7475"), "host4", true}, now));
  EXPECT_EQ(watch.twin(now)->at, at("10.0.0.4:7475"));
  EXPECT_TRUE(watch.take_later()) << "whose HELLOs are believed instead of this agent's";
  EXPECT_FALSE(watch.take_later());
}

TEST(TwinWatch, PlacesAreBounded) {
  TwinWatch watch;
  const SteadyTime now{std::chrono::hours(1)};
  std::size_t asked = 0;
  for (int i = 1; i <= 100; ++i)
    asked += watch.on_datagram({at("10.0.0." + std::to_string(i) + ":7475"), "", false}, now) ? 1U : 0U;
  EXPECT_EQ(asked, TwinWatch::kMaxPlaces);
}

TEST(OwnAddress, IsOneOfTheMachineAndOfLoopbackWhatIsListenedOn) {
  Interface card;
  card.addresses = {at("10.0.0.2:0"), at("[2001:db8::7]:0")};
  EXPECT_TRUE(is_own_address({card}, {}, at("10.0.0.2:7475")));
  EXPECT_TRUE(is_own_address({card}, {}, at("[2001:db8::7]:1")));
  EXPECT_FALSE(is_own_address({card}, {}, at("10.0.0.3:7475")));
  EXPECT_TRUE(is_own_address({card}, {}, at("127.0.0.9:7475")));
  EXPECT_TRUE(is_own_address({card}, {"127.0.0.5"}, at("127.0.0.5:7475")));
  EXPECT_FALSE(is_own_address({card}, {"127.0.0.5"}, at("127.0.0.6:7475")));
}

class TwinsAroundTest : public ::testing::Test {
 protected:
  void say(std::uint64_t epoch, std::uint64_t sequence, const std::string& from) {
    host_.discovery->receive(
        {Datagram{sender_, epoch, sequence, Hello{7475, 7476, true, false, 1, "x", {}, {}}, {}}, at(from), true, 1},
        office_.now());
  }
  test::Office office_;
  test::Office::Host& host_ = office_.add();
  AgentId sender_ = [] {
    AgentId id{};
    id[0] = std::byte{0x77};
    return id;
  }();
};

TEST_F(TwinsAroundTest, TwoRunsAtOnceFromTwoPlaces) {
  office_.start(host_);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    say(9, i, "192.0.2.50:7475");
    say(5, i, "192.0.2.51:7475");
    office_.run_for(seconds(10));
  }
  const auto place = host_.discovery->twins().second_place(sender_, office_.now());
  ASSERT_TRUE(place);
  EXPECT_EQ(place->host(), "192.0.2.51");
  office_.run_for(TwinsAround::kWithin);
  EXPECT_FALSE(host_.discovery->twins().second_place(sender_, office_.now()));
}

TEST_F(TwinsAroundTest, ARestartElsewhereOrARepeatedDatagramIsNone) {
  office_.start(host_);
  say(5, 1, "192.0.2.51:7475");
  say(9, 1, "192.0.2.50:7475");
  for (int i = 0; i < 10; ++i) {
    say(5, 1, "192.0.2.51:7475");  // the same again and again
    office_.run_for(seconds(2));
  }
  EXPECT_FALSE(host_.discovery->twins().second_place(sender_, office_.now()));
  for (std::uint64_t i = 2; i < 6; ++i) say(5, i, "192.0.2.50:7475");  // from where the later run is
  EXPECT_FALSE(host_.discovery->twins().second_place(sender_, office_.now()));
}

}  // namespace
}  // namespace larder::peer
