// What is said of crowds reaches everybody, and is heard of those alone who are known.
#include <gtest/gtest.h>

#include "tests/unit/peer/discovery_office.h"

namespace larder::peer::test {
namespace {

std::vector<CrowdEntry> one_entry() {
  CrowdEntry entry;
  entry.version_key.fill(std::byte{7});
  entry.segments = 3;
  entry.claims = {{2, 100}};
  return {entry};
}

struct Heard {
  AgentId from{};
  CrowdStamp stamp;
  std::vector<CrowdEntry> entries;
};

std::shared_ptr<std::vector<Heard>> listen(Office::Host& host) {
  auto heard = std::make_shared<std::vector<Heard>>();
  host.discovery->on_crowd(
      [heard](const AgentId& from, const CrowdStamp& stamp, const std::vector<CrowdEntry>& entries) {
        heard->push_back({from, stamp, entries});
      });
  return heard;
}

TEST(DiscoveryCrowd, ReachesThoseOnTheSubnetAndThoseBeyondIt) {
  Office office;
  Office::Host& sender = office.add();
  Office::Host& near = office.add();
  Office::Host& far = office.add(1);
  sender.discovery->set_addresses({far.address});
  for (std::size_t i = 0; i < office.size(); ++i) office.start(office.at(i));
  office.run_for(seconds(2));
  ASSERT_EQ(office.peers(sender).size(), 2U);
  const auto near_heard = listen(near);
  const auto far_heard = listen(far);
  sender.discovery->say_crowd(one_entry());
  office.run_for(milliseconds(10));
  for (const auto& heard : {near_heard, far_heard}) {
    ASSERT_EQ(heard->size(), 1U);
    EXPECT_EQ(heard->front().from, office.id(sender));
    EXPECT_EQ(heard->front().entries, one_entry());
    EXPECT_EQ(heard->front().stamp.start_epoch, sender.epoch);
    EXPECT_GT(heard->front().stamp.sequence, 0U);
  }
}

TEST(DiscoveryCrowd, OfAStrangerIsNotHeardButTheStrangerIsAskedWhoItIs) {
  Office office;
  Office::Host& host = office.add();
  Office::Host& stranger = office.add();
  office.start(host);
  const auto heard = listen(host);
  stranger.reachable = false;
  office.start(stranger);  // its HELLO is lost
  stranger.reachable = true;
  stranger.discovery->say_crowd(one_entry());
  office.run_for(seconds(1));
  EXPECT_TRUE(heard->empty());
  EXPECT_EQ(office.peers(host).size(), 1U);
  stranger.discovery->say_crowd(one_entry());
  office.run_for(milliseconds(10));
  EXPECT_EQ(heard->size(), 1U);
}

TEST(DiscoveryCrowd, ToManyBeyondTheSubnetIsSentToSomeOfThemEachTime) {
  Office office;
  Office::Host& sender = office.add();
  std::vector<Endpoint> addresses;
  for (std::size_t i = 0; i < Discovery::kMaxCrowdUnicast + 20; ++i) addresses.push_back(office.add(1).address);
  sender.discovery->set_addresses(addresses);
  for (std::size_t i = 0; i < office.size(); ++i) office.start(office.at(i));
  office.run_for(seconds(3));
  ASSERT_GT(office.peers(sender).size(), Discovery::kMaxCrowdUnicast);
  const std::size_t before = sender.sent;
  sender.discovery->say_crowd(one_entry());
  office.flush(sender);
  EXPECT_EQ(sender.sent - before, 1 + Discovery::kMaxCrowdUnicast);
}

TEST(DiscoveryCrowd, IsNotSaidByWhoHasStopped) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  host.discovery->stop(office.now());
  office.flush(host);
  const std::size_t before = host.sent;
  host.discovery->say_crowd(one_entry());
  office.flush(host);
  EXPECT_EQ(host.sent, before);
}

}  // namespace
}  // namespace larder::peer::test
