#include "agent/transfer/rules/plan.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

constexpr std::uint64_t kSegment = cache::kMinSegment;

SourceState origin_source(unsigned streams = 1) {
  SourceState source;
  source.max_streams = streams;
  return source;
}

SourceState source_of(SourceKind kind) {
  SourceState source;
  source.kind = kind;
  return source;
}

PlanInput plan(std::uint64_t segments, std::vector<ByteRange> missing, std::vector<SourceState> sources) {
  PlanInput input;
  input.layout.emplace(segments * kSegment);
  input.missing = std::move(missing);
  input.sources = std::move(sources);
  return input;
}

// All windows that are given out before any of them ends.
std::vector<Window> all_windows(PlanInput input) {
  std::vector<Window> windows;
  while (const auto window = next_window(input)) {
    windows.push_back(*window);
    input.sources[window->source].active.push_back(window->range);
    std::vector<ByteRange> rest;
    for (const ByteRange& missing : input.missing) {
      if (missing.offset < window->range.offset) {
        rest.push_back({missing.offset, std::min(missing.end(), window->range.offset) - missing.offset});
      }
      if (missing.end() > window->range.end()) {
        const std::uint64_t from = std::max(missing.offset, window->range.end());
        rest.push_back({from, missing.end() - from});
      }
    }
    input.missing = rest;
  }
  return windows;
}

TEST(Plan, TheOriginAloneIsAskedForOneStreamToTheEnd) {
  const auto input = plan(8, {{0, 8 * kSegment}}, {origin_source()});
  EXPECT_EQ(all_windows(input), (std::vector<Window>{{0, {0, 8 * kSegment}}}));
}

TEST(Plan, AStreamEndsAtWhatIsHeld) {
  const auto input = plan(8, {{0, kSegment}, {3 * kSegment, 5 * kSegment}}, {origin_source()});
  EXPECT_EQ(next_window(input), (Window{0, {0, kSegment}}));
}

TEST(Plan, AStreamGoesOnInTheMiddleOfASegment) {
  const std::uint64_t from = kSegment + 64 * 1024;
  const auto input = plan(4, {{from, 4 * kSegment - from}}, {origin_source()});
  EXPECT_EQ(next_window(input), (Window{0, {from, 4 * kSegment - from}}));
}

TEST(Plan, InACrowdAStreamIsWhatIsLeftToThisAgent) {
  SourceState origin = origin_source(2);
  origin.has_all = false;
  origin.has = {1, 2, 5};
  const auto input = plan(8, {{0, 8 * kSegment}}, {origin});
  EXPECT_EQ(all_windows(input), (std::vector<Window>{{0, {kSegment, 2 * kSegment}}, {0, {5 * kSegment, kSegment}}}));
}

TEST(Plan, PeersGiveTheRarestFirst) {
  SourceState peers = source_of(SourceKind::peer);
  peers.max_streams = 2;
  peers.has_all = false;
  peers.has = {1, 2, 5, 6};
  peers.order = {5, 1, 6};
  auto input = plan(8, {{0, 5 * kSegment}, {5 * kSegment + kMiB, 2 * kSegment}}, {origin_source(), peers});
  EXPECT_EQ(next_window(input), (Window{1, {5 * kSegment + kMiB, kSegment - kMiB}})) << "what is missing of it";
  input.sources[1].active.push_back({5 * kSegment + kMiB, kSegment - kMiB});
  input.missing = {{0, 5 * kSegment}, {6 * kSegment, kSegment}};
  EXPECT_EQ(next_window(input), (Window{1, {kSegment, kSegment}}));
}

TEST(Plan, ParallelRangesShareInWholeSegments) {
  const auto input = plan(8, {{0, 8 * kSegment}}, {origin_source(3)});
  const std::vector<Window> expected{
      {0, {0, 3 * kSegment}}, {0, {3 * kSegment, 3 * kSegment}}, {0, {6 * kSegment, 2 * kSegment}}};
  EXPECT_EQ(all_windows(input), expected);
}

TEST(Plan, ParallelRangesOfASmallFileAreFewer) {
  const auto input = plan(2, {{0, 2 * kSegment}}, {origin_source(8)});
  const std::vector<Window> expected{{0, {0, kSegment}}, {0, {kSegment, kSegment}}};
  EXPECT_EQ(all_windows(input), expected);
}

TEST(Plan, ASourceWithoutWindowsGetsOneStream) {
  SourceState source = origin_source(4);
  source.windows = false;
  EXPECT_EQ(all_windows(plan(8, {{0, 8 * kSegment}}, {source})).size(), 1U);
}

TEST(Plan, UnknownSizeIsOneStreamFromOneSource) {
  PlanInput input;
  input.missing = {{0, kUnknownEnd}};
  input.sources = {source_of(SourceKind::peer), origin_source(4)};
  EXPECT_EQ(all_windows(input), (std::vector<Window>{{1, {0, kUnknownEnd}}}));
}

TEST(Plan, NothingMissingOrNobodyFreeIsNoWindow) {
  EXPECT_FALSE(next_window(plan(8, {}, {origin_source()})));
  SourceState failed = origin_source();
  failed.usable = false;
  EXPECT_FALSE(next_window(plan(8, {{0, kSegment}}, {failed})));
  SourceState busy = origin_source();
  busy.active = {{0, kSegment}};
  EXPECT_FALSE(next_window(plan(8, {{kSegment, kSegment}}, {busy})));
}

TEST(Plan, TheCacheComesFirstAndAlone) {
  const auto input = plan(4, {{0, 4 * kSegment}}, {origin_source(), source_of(SourceKind::cache)});
  EXPECT_EQ(all_windows(input), (std::vector<Window>{{1, {0, 4 * kSegment}}}));
}

TEST(Plan, WithPeersEverybodyTakesSegments) {
  SourceState peer = source_of(SourceKind::peer);
  peer.has_all = false;
  peer.has = {1, 3};
  peer.max_streams = 2;
  const auto input = plan(4, {{0, 4 * kSegment}}, {origin_source(), peer});
  const std::vector<Window> expected{{1, {kSegment, kSegment}}, {1, {3 * kSegment, kSegment}}, {0, {0, kSegment}}};
  EXPECT_EQ(all_windows(input), expected);
}

TEST(Plan, NeverTwoSourcesForOneSegment) {
  // The second half of segment 0 is missing, its first half is being delivered.
  SourceState peer = source_of(SourceKind::peer);
  peer.has_all = false;
  peer.has = {0};
  peer.active = {{0, kSegment / 2}};
  const auto input = plan(2, {{kSegment / 2, kSegment / 2}, {kSegment, kSegment}}, {peer, origin_source()});
  EXPECT_EQ(next_window(input), (Window{1, {kSegment, kSegment}}));
}

TEST(Plan, EveryMissingByteIsPlannedOnce) {
  for (unsigned streams = 1; streams <= 5; ++streams) {
    for (std::uint64_t hole = 0; hole < 7; ++hole) {
      const std::vector<ByteRange> missing{{0, hole * kSegment}, {(hole + 1) * kSegment, (7 - hole) * kSegment}};
      PlanInput input = plan(8, {}, {origin_source(streams)});
      for (const ByteRange& range : missing) {
        if (range.length > 0) input.missing.push_back(range);
      }
      std::uint64_t planned = 0;
      std::uint64_t last = 0;
      while (const auto window = next_window(input)) {
        EXPECT_EQ(window->source, 0U);
        EXPECT_GE(window->range.offset, last);
        last = window->range.end();
        planned += window->range.length;
        std::vector<ByteRange> rest;
        for (const ByteRange& range : input.missing) {
          if (range.offset != window->range.offset) {
            rest.push_back(range);
          } else if (range.length > window->range.length) {
            rest.push_back({window->range.end(), range.length - window->range.length});
          }
        }
        input.missing = rest;  // and it ends at once, so that the source is free again
      }
      EXPECT_EQ(planned, 7 * kSegment) << streams << " streams, hole " << hole;
    }
  }
}

}  // namespace
}  // namespace larder::agent
