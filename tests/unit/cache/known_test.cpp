// What the cache knows of a URL and of a file while an earlier attempt's segments are still on their way.
#include <future>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

using Known = Cache::Known;

class KnownTest : public CacheFixture {
 protected:
  // An attempt at `url` for `holder` that has ended with a segment on its way.
  void give_up_half_way(const std::string& url, const std::string& holder) {
    auto writer = create(version_of(url, kThreeSegments), true, false);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(hold((*writer)->id(), holder));
    ASSERT_TRUE(append_all(**writer, pattern(kMinSegment)));
    writer->reset();
  }
};

TEST_F(KnownTest, ManyQuestionsGetTheAnswerOfOne) {
  give_up_half_way("http://a/x", "file-1");
  const auto all = wait<std::vector<Known>>([&](auto done) {
    cache->find_known_of({{"http://a/none", "file-2"}, {"http://a/x", "file-1"}, {"http://a/x", "file-3"}},
                         std::move(done));
  });
  ASSERT_TRUE(all && all->size() == 3);
  ASSERT_EQ((*all)[1].own_contents.size(), 1u) << "it was on its way when the question came";
  EXPECT_EQ((*all)[1].own_contents[0].bytes_held, kMinSegment);
  EXPECT_FALSE((*all)[0].url);
  EXPECT_TRUE((*all)[2].own_contents.empty());
}

TEST_F(KnownTest, NobodyWaitsForTheWritersOfOthers) {
  std::promise<void> go;
  std::shared_future<void> gate(go.get_future());
  // Whatever the other's writer still has to do with the disk stands still.
  auto writer = create(version_of("http://a/x", kThreeSegments), true, false);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(hold((*writer)->id(), "file-1"));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(disk.submit([gate] { gate.wait(); }));
  const StreamId stream = (*writer)->open_stream({0, kMinSegment}, Source::origin, "file-1");
  ASSERT_TRUE((*writer)->append(stream, buffer_of(pattern(kMinSegment))));
  (*writer)->close_stream(stream);
  writer->reset();
  std::optional<Result<Known>> mine, many;
  cache->find_known("http://a/y", "file-2", [&](Result<Known> known) { mine = std::move(known); });
  cache->find_known_of({{"http://a/y", "file-2"}},
                       [&](Result<std::vector<Known>> known) { many = std::move((*known)[0]); });
  EXPECT_TRUE(loop.wait_for([&] { return mine && many; }));
  go.set_value();
  EXPECT_TRUE(mine && *mine);
}

}  // namespace
}  // namespace larder::cache
