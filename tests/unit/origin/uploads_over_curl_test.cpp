// Uploads over libcurl's real connections: disk, digests, bodies and answers together.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/file_system.h"
#include "origin/upload/uploads.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/origin/curl_upload_fixture.h"

namespace larder::origin {
namespace {

using test::SinkManner;
using test::SinkRequest;
using Act = SinkManner::Act;

class FileSource final : public UploadSource {
 public:
  explicit FileSource(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~FileSource() override { close(descriptor_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    const ssize_t got = pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0) return fail(ErrorCode::disk_error, "read the source", "pread");
    return static_cast<std::size_t>(got);
  }
  Result<SourceIdentity> identity() const override {
    struct stat now {};
    if (fstat(descriptor_, &now) != 0) return fail(ErrorCode::disk_error, "look at the source", "fstat");
    const auto ns = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
    return SourceIdentity{now.st_dev, now.st_ino, static_cast<std::uint64_t>(now.st_size), ns(now.st_ctim),
                          ns(now.st_mtim)};
  }

 private:
  const int descriptor_;
};

struct Ended final : public UploadEvents {
  void on_connected() override { connected = true; }
  void on_progress(const UploadFigures& now) override { figures = now; }
  void on_step(const UploadProgress& now, UploadDialect spoken, UniqueFunction<void()> stored) override {
    progress = now;
    dialect = spoken;
    stored();
  }
  void on_done(Result<UploadResult> ended) override { result = std::move(ended); }
  [[nodiscard]] bool ok() const { return result && *result; }
  [[nodiscard]] std::string why() const { return !result ? "no end" : *result ? "no error" : result->error().text(); }

  bool connected = false;
  UploadFigures figures;
  UploadProgress progress;
  UploadDialect dialect = UploadDialect::tus;
  std::optional<Result<UploadResult>> result;
};

class UploadsOverCurlTest : public CurlUploadTest {
 protected:
  void SetUp() override {
    CurlUploadTest::SetUp();
    uploads = make_uploads(*http, loop.runtime(), disk, *files);
  }
  void TearDown() override { uploads.reset(); }

  UploadJob put_of(std::uint64_t size) {
    text = bytes_of(size);
    larder::test::write_file(directory / "file", text);
    UploadJob job;
    job.wish = ProtocolWish::put;
    job.plan.target = url_of(sink.url("/in/box/file"));
    job.plan.key = "key-1";
    job.plan.name = "file";
    job.plan.size = size;
    job.source = std::make_shared<FileSource>(directory / "file");
    job.identity = *job.source->identity();
    job.source_name = "file";
    job.options = std::make_shared<ConnectOptions>(options);
    job.max_rate = rate;
    return job;
  }
  std::shared_ptr<Ended> run(UploadJob job) {
    auto ended = std::make_shared<Ended>();
    uploads->start(std::move(job), ended);
    EXPECT_TRUE(loop.wait_for([&] { return ended->result.has_value(); }, std::chrono::seconds(60))) << "never ends";
    return ended;
  }

  larder::test::TempDirectory directory;
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  WorkerPool disk{"disk", 2, 64};
  std::unique_ptr<Uploads> uploads;
  std::string text;
};

TEST_F(UploadsOverCurlTest, FilesOfEachSizeArrive) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, 5 * kMiB + 1, 64 * kMiB}) {
    const auto ended = run(put_of(size));
    ASSERT_TRUE(ended->ok()) << size << ": " << ended->why();
    EXPECT_EQ(sink.requests().back().body, size);
    EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(text))) << size;
    EXPECT_EQ(ended->figures.acknowledged, size);
    EXPECT_EQ(ended->figures.sent, size);
  }
}

TEST_F(UploadsOverCurlTest, ACutBodyIsSentAgainByTheNextAttempt) {
  UploadJob job = put_of(24 * kMiB);
  SinkManner manner;
  manner.act = Act::cut;
  manner.at = 3 * kMiB;
  sink.expect(manner);
  const auto first = run(job);
  ASSERT_FALSE(first->ok());
  EXPECT_EQ(first->result->error().code, ErrorCode::connection_lost) << first->why();
  EXPECT_TRUE(first->result->error().retry_after);
  EXPECT_GE(first->progress.sent, 3 * kMiB);
  EXPECT_FALSE(first->progress.last_byte_sent);
  job.progress = first->progress;
  job.plan.dialect = first->dialect;
  const auto second = run(std::move(job));
  ASSERT_TRUE(second->ok()) << second->why();
  EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(text)));
  EXPECT_GE(second->progress.sent, 3 * kMiB) << "waste is counted";
}

TEST_F(UploadsOverCurlTest, ARefusalMidwayEndsIt) {
  SinkManner manner;
  manner.act = Act::answer_early;
  manner.at = kMiB;
  manner.status = 403;
  manner.text = "this inbox is closed";
  sink.expect(manner);
  const auto ended = run(put_of(24 * kMiB));
  EXPECT_FALSE(ended->ok());
  EXPECT_NE(ended->why().find("this inbox is closed"), std::string::npos) << ended->why();
  EXPECT_TRUE(sink.wait_for_open(0));
  EXPECT_LT(sink.requests().back().body, 24 * kMiB);
}

TEST_F(UploadsOverCurlTest, AFileThatIsWrittenToMidwayIsNeverSentToItsEnd) {
  rate = 8'000'000;
  const UploadJob job = put_of(24 * kMiB);
  const auto ended = std::make_shared<Ended>();
  uploads->start(job, ended);
  const auto arrived = [this] { return sink.requests().empty() ? 0 : sink.requests().back().body; };
  ASSERT_TRUE(loop.wait_for([&] { return arrived() >= kMiB; }));
  larder::test::write_file(directory / "file", std::string(24 * kMiB, 'n'));
  ASSERT_TRUE(loop.wait_for([&] { return ended->result.has_value(); }));
  EXPECT_FALSE(ended->ok());
  EXPECT_EQ(ended->result->error().code, ErrorCode::source_changed) << ended->why();
  EXPECT_TRUE(sink.wait_for_open(0)) << "the connection goes on";
  EXPECT_LT(sink.requests().back().body, 24 * kMiB);
}

}  // namespace
}  // namespace larder::origin
