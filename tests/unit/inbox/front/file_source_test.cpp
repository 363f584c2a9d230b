#include "inbox/front/file_source.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/text/units.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

class FileSourceTest : public testing::Test {
 protected:
  std::shared_ptr<http::BodySource> source(const std::string& bytes, std::uint64_t size, std::uint64_t from = 0) {
    std::ofstream(directory_ / "f", std::ios::binary) << bytes;
    auto file = files_->open(directory_ / "f", OpenMode::read);
    EXPECT_TRUE(file);
    return make_file_source(std::move(*file), {from, size - from}, loop_.runtime(), *pool_);
  }
  Result<Buffer> next(http::BodySource& source) {
    std::optional<Result<Buffer>> got;
    source.next([&](Result<Buffer> piece) { got.emplace(std::move(piece)); });
    EXPECT_TRUE(loop_.wait_for([&] { return got.has_value(); }));
    return got ? std::move(*got) : Result<Buffer>(fail(ErrorCode::internal, "wait", "nothing came"));
  }

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  std::unique_ptr<WorkerPool> pool_ = std::make_unique<WorkerPool>("disk", 1, 4);
};

TEST_F(FileSourceTest, GivesTheWholeFileInPieces) {
  std::string bytes(600 * kKiB, 'a');
  bytes += "end";
  const auto body = source(bytes, bytes.size());
  std::string got;
  unsigned pieces = 0;
  for (;; ++pieces) {
    const auto piece = next(*body);
    ASSERT_TRUE(piece) << piece.error().text();
    if (piece->empty()) break;
    got += http::as_text(piece->bytes());
  }
  EXPECT_EQ(got, bytes);
  EXPECT_GT(pieces, 1U) << "no piece is as large as a file may be";
}

TEST_F(FileSourceTest, GivesAPartFromItsFirstByteOn) {
  const auto body = source("abcdefgh", 5, 2);
  const auto piece = next(*body), end = next(*body);
  ASSERT_TRUE(piece && end);
  EXPECT_EQ(http::as_text(piece->bytes()), "cde");
  EXPECT_TRUE(end->empty());
}

TEST_F(FileSourceTest, AnEmptyFileEndsAtOnce) {
  const auto body = source("", 0);
  const auto piece = next(*body);
  ASSERT_TRUE(piece);
  EXPECT_TRUE(piece->empty());
}

TEST_F(FileSourceTest, AFileThatBecameShorterBreaksTheAnswerOff) {
  const auto body = source("abc", 4);
  const auto piece = next(*body);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, ErrorCode::content_damaged);
}

TEST_F(FileSourceTest, NothingComesAfterACancel) {
  const auto body = source("abc", 3);
  bool came = false;
  body->next([&](const Result<Buffer>&) { came = true; });
  body->cancel();
  pool_.reset();  // what was begun has ended
  loop_.run_ready();
  EXPECT_FALSE(came);
}

TEST_F(FileSourceTest, ADiskThatIsBusyIsAskedAgain) {
  pool_ = std::make_unique<WorkerPool>("disk", 1, 0);  // takes nothing
  const auto body = source("abc", 3);
  bool came = false;
  body->next([&](const Result<Buffer>&) { came = true; });
  loop_.run_ready();
  EXPECT_FALSE(came);
  EXPECT_EQ(loop_.timers(), 1U);
  body->cancel();
  loop_.advance(std::chrono::seconds(1));
  EXPECT_EQ(loop_.timers(), 0U) << "a cancelled one does not ask again";
}

}  // namespace
}  // namespace larder::inbox
