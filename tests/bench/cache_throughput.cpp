// How fast a content goes into the cache when the source is as fast as memory: 1 GiB, two disk threads; and 1000 small
// ones side by side.
//
//   larder_cache_throughput [STATE_DIR [MIB]]
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "cache/cache.h"
#include "cache/index/schema.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::cache {
namespace {

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "larder_cache_throughput: %s\n", result.error().text().c_str());
  std::exit(1);
}

class Bench {
 public:
  explicit Bench(const std::string& state) {
    std::filesystem::create_directories(state);
    settings_.state_directory = state;
    settings_.keep_free = 1;
    database_ = must(Database::open(state + "/larder.db", cache_schema(), loop_));
    cache_ = must(make_cache(settings_, loop_.runtime(), *files_, disk_, *database_));
  }
  ~Bench() {
    cache_.reset();
    database_.reset();
  }

  std::unique_ptr<ContentWriter> create(const std::string& url, std::uint64_t size, bool want_sha256) {
    std::optional<Result<std::unique_ptr<ContentWriter>>> writer;
    cache_->create({{url, size, "\"1\"", ""}, true, false, want_sha256},
                   [&](Result<std::unique_ptr<ContentWriter>> made) { writer.emplace(std::move(made)); });
    wait([&] { return writer.has_value(); });
    return must(std::move(*writer));
  }

  void wait(const std::function<bool()>& done) {
    if (!loop_.wait_for(done, std::chrono::minutes(5))) std::exit(1);
  }

  double large(std::uint64_t size, bool want_sha256) {
    const auto begun = std::chrono::steady_clock::now();
    auto writer = create(want_sha256 ? "http://a/sha" : "http://a/plain", size, want_sha256);
    const StreamId stream = writer->open_stream({0, size}, Source::origin, "f");
    for (std::uint64_t at = 0; at < size; at += 256 * kKiB) {
      Buffer buffer(256 * kKiB);
      std::span<std::byte> bytes = buffer.writable();
      for (std::size_t i = 0; i < bytes.size(); i += 4096) bytes[i] = static_cast<std::byte>(at >> 18);
      buffer.grow(bytes.size());
      if (!writer->append(stream, std::move(buffer))) std::exit(1);
      wait([&] { return writer->queued() < ContentWriter::kHighWater; });
    }
    finish(*writer, want_sha256);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

  void finish(ContentWriter& writer, bool want_sha256) {
    std::optional<Result<ContentInfo>> info;
    writer.finish_content(want_sha256, [&](Result<ContentInfo> result) { info.emplace(std::move(result)); });
    wait([&] { return info.has_value(); });
    static_cast<void>(must(std::move(*info)));
  }

  double small(int count, std::size_t at_once) {
    const auto begun = std::chrono::steady_clock::now();
    std::vector<std::unique_ptr<ContentWriter>> writers;
    int done = 0;
    for (int i = 0; i < count; ++i) {
      auto writer = create("http://a/" + std::to_string(i), 10 * kKiB, false);
      const StreamId stream = writer->open_stream({0, 10 * kKiB}, Source::origin, "f");
      Buffer buffer(10 * kKiB);
      buffer.append(as_bytes(std::to_string(i)));
      buffer.grow(10 * kKiB - buffer.size());
      if (!writer->append(stream, std::move(buffer))) std::exit(1);
      writer->finish_content(false, [&](Result<ContentInfo> info) {
        static_cast<void>(must(std::move(info)));
        ++done;
      });
      writers.push_back(std::move(writer));
      wait([&] { return writers.size() - static_cast<std::size_t>(done) < at_once; });
    }
    wait([&] { return done == count; });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

 private:
  CacheSettings settings_;
  test::VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  WorkerPool disk_{"disk", 2, 256};
  std::unique_ptr<Database> database_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace
}  // namespace larder::cache

int main(int argc, char** argv) {
  const larder::test::TempDirectory directory;
  larder::cache::Bench bench(argc > 1 ? argv[1] : directory / "state");
  const std::uint64_t mib = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1024;
  for (const bool want_sha256 : {false, true}) {
    const double seconds = bench.large(mib * larder::kMiB, want_sha256);
    std::printf("%4llu MiB%s: %.2f s, %.0f MiB/s\n", static_cast<unsigned long long>(mib),
                want_sha256 ? " with SHA-256" : "", seconds, static_cast<double>(mib) / seconds);
  }
  std::printf("1000 of 10 KiB, 8 at once: %.3f s\n", bench.small(1000, 8));
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("peak memory %.1f MiB\n", static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}
