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
  source.active = {{0, kSegment}};
  EXPECT_FALSE(next_window(plan(8, {{2 * kSegment, kSegment}}, {source}))) << "also where its stream ends early";
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

TEST(Plan, SmallHolesAreFetchedAgain) {
  const std::uint64_t piece = 64 * kKiB;
  const auto window = [&](std::uint64_t hole) {
    return next_window(plan(8, {{piece, piece}, {2 * piece + hole, piece}}, {origin_source()}));
  };
  EXPECT_EQ(window(kBridge), (Window{0, {piece, 2 * piece + kBridge}}));
  EXPECT_EQ(window(kBridge + 1), (Window{0, {piece, piece}}));
}

TEST(Plan, AHoleThatIsUnderWayIsNotFetchedAgain) {
  // The hole reaches into two segments; a neighbour delivers what of it lies in the first.
  const std::uint64_t part = 100 * kKiB;
  SourceState peer = source_of(SourceKind::peer);
  peer.has_all = false;
  peer.active = {{kSegment - part, part}};
  const auto input = plan(2, {{0, kSegment - part}, {kSegment + part, kSegment - part}}, {origin_source(), peer});
  EXPECT_EQ(next_window(input), (Window{0, {kSegment + part, kSegment - part}}));
}

TEST(Plan, AHoleBesideWhatIsUnderWayIsFetchedAgain) {
  // What is under way ends where the hole begins, or begins where it ends.
  const std::uint64_t part = 100 * kKiB;
  for (const ByteRange active : {ByteRange{kSegment, kSegment}, ByteRange{2 * kSegment + part, part}}) {
    SourceState peer = source_of(SourceKind::peer);
    peer.has_all = false;
    peer.active = {active};
    const auto input = plan(4, {{kSegment - part, part}, {2 * kSegment + 2 * part, part}}, {origin_source(), peer});
    EXPECT_EQ(is_taken(input, 0), false);
    EXPECT_EQ(is_taken(input, active.offset / kSegment), true);
    EXPECT_EQ(is_taken(input, 3), false);
  }
}

TEST(Plan, WhatIsBestTakenFirstIsPassedOverWhereNothingOfItIsMissing) {
  SourceState peers = source_of(SourceKind::peer);
  peers.order = {8, 5, 2};
  const auto window = [&] { return next_window(plan(8, {{0, 3 * kSegment}, {6 * kSegment, kSegment}}, {peers})); };
  EXPECT_EQ(window(), (Window{0, {2 * kSegment, kSegment}})) << "8 is beyond the end, 5 is there";
  peers.has_all = false;
  peers.has = {0, 2};
  peers.order = {1, 2};
  EXPECT_EQ(window(), (Window{0, {2 * kSegment, kSegment}})) << "1 is missing, and they do not have it";
  peers.has_all = true;
  peers.order = {3};
  EXPECT_FALSE(next_window(plan(8, {{0, 3 * kSegment}}, {peers}))) << "what is missing ends where this begins";
  peers.order = {8, 5};
  EXPECT_FALSE(next_window(plan(8, {{0, 3 * kSegment}}, {peers}))) << "what is not in the order is not taken";
}

TEST(Plan, OnProbationPeersGetTheLastMissingSegment) {
  SourceState peers = source_of(SourceKind::peer);
  peers.on_probation = true;
  SourceState origin = origin_source();
  origin.active = {{7 * kSegment, kSegment}};
  const auto input = plan(8, {{0, 2 * kSegment}, {4 * kSegment, 2 * kSegment + 100}}, {origin, peers});
  EXPECT_EQ(next_window(input), (Window{1, {6 * kSegment, 100}}));
}

TEST(Plan, TheOriginTakesWhatPeersHaveOnlyWhereTheyAreNotReliedOn) {
  SourceState peer = source_of(SourceKind::peer);
  peer.active = {{7 * kSegment, kSegment}};  // busy: no window for it
  const auto window = [](const SourceState& peers) {
    return next_window(plan(8, {{0, 2 * kSegment}}, {origin_source(), peers}));
  };
  EXPECT_FALSE(window(peer)) << "it will come to that";
  SourceState other = peer;
  other.usable = false;
  EXPECT_TRUE(window(other));
  other = peer;
  other.max_streams = 0;
  EXPECT_TRUE(window(other));
  other = peer;
  other.on_probation = true;
  EXPECT_TRUE(window(other));
  other = peer;
  other.has_all = false;
  other.has = {0};
  EXPECT_EQ(window(other), (Window{0, {kSegment, kSegment}}));
}

TEST(Plan, AHelpingOriginComesBeforePeersAndTakesASegment) {
  SourceState peer = source_of(SourceKind::peer);
  PlanInput input = plan(4, {{0, 4 * kSegment}}, {peer, origin_source()});
  EXPECT_EQ(next_window(input), (Window{0, {0, kSegment}}));
  input.helping = true;
  EXPECT_EQ(next_window(input), (Window{1, {0, kSegment}}));
  input.sources[1].windows = false;
  EXPECT_EQ(next_window(input), (Window{1, {0, 4 * kSegment}})) << "it has one stream, and cannot be asked for a part";
  input.helping = false;
  input.sources[0].usable = false;
  input.sources[1].windows = true;
  EXPECT_EQ(next_window(input), (Window{1, {0, 4 * kSegment}}));
}

TEST(Plan, TheCacheHelpsNobodyAndIsFirstAlsoWhereTheOriginHelps) {
  PlanInput input = plan(4, {{0, 4 * kSegment}}, {origin_source(), source_of(SourceKind::cache)});
  input.helping = true;
  EXPECT_EQ(next_window(input), (Window{1, {0, 4 * kSegment}}));
}

TEST(Plan, ACopyOfEverythingIsWaitedFor) {
  SourceState copy = source_of(SourceKind::cache);
  copy.active = {{0, kSegment}};
  const auto window = [](const SourceState& cached) {
    return next_window(plan(4, {{kSegment, kSegment}}, {origin_source(), cached, source_of(SourceKind::peer)}));
  };
  EXPECT_FALSE(window(copy)) << "neither the origin nor peers";
  SourceState other = copy;
  other.usable = false;
  EXPECT_TRUE(window(other));
  other = copy;
  other.has_all = false;
  EXPECT_TRUE(window(other)) << "a copy of some of it";
}

TEST(Plan, WhatASourceDoesNotHaveIsNotAskedOfIt) {
  SourceState peer = source_of(SourceKind::peer);
  peer.has_all = false;
  peer.has = {1};
  EXPECT_FALSE(next_window(plan(8, {{0, kSegment}}, {peer}))) << "it has what begins where the missing ends";
}

TEST(Plan, WhatTheCrowdLeavesToThisAgentIsNotDivided) {
  SourceState origin = origin_source(2);
  origin.has_all = false;
  origin.has = {1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(next_window(plan(8, {{0, 8 * kSegment}}, {origin})), (Window{0, {kSegment, 7 * kSegment}}));
}

TEST(Plan, PeersGoOnWhereTheOriginThatHelpsIsBusy) {
  SourceState origin = origin_source();
  origin.active = {{3 * kSegment, kSegment}};
  PlanInput input = plan(4, {{0, 3 * kSegment}}, {origin, source_of(SourceKind::peer)});
  input.helping = true;
  EXPECT_EQ(next_window(input), (Window{1, {0, kSegment}}));
}

TEST(Plan, WhatCanBeDividedEquallyIs) {
  const auto input = plan(8, {{0, 8 * kSegment}}, {origin_source(2)});
  EXPECT_EQ(all_windows(input), (std::vector<Window>{{0, {0, 4 * kSegment}}, {0, {4 * kSegment, 4 * kSegment}}}));
}

TEST(Plan, AnEqualShareIsRoundedUpToASegmentsEnd) {
  const auto all_but_a_byte = plan(8, {{1, 8 * kSegment - 1}}, {origin_source(2)});
  EXPECT_EQ(next_window(all_but_a_byte), (Window{0, {1, 5 * kSegment - 1}}));
  // 7.5 segments for two: 3.75 are 4, and from the middle of the first segment on they end in the middle of the fifth.
  const auto input = plan(8, {{kSegment / 2, 8 * kSegment - kSegment / 2}}, {origin_source(2)});
  EXPECT_EQ(all_windows(input),
            (std::vector<Window>{{0, {kSegment / 2, 5 * kSegment - kSegment / 2}}, {0, {5 * kSegment, 3 * kSegment}}}));
  // Of 2 segments and a byte each of two gets a segment and a byte, that is 2.
  PlanInput odd;
  odd.layout.emplace(2 * kSegment + 1);
  odd.missing = {{0, 2 * kSegment + 1}};
  odd.sources = {origin_source(2)};
  EXPECT_EQ(all_windows(odd), (std::vector<Window>{{0, {0, 2 * kSegment}}, {0, {2 * kSegment, 1}}}));
}

TEST(Plan, AStreamStopsBeforeASegmentThatIsUnderWay) {
  SourceState peer = source_of(SourceKind::peer);
  peer.has_all = false;
  peer.active = {{3 * kSegment + 100, 100}};
  const auto input = plan(8, {{100, 3 * kSegment}, {4 * kSegment, 4 * kSegment}}, {origin_source(), peer});
  EXPECT_EQ(next_window(input), (Window{0, {100, 3 * kSegment - 100}}));
}

TEST(Plan, OfAnUnknownSizeNobodyElseTakesAnything) {
  PlanInput input;
  input.missing = {{0, kUnknownEnd}};
  input.sources = {source_of(SourceKind::peer)};
  EXPECT_FALSE(next_window(input)) << "a neighbour has contents of a known size only";
  input.sources = {origin_source(4), origin_source(4)};
  input.sources[1].active = {{0, kUnknownEnd}};
  EXPECT_FALSE(next_window(input));
}

}  // namespace
}  // namespace larder::agent
