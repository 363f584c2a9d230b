// The cache in memory, for tests of what stands on it: the contract of cache/cache.h and cache/write/content_writer.h
// without disk and database. Answers come through the loop, after `latency`; bytes are on "disk" after `write_latency`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/cache.h"
#include "cache/record/segments.h"

namespace larder::test {

class FakeWriter;

struct FakeRecord {
  cache::ContentInfo info;
  std::vector<std::byte> bytes;  // committed segments are right, the rest is undefined
  std::vector<cache::SegmentInfo> segments;
  std::set<std::string> holders;
  std::vector<cache::Asker> askers;
  bool being_written = false;
  bool completing = false;  // on its last steps: it goes on to its end without its writer too
  bool unreadable = false;  // open() fails and drops it
};

class FakeCache final : public cache::Cache {
 public:
  explicit FakeCache(Runtime runtime) : runtime_(runtime) {}

  // Knobs.
  Duration latency{};
  std::size_t forgets = 0;  // so many callbacks of get() are destroyed uncalled
  Duration write_latency{};
  Duration last_steps{};                    // from the last segment to the record that is complete
  std::uint64_t bounded_room = UINT64_MAX;  // largest content that the cache may keep
  std::uint64_t disk_room = UINT64_MAX;     // largest content that the disk takes
  std::optional<Error> finish_error;

  // What there is.
  std::map<cache::ContentId, FakeRecord> records;
  unsigned finds = 0, digest_finds = 0, creates = 0, resumes = 0, opens = 0;
  std::size_t most_queued = 0;  // by any writer

  // A complete, validated record, as if somebody had fetched it.
  cache::ContentId put(const cache::Version& version, std::vector<std::byte> bytes, bool shareable = true);

  void find_version(const cache::Version& version, cache::Done<std::optional<cache::ContentInfo>> done) override;
  void find_by_sha256(const Digest& sha256, cache::Done<std::optional<cache::ContentInfo>> done) override;
  void find_newest(const std::string& url, cache::Done<std::optional<cache::ContentInfo>> done) override;
  void get(const cache::ContentId& id, cache::Done<cache::ContentInfo> done) override;
  void get_for(const cache::ContentId& id, std::uint32_t user, cache::Done<cache::ContentInfo> done) override;
  void find_known(const std::string& url, const std::string& holder, cache::Done<Known> done) override;
  void create(Create what, cache::Done<std::unique_ptr<cache::ContentWriter>> done) override;
  void resume(const cache::ContentId& id, cache::Done<std::unique_ptr<cache::ContentWriter>> done) override;
  void open(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) override;
  void open_partial(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) override;
  void compute_sha256(const cache::ContentId& id, cache::Done<Digest> done) override;
  void hold(const cache::ContentId& id, const cache::Holder& holder, cache::Done<void> done) override;
  void release(const cache::ContentId& id, const std::string& holder, cache::Done<void> done) override;
  void release_all_but(std::vector<std::string> alive, cache::Done<void> done) override;
  void mark_validated(const cache::ContentId& id, cache::Done<void> done) override;
  void drop(const cache::ContentId& id, cache::Done<void> done) override;
  void set_aside(const cache::ContentId& id, const cache::Version& version, cache::Done<void> done) override;
  void set_aside_own(const cache::ContentId& id, const std::string& holder, cache::Done<void> done) override;
  void share_by_digest(const cache::ContentId& id, cache::Done<void> done) override;
  void go_on_privately(const cache::ContentId& id, const std::string& holder, const cache::Version& version,
                       cache::Done<void> done) override;
  void set_attestations(const cache::ContentId& id, Vouching attestations, cache::Done<void> done) override;
  void pin(const cache::ContentId& id, bool pinned, cache::Done<void> done) override;
  void remove(const cache::ContentId& id, cache::Done<void> done) override;
  void remove_url(const std::string& url, cache::Done<std::uint64_t> done) override;
  void clear(cache::Done<std::uint64_t> done) override;
  void list(cache::ListQuery query, cache::Done<std::vector<cache::ContentInfo>> done) override;
  void segments(const cache::ContentId& id, cache::Done<std::vector<cache::SegmentInfo>> done) override;
  void leaves(const cache::ContentId& id, SegmentIndex first_segment, std::uint64_t count,
              cache::Done<std::vector<Digest>> done) override;
  void offerable(const cache::ContentId& after_id, std::size_t limit,
                 cache::Done<std::vector<Offerable>> done) override;
  void observe(std::function<void(const cache::ContentId&)>) override {}
  void figures(cache::Done<cache::CacheFigures> done) override;
  void apply(const cache::CacheSettings&) override {}
  void start_maintenance() override {}

 private:
  friend class FakeWriter;
  // Does `work` and answers, in order, after the latency.
  void later(Task work);
  FakeRecord* record(const cache::ContentId& id);
  void answer_status(const cache::ContentId& id, cache::Done<void> done, std::function<void(FakeRecord&)> change);

  Runtime runtime_;
  std::uint64_t next_id_ = 1;
};

}  // namespace larder::test
