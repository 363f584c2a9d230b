// A signed URL is a credential: it leaves the index with the content that was fetched by it for one job alone.
#include <chrono>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

class SecretUrlTest : public CacheFixture {
 protected:
  bool on_disk() {
    for (const char* name : {"/larder.db", "/larder.db-wal"}) {
      if (test::read_file(settings.state_directory + name).find("MARKER") != std::string::npos) return true;
    }
    return false;
  }
  // About a second after the record went; each look is answered by the index's thread.
  bool leaves_the_disk() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (on_disk() && std::chrono::steady_clock::now() < end) (void)figures();
    return !on_disk();
  }
  Result<ContentInfo> fetched() {
    const std::string bytes = pattern(50'000, 4);
    return store(version_of("https://host/x?X-Amz-Signature=MARKER", bytes.size()), bytes, "job.0", true, false);
  }
};

TEST_F(SecretUrlTest, LeavesTheIndexWhenItsJobLetsGo) {
  const auto info = fetched();
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_TRUE(on_disk());
  ASSERT_TRUE(release(info->id, "job.0"));
  EXPECT_FALSE(get(info->id));
  EXPECT_TRUE(leaves_the_disk());
}

TEST_F(SecretUrlTest, LeavesTheIndexWhenTheContentIsDropped) {
  const auto info = fetched();
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_TRUE(wait<void>([&](auto done) { cache->drop(info->id, std::move(done)); }));
  EXPECT_TRUE(leaves_the_disk());
}

}  // namespace
}  // namespace larder::cache
