// The cost of each operation of the index as records grow, and the memory of an idle cache.
//
//   larder_index_curve [--sizes 1000,10000,100000]   prints a table
//   larder_index_curve --fill N --state DIR          makes a state directory with N records, for other benchmarks
//
// Every record is a real one: a file of a few bytes with its version, segment and marks.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/hash/merkle.h"
#include "cache/cache.h"
#include "cache/index/schema.h"
#include "cache/record/layout.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::cache {
namespace {

constexpr std::size_t kBytes = 64;  // of each content

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "larder_index_curve: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text());
  return std::move(*result);
}

Version version_of(std::size_t number) {
  return {fmt::format("https://packages.example.org/pool/main/l/larder/package-{:06}_1.0-1_amd64.deb", number), kBytes,
          "\"1\"", "Mon, 01 Jan 2024 00:00:00 GMT"};
}

std::string content_of(std::size_t number) {
  std::string bytes = fmt::format("content {:08}", number);
  bytes.resize(kBytes, '.');
  return bytes;
}

// ---- filling

struct stat write_file(const std::string& path, const std::string& bytes) {
  const int descriptor = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0) die("cannot create " + path);
  if (::write(descriptor, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    die("cannot write " + path);
  struct stat facts {};
  ::fstat(descriptor, &facts);
  ::close(descriptor);
  return facts;
}

class Filler {
 public:
  explicit Filler(SQLite::Database& db, const ContentLayout& layout)
      : layout_(layout),
        content_(
            db,
            "INSERT INTO contents (id, state, size, root, sha256, validated, shareable, bounded, bytes_held, "
            "created, last_used, inode, file_size, modified_ns) VALUES (?, 1, ?, ?, ?, 1, 1, 1, ?, ?, ?, ?, ?, ?)"),
        version_(
            db, "INSERT INTO versions (url, etag, last_modified, size, content_id, created) VALUES (?, ?, ?, ?, ?, ?)"),
        segment_(
            db,
            "INSERT INTO segments (content_id, idx, root, leaves, source, fetched_for) VALUES (?, 0, ?, ?, 0, '')") {}

  void add(std::size_t number) {
    const ContentId id = random_id();
    const std::string bytes = content_of(number);
    const Digest root = sha256(as_bytes(bytes));  // of one block: also the leaf
    const struct stat facts = write_file(layout_.content_path(id), bytes);
    const std::int64_t now = to_unix_ns(std::chrono::system_clock::now()) + static_cast<std::int64_t>(number);
    content_.bind(1, id);
    content_.bind(2, static_cast<std::int64_t>(kBytes));
    content_.bind(3, root.data(), 32);
    content_.bind(4, root.data(), 32);
    content_.bind(5, static_cast<std::int64_t>(kBytes));
    content_.bind(6, now);
    content_.bind(7, now);
    content_.bind(8, static_cast<std::int64_t>(facts.st_ino));
    content_.bind(9, static_cast<std::int64_t>(kBytes));
    content_.bind(10, static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 + facts.st_mtim.tv_nsec);
    run(content_);
    const Version version = version_of(number);
    version_.bind(1, version.url);
    version_.bind(2, version.etag);
    version_.bind(3, version.last_modified);
    version_.bind(4, static_cast<std::int64_t>(kBytes));
    version_.bind(5, id);
    version_.bind(6, now);
    run(version_);
    segment_.bind(1, id);
    segment_.bind(2, root.data(), 32);
    segment_.bind(3, root.data(), 32);
    run(segment_);
  }

 private:
  static void run(SQLite::Statement& statement) {
    statement.exec();
    statement.reset();
  }

  const ContentLayout& layout_;
  SQLite::Statement content_, version_, segment_;
};

void fill(const std::string& state, std::size_t records) {
  const ContentLayout layout(state);
  for (std::size_t i = 0; i < kPrefixes; ++i) std::filesystem::create_directories(layout.prefix_directory(i));
  test::VirtualLoop loop;
  must(Database::open(state + "/larder.db", cache_schema(), loop)).reset();
  SQLite::Database db(state + "/larder.db", SQLite::OPEN_READWRITE);
  SQLite::Transaction transaction(db);
  Filler filler(db, layout);
  for (std::size_t i = 0; i < records; ++i) filler.add(i);
  transaction.commit();
}

// ---- measuring

class Bench {
 public:
  explicit Bench(const std::string& state) {
    settings_.state_directory = state;
    settings_.keep_free = 1;
    opened_ms_ = timed(1, [&](std::size_t) {
      database_ = must(Database::open(state + "/larder.db", cache_schema(), loop_));
      cache_ = must(make_cache(settings_, loop_.runtime(), *files_, disk_, *database_));
      static_cast<void>(figures());
    });
    idle_mib_ = resident_mib();
  }
  ~Bench() {
    cache_.reset();
    database_.reset();
  }

  // Milliseconds for one call.
  double timed(std::size_t times, const std::function<void(std::size_t)>& call) {
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < times; ++i) call(i);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count() /
           static_cast<double>(times);
  }

  template <class T, class Call>
  T wait(Call call) {
    std::optional<Result<T>> answer;
    call([&](Result<T> result) { answer.emplace(std::move(result)); });
    if (!loop_.wait_for([&] { return answer.has_value(); })) die("no answer");
    return must(std::move(*answer));
  }

  CacheFigures figures() {
    return wait<CacheFigures>([&](auto done) { cache_->figures(std::move(done)); });
  }

  ContentId find(std::size_t number) {
    auto found =
        wait<std::optional<ContentInfo>>([&](auto done) { cache_->find_version(version_of(number), std::move(done)); });
    return found ? found->id : ContentId();
  }

  void store(std::size_t number) {
    auto writer = wait<std::unique_ptr<ContentWriter>>([&](auto done) {
      Cache::Create create;
      create.version = version_of(number);
      cache_->create(std::move(create), std::move(done));
    });
    const StreamId stream = writer->open_stream({0, kBytes}, Source::origin, "f");
    Buffer buffer(kBytes);
    buffer.append(as_bytes(content_of(number)));
    if (Status appended = writer->append(stream, std::move(buffer)); !appended) die(appended.error().text());
    static_cast<void>(wait<ContentInfo>([&](auto done) { writer->finish_content(false, std::move(done)); }));
  }

  void print_row(std::size_t records) {
    const double hit = timed(300, [&](std::size_t i) {
      if (find(i * 7919 % records).empty()) die("a record is not found");
    });
    const double miss = timed(300, [&](std::size_t i) { static_cast<void>(find(records + 10'000'000 + i)); });
    const ContentId id = find(0);
    const double hold = timed(100, [&](std::size_t i) {
      const std::string holder = "f" + std::to_string(i);
      hold_and_release(id, holder);
    });
    const double list = timed(50, [&](std::size_t i) {
      const auto page = wait<std::vector<ContentInfo>>([&](auto done) {
        cache_->list({prefix_name(i * 5), 100, ""}, std::move(done));
      });
      if (page.empty()) die("an empty page");
    });
    const double stored = timed(100, [&](std::size_t i) { store(records + i); });
    settings_.max_size = figures().bytes;
    cache_->apply(settings_);
    const std::uint64_t before = figures().evicted;
    const double evicting = timed(100, [&](std::size_t i) { store(records + 1000 + i); });
    const std::uint64_t gone = figures().evicted - before;
    if (gone < 100) die(fmt::format("{} records were evicted for 100 stored", gone));
    std::printf("%9zu %9.1f %9.3f %9.3f %9.3f %9.3f %9.3f %11.3f %9.1f\n", records, opened_ms_, hit, miss, hold, list,
                stored, evicting, idle_mib_);
    std::fflush(stdout);
  }

 private:
  void hold_and_release(const ContentId& id, const std::string& holder) {
    for (const bool holding : {true, false}) {
      bool done = false;
      auto answered = [&](Status status) {
        if (!status) die(status.error().text());
        done = true;
      };
      if (holding) cache_->hold(id, holder, answered);
      if (!holding) cache_->release(id, holder, answered);
      if (!loop_.wait_for([&] { return done; })) die("no answer");
    }
  }

  static double resident_mib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmRSS:", 0) == 0) return std::atof(line.c_str() + 6) / 1024;
    }
    return 0;
  }

  CacheSettings settings_;
  test::VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  WorkerPool disk_{"disk", 2, 256};
  std::unique_ptr<Database> database_;
  std::unique_ptr<Cache> cache_;
  double opened_ms_ = 0;
  double idle_mib_ = 0;
};

// In a process of its own, so that the memory of one is not counted with the other.
void in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child < 0) die("cannot fork");
  if (child == 0) {
    work();
    std::exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(1);
}

void curve(const std::vector<std::size_t>& sizes) {
  std::printf("milliseconds for each operation, answered and durable; memory with nothing but the cache\n");
  std::printf("%9s %9s %9s %9s %9s %9s %9s %11s %9s\n", "records", "open", "find", "miss", "hold+rel", "list 100",
              "store", "store+evict", "RSS MiB");
  std::fflush(stdout);
  for (const std::size_t records : sizes) {
    const test::TempDirectory directory;
    in_child([&] { fill(directory.path(), records); });
    in_child([&] { Bench(directory.path()).print_row(records); });
  }
}

int run(int argc, char** argv) {
  std::vector<std::size_t> sizes{1000, 10'000, 100'000};
  std::string state;
  std::size_t records = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--fill") == 0) records = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--state") == 0) state = argv[i + 1];
    if (std::strcmp(argv[i], "--sizes") != 0) continue;
    sizes.clear();
    std::istringstream list(argv[i + 1]);
    for (std::string one; std::getline(list, one, ',');) sizes.push_back(std::strtoull(one.c_str(), nullptr, 10));
  }
  if (state.empty() != (records == 0)) die("usage: larder_index_curve [--sizes N,N…] | --fill N --state DIR");
  if (!state.empty()) {
    std::filesystem::create_directories(state);
    fill(state, records);
    return 0;
  }
  curve(sizes);
  return 0;
}

}  // namespace
}  // namespace larder::cache

int main(int argc, char** argv) {
  try {
    return larder::cache::run(argc, argv);
  } catch (const std::exception& thrown) {
    std::fprintf(stderr, "larder_index_curve: %s\n", thrown.what());
    return 1;
  }
}
