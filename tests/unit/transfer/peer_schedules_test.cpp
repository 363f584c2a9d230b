// Random schedules (hundreds in `make soak`) of peers that come, go, stall, creep and refuse, in virtual time, with a
// reachable origin: the file is always got, is right, every byte that somebody sent is accounted for, and nothing comes
// for 3 s never. A failing seed is printed and repeats exactly.
#include "base/runtime/loop.h"
#include "tests/support/seeds.h"
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

class Schedule : public TransferLab {
 public:
  explicit Schedule(std::uint64_t seed) : TransferLab(seed, false), random_(make_seeded_random(seed)) {
    FakeFile file = make_file(kUrl, seed, 1 + random_->below(chance(30) ? 300 * 1024 : 20 * kMiB));
    bytes_ = file.bytes;
    supply_ = std::make_shared<FakeSupply>(loop.runtime(), bytes_);
    neighbours.supplies[file.edition.version.etag] = supply_;
    neighbours.latency = milliseconds(random_->below(200));
    origin.publish(kUrl, std::move(file));
    origin.latency = milliseconds(5 + random_->below(200));
    origin.gap = milliseconds(1 + random_->below(10));
    cache.latency = milliseconds(random_->below(10));
    cache.write_latency = milliseconds(random_->below(30));
    supply_->backwards = chance(30);
    supply_->chunk = 16 * 1024 << random_->below(4);
    disturb();
    for (int i = 0; i < 8; ++i) {
      loop.after(milliseconds(random_->below(6000)), [this] { disturb(); });
    }
  }

  void run() {
    agent::TransferRequest made = request("a");
    if (chance(50)) made.patience = std::chrono::seconds(1);
    if (chance(20)) made.parallel_ranges = 3;
    const SteadyTime began = loop.now();
    const auto recorder = fetch(std::move(made));
    ASSERT_TRUE(recorder->ok()) << recorder->error().text();
    expect_whole(*recorder, bytes_);
    const agent::SourceFigures& figures = recorder->value().figures;
    EXPECT_EQ(figures.cache, 0U);
    EXPECT_EQ(figures.origin + figures.peers + figures.wasted, origin.delivered + supply_->delivered);
    std::uint64_t most = 0;
    SteadyTime last = began;
    for (std::size_t i = 0; i < recorder->progress.size(); ++i) {
      if (recorder->progress[i].bytes <= most) continue;
      most = recorder->progress[i].bytes;
      EXPECT_LT(recorder->times[i] - last, std::chrono::seconds(3)) << most << " of " << bytes_.size();
      last = recorder->times[i];
    }
    EXPECT_EQ(origin.running(), 0U);
    EXPECT_EQ(supply_->running(), 0U);
    EXPECT_EQ(transfers->active(), 0U);
  }

 private:
  static Duration milliseconds(std::uint64_t count) { return std::chrono::milliseconds(count); }
  bool chance(std::uint64_t percent) { return random_->below(100) < percent; }

  void disturb() {
    const std::uint64_t segments = cache::SegmentLayout(bytes_.size()).count();
    supply_->gap = chance(30) ? milliseconds(100 + random_->below(1000)) : milliseconds(1 + random_->below(5));
    supply_->stuck_after.reset();
    supply_->refuse_after.reset();
    if (chance(30)) supply_->stuck_after = supply_->delivered + random_->below(6 * kMiB);
    if (chance(20)) supply_->refuse_after = supply_->delivered + random_->below(6 * kMiB);
    supply_->go_on_unless(chance(30));
    std::optional<std::vector<std::uint64_t>> has;
    if (chance(50)) {
      has.emplace();
      for (std::uint64_t i = 0; i < segments; ++i) {
        if (chance(50)) has->push_back(i);
      }
    }
    const std::size_t holders = has && has->empty() ? 0 : 1 + random_->below(3);
    supply_->change(std::move(has), holders);
  }

  std::unique_ptr<Random> random_;
  std::vector<std::byte> bytes_;
  std::shared_ptr<FakeSupply> supply_;
};

// Two tests, which ctest runs side by side: of the odd seeds and of the even ones. `make soak` runs hundreds.
class PeerSchedules : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(PeerSchedules, TheFileIsGotWhateverPeersDo) {
  const Seeds seeds = seeds_to_run({1, 60});
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    if (seed % 2 != GetParam()) continue;
    SCOPED_TRACE("LARDER_SEED=" + std::to_string(seed));
    Schedule schedule(seed);
    schedule.run();
    if (::testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PeerSchedules, ::testing::Values(0, 1));

}  // namespace
}  // namespace larder::test
