// A cache over a real database, real worker threads and a file system that can fail, with a loop in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/loop.h"
#include "cache/cache.h"
#include "cache/record/segments.h"
#include "tests/support/cache_check.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::cache {

// Bytes that differ from block to block and between seeds.
[[nodiscard]] std::string pattern(std::size_t size, std::uint64_t seed = 1);
[[nodiscard]] Buffer buffer_of(std::string_view bytes);
[[nodiscard]] Version version_of(const std::string& url, std::optional<std::uint64_t> size, std::string etag = "\"1\"");

inline constexpr std::uint64_t kSegmentBlocks = kMinSegment / kBlockSize;
inline constexpr std::uint64_t kThreeSegments = 2 * kMinSegment + kMiB;  // the last one short

class CacheFixture : public ::testing::Test {
 protected:
  CacheFixture();
  ~CacheFixture() override;

  void open_cache();   // with settings
  void close_cache();  // writers and leases of a test must be gone
  void reopen_cache();

  // Calls and waits for the answer.
  template <class T, class Call>
  Result<T> wait(Call call) {
    auto answer = std::make_shared<std::optional<Result<T>>>();
    call([answer](Result<T> result) { answer->emplace(std::move(result)); });
    EXPECT_TRUE(loop.wait_for([&] { return answer->has_value(); })) << "no answer";
    if (!answer->has_value()) return fail(ErrorCode::internal, "wait", "no answer");
    return std::move(**answer);
  }

  Result<std::unique_ptr<ContentWriter>> create(const Version& version, bool bounded = true, bool shareable = true);
  Result<std::unique_ptr<ContentWriter>> resume(const ContentId& id);
  // Appends in buffers of `step` bytes, minding back-pressure.
  Status append_all(ContentWriter& writer, std::string_view bytes, std::uint64_t offset = 0,
                    std::size_t step = 100'000);
  Result<ContentInfo> finish(ContentWriter& writer, bool want_sha256 = false);
  // The whole way; held by `holder` where one is given.
  Result<ContentInfo> store(const Version& version, std::string_view bytes, const std::string& holder = "",
                            bool bounded = true, bool shareable = true);
  Result<std::optional<ContentInfo>> find(const Version& version);
  Result<ContentInfo> get(const ContentId& id);
  Result<std::shared_ptr<ContentLease>> open(const ContentId& id);
  Result<std::string> read(const ContentId& id);
  Status hold(const ContentId& id, const std::string& holder);
  Status release(const ContentId& id, const std::string& holder);
  CacheFigures figures();
  [[nodiscard]] std::string path_of(const ContentId& id) const;
  [[nodiscard]] bool file_exists(const ContentId& id) const;
  [[nodiscard]] std::size_t files_on_disk() const;
  // Lets virtual time pass until `done` holds; false after a while.
  [[nodiscard]] bool pump_until(const std::function<bool()>& done, Duration step = std::chrono::milliseconds(5));
  void run_maintenance();  // one whole walk
  void expect_consistent();

  test::TempDirectory directory;
  test::VirtualLoop loop;
  std::unique_ptr<FileSystem> real = make_posix_file_system();
  test::FaultFileSystem files{*real, directory / "graveyard"};
  CacheSettings settings;
  WorkerPool disk{"disk", 2, 64};
  std::unique_ptr<Database> database;
  std::unique_ptr<Cache> cache;
};

}  // namespace larder::cache
