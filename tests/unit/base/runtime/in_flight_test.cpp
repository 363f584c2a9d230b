#include "base/runtime/in_flight.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_function.h"

namespace larder {
namespace {

TEST(InFlight, CountsUntilTheHoldIsReleased) {
  InFlight in_flight;
  InFlight::Hold one = in_flight.begin();
  InFlight::Hold other = in_flight.begin();
  EXPECT_EQ(in_flight.count(), 2U);
  one.release();
  one.release();
  EXPECT_EQ(in_flight.count(), 1U);
  other = in_flight.begin();
  EXPECT_EQ(in_flight.count(), 1U);
  one = std::move(other);
  EXPECT_EQ(in_flight.count(), 1U);
  one = InFlight::Hold();
  EXPECT_EQ(in_flight.count(), 0U);
}

TEST(InFlight, ACallbackThatIsDestroyedUncalledCountsNoMore) {
  InFlight in_flight;
  std::vector<UniqueFunction<void()>> queue;
  queue.emplace_back([hold = in_flight.begin()]() mutable { hold.release(); });
  queue.emplace_back([hold = in_flight.begin()]() mutable { hold.release(); });
  queue.front()();
  EXPECT_EQ(in_flight.count(), 1U);
  queue.clear();
  EXPECT_EQ(in_flight.count(), 0U);
}

TEST(InFlight, HoldsMayOutliveTheirCountAndEndOnAnyThread) {
  auto in_flight = std::make_unique<InFlight>();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&in_flight = *in_flight] {
      for (int round = 0; round < 1000; ++round) const InFlight::Hold hold = in_flight.begin();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(in_flight->count(), 0U);
  InFlight::Hold hold = in_flight->begin();
  in_flight.reset();
  hold.release();
}

}  // namespace
}  // namespace larder
