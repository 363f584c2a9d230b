#include "tests/unit/cache/cache_fixture.h"

#include <algorithm>
#include <filesystem>

#include "base/hash/digest.h"
#include "cache/index/schema.h"

namespace larder::cache {

std::string pattern(std::size_t size, std::uint64_t seed) {
  std::string bytes(size, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
    }
    bytes[i] = static_cast<char>(state >> (i % 8 * 8));
  }
  return bytes;
}

Buffer buffer_of(std::string_view bytes) {
  return copy_of(as_bytes(bytes));
}

Version version_of(const std::string& url, std::optional<std::uint64_t> size, std::string etag) {
  return {url, size, std::move(etag), ""};
}

CacheFixture::CacheFixture() {
  settings.state_directory = directory / "state";
  EXPECT_TRUE(real->make_directories(settings.state_directory));
  settings.max_size = kGiB;
  settings.keep_free = 1;
  open_cache();
}

CacheFixture::~CacheFixture() {
  close_cache();
}

void CacheFixture::open_cache() {
  auto opened = Database::open(settings.state_directory + "/larder.db", cache_schema(), loop);
  ASSERT_TRUE(opened) << opened.error().text();
  database = std::move(*opened);
  auto made = make_cache(settings, loop.runtime(), files, disk, *database);
  ASSERT_TRUE(made) << made.error().text();
  cache = std::move(*made);
}

void CacheFixture::close_cache() {
  cache.reset();
  database.reset();
  loop.run_ready();
}

void CacheFixture::reopen_cache() {
  close_cache();
  open_cache();
}

Result<std::unique_ptr<ContentWriter>> CacheFixture::create(const Version& version, bool bounded, bool shareable) {
  return wait<std::unique_ptr<ContentWriter>>([&](auto done) {
    cache->create({.version = version, .shareable = shareable, .bounded_by_cache = bounded}, std::move(done));
  });
}

Result<std::unique_ptr<ContentWriter>> CacheFixture::resume(const ContentId& id) {
  return wait<std::unique_ptr<ContentWriter>>([&](auto done) { cache->resume(id, std::move(done)); });
}

Status CacheFixture::append_all(ContentWriter& writer, std::string_view bytes, std::uint64_t offset, std::size_t step) {
  const StreamId stream = writer.open_stream({offset, bytes.size()}, Source::origin, "file-1");
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    Status appended = writer.append(stream, buffer_of(bytes.substr(at, step)));
    if (!appended) return appended;
    EXPECT_TRUE(loop.wait_for([&] { return writer.queued() < ContentWriter::kHighWater; }));
  }
  writer.close_stream(stream);
  return {};
}

Result<ContentInfo> CacheFixture::finish(ContentWriter& writer, bool want_sha256) {
  return wait<ContentInfo>([&](auto done) { writer.finish_content(want_sha256, std::move(done)); });
}

Result<ContentInfo> CacheFixture::store(const Version& version, std::string_view bytes, const std::string& holder,
                                        bool bounded, bool shareable) {
  auto writer = create(version, bounded, shareable);
  if (!writer) return tl::unexpected(writer.error());
  if (!holder.empty()) {
    if (Status held = hold((*writer)->id(), holder); !held) return tl::unexpected(held.error());
  }
  if (Status appended = append_all(**writer, bytes); !appended) return tl::unexpected(appended.error());
  return finish(**writer);
}

Result<std::optional<ContentInfo>> CacheFixture::find(const Version& version) {
  return wait<std::optional<ContentInfo>>([&](auto done) { cache->find_version(version, std::move(done)); });
}

Result<ContentInfo> CacheFixture::get(const ContentId& id) {
  return wait<ContentInfo>([&](auto done) { cache->get(id, std::move(done)); });
}

Result<std::shared_ptr<ContentLease>> CacheFixture::open(const ContentId& id) {
  return wait<std::shared_ptr<ContentLease>>([&](auto done) { cache->open(id, std::move(done)); });
}

Result<std::string> CacheFixture::read(const ContentId& id) {
  auto lease = open(id);
  if (!lease) return tl::unexpected(lease.error());
  auto facts = (*lease)->file().stat();
  if (!facts) return tl::unexpected(facts.error());
  std::string bytes(facts->size, '\0');
  auto got = (*lease)->file().read_at(0, std::as_writable_bytes(std::span(bytes)));
  if (!got) return tl::unexpected(got.error());
  return bytes;
}

Status CacheFixture::hold(const ContentId& id, const std::string& holder) {
  return wait<void>([&](auto done) { cache->hold(id, holder, std::move(done)); });
}

Status CacheFixture::release(const ContentId& id, const std::string& holder) {
  return wait<void>([&](auto done) { cache->release(id, holder, std::move(done)); });
}

CacheFigures CacheFixture::figures() {
  auto figures = wait<CacheFigures>([&](auto done) { cache->figures(std::move(done)); });
  EXPECT_TRUE(figures) << figures.error().text();
  return figures.value_or(CacheFigures{});
}

std::string CacheFixture::path_of(const ContentId& id) const {
  return settings.state_directory + "/contents/" + id.substr(0, 2) + "/" + id;
}

bool CacheFixture::file_exists(const ContentId& id) const {
  return std::filesystem::exists(path_of(id));
}

std::size_t CacheFixture::files_on_disk() const {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.state_directory + "/contents")) {
    if (!entry.is_directory()) ++count;
  }
  return count;
}

bool CacheFixture::pump_until(const std::function<bool()>& done, Duration step) {
  for (int i = 0; i < 100'000; ++i) {
    if (loop.wait_for(done, std::chrono::microseconds(100))) return true;
    loop.advance(step);
  }
  return done();
}

// Every directory is listed once by a walk; what follows from the last one goes through the disk queue before this
// ends.
void CacheFixture::run_maintenance() {
  const std::uint64_t before = files.calls(test::DiskCall::list);
  cache->start_maintenance();
  ASSERT_TRUE(pump_until([&] { return files.calls(test::DiskCall::list) >= before + 256; }));
  // Its age check is the walk's end; a fixed number of round trips through disk and index lets the last step finish.
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(find(version_of("http://nowhere/", i)));
    loop.advance(std::chrono::milliseconds(10));
    static_cast<void>(figures());
  }
}

void CacheFixture::expect_consistent() {
  for (const std::string& problem : test::check_consistency(settings.state_directory)) ADD_FAILURE() << problem;
}

}  // namespace larder::cache
