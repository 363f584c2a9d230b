// An index that cannot be written, beside files that are not as they were left: each question has an answer, and no row
// is looked at for ever.
#include <SQLiteCpp/Database.h>

#include <filesystem>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

class UnwritableTest : public CacheFixture {
 protected:
  void sql(const std::string& text) {
    const auto answer = std::make_shared<std::optional<Result<bool>>>();
    database->read<bool>(
        "change the rules",
        [text](SQLite::Database& db) -> Result<bool> {
          db.exec(text);
          return true;
        },
        [answer](Result<bool> done) { answer->emplace(std::move(done)); });
    ASSERT_TRUE(loop.wait_for([&] { return answer->has_value(); }));
    ASSERT_TRUE(**answer) << (*answer)->error().text();
  }
  void nothing_can_be_written() { sql("PRAGMA query_only = ON"); }
  void nothing_can_be_removed() {
    sql("CREATE TEMP TRIGGER kept BEFORE DELETE ON contents BEGIN SELECT RAISE(FAIL, 'kept'); END");
  }
  ContentId damaged(const std::string& url, const std::string& bytes) {
    const auto info = store(version_of(url, bytes.size()), bytes);
    EXPECT_TRUE(info);
    std::filesystem::resize_file(path_of(info->id), bytes.size() / 2);
    return info->id;
  }
  const std::string bytes_ = pattern(100'000, 7);
};

TEST_F(UnwritableTest, ADamagedRecordThatStaysIsAsIfItWereNotThere) {
  const ContentId id = damaged("http://a/x", bytes_);
  nothing_can_be_written();
  const auto found = find(version_of("http://a/x", bytes_.size()));
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_FALSE(*found);
  const auto lease = open(id);
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::content_damaged);
  EXPECT_NE(lease.error().text().find("cannot be dropped"), std::string::npos) << lease.error().text();
}

TEST_F(UnwritableTest, NewBytesAreKeptBesideADamagedRecordThatStays) {
  const ContentId id = damaged("http://a/x", bytes_);
  nothing_can_be_removed();
  const auto stored = store(version_of("http://b/x", bytes_.size()), bytes_);
  ASSERT_TRUE(stored) << stored.error().text();
  EXPECT_NE(stored->id, id);
  const auto read_back = read(stored->id);
  EXPECT_TRUE(read_back && *read_back == bytes_);
}

TEST_F(UnwritableTest, TheEndOfADownloadIsAnErrorAndNoLoop) {
  (void)damaged("http://a/x", bytes_);
  auto writer = create(version_of("http://b/x", bytes_.size()));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append_all(**writer, bytes_));
  nothing_can_be_written();
  EXPECT_FALSE(finish(**writer));
}

}  // namespace
}  // namespace larder::cache
