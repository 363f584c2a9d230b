#include "tests/unit/transfer/fake_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/hash/merkle.h"
#include "tests/unit/transfer/fake_writer.h"

namespace larder::test {
namespace {

tl::unexpected<Error> missing(const std::string& id) {
  return fail(ErrorCode::not_found, "use content " + id, "gone");
}

class FakeLease final : public cache::ContentLease, public File {
 public:
  explicit FakeLease(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] int descriptor() const override { return -1; }
  [[nodiscard]] File& file() override { return *this; }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
    const std::size_t length = offset < bytes_.size() ? std::min(buffer.size(), bytes_.size() - offset) : 0;
    if (length > 0) std::memcpy(buffer.data(), bytes_.data() + offset, length);
    return length;
  }
  Status write_at(std::uint64_t, Bytes) override { return fail(ErrorCode::internal, "write", "read-only"); }
  Status truncate(std::uint64_t) override { return fail(ErrorCode::internal, "truncate", "read-only"); }
  Status sync() override { return {}; }
  void start_writeback(ByteRange) override {}
  Result<FileStat> stat() override { return FileStat{bytes_.size(), bytes_.size(), 1, 0, false}; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

void FakeCache::later(Task work) {
  if (latency == Duration{}) return runtime_.executor.post(std::move(work));
  runtime_.timers.after(latency, std::move(work));
}

FakeRecord* FakeCache::record(const cache::ContentId& id) {
  const auto found = records.find(id);
  return found == records.end() ? nullptr : &found->second;
}

cache::ContentId FakeCache::put(const cache::Version& version, std::vector<std::byte> bytes, bool shareable) {
  const cache::ContentId id = "put" + std::to_string(next_id_++);
  FakeRecord record;
  record.info.id = id;
  record.info.state = cache::ContentState::complete;
  record.info.size = record.info.bytes_held = bytes.size();
  record.info.sha256 = sha256(bytes);
  record.info.root = record.info.sha256;
  record.info.validated = true;
  record.info.shareable = shareable;
  record.info.versions = {version};
  const cache::SegmentLayout layout(bytes.size());
  for (std::uint64_t i = 0; i < layout.count(); ++i) {
    record.segments.push_back({i, layout.range(i), {}, cache::Source::origin, "somebody"});
  }
  record.bytes = std::move(bytes);
  records.emplace(id, std::move(record));
  return id;
}

void FakeCache::find_version(const cache::Version& version, cache::Done<std::optional<cache::ContentInfo>> done) {
  ++finds;
  later([this, version, done = std::move(done)]() mutable {
    std::optional<cache::ContentInfo> best;
    for (const auto& [id, record] : records) {
      const auto& all = record.info.versions;
      const bool is = std::find(all.begin(), all.end(), version) != all.end() && version.has_validator();
      if (!is || record.info.state == cache::ContentState::set_aside) continue;
      if (!best || record.info.state == cache::ContentState::complete) best = record.info;
    }
    done(best);
  });
}

void FakeCache::find_by_sha256(const Digest& sha256, cache::Done<std::optional<cache::ContentInfo>> done) {
  ++digest_finds;
  later([this, sha256, done = std::move(done)]() mutable {
    for (const auto& [id, record] : records) {
      if (record.info.state == cache::ContentState::complete && record.info.sha256 == sha256) {
        return done(std::optional<cache::ContentInfo>(record.info));
      }
    }
    done(std::optional<cache::ContentInfo>());
  });
}

void FakeCache::find_newest(const std::string& url, cache::Done<std::optional<cache::ContentInfo>> done) {
  later([this, url, done = std::move(done)]() mutable {
    for (const auto& [id, record] : records) {
      const auto& all = record.info.versions;
      const bool is =
          std::any_of(all.begin(), all.end(), [&url](const cache::Version& version) { return version.url == url; });
      const bool good = record.info.state == cache::ContentState::complete && record.info.validated;
      if (is && good && record.info.shareable) return done(std::optional<cache::ContentInfo>(record.info));
    }
    done(std::optional<cache::ContentInfo>());
  });
}

void FakeCache::get(const cache::ContentId& id, cache::Done<cache::ContentInfo> done) {
  if (forgets > 0) {
    --forgets;
    return;
  }
  later([this, id, done = std::move(done)]() mutable {
    if (const FakeRecord* found = record(id)) return done(found->info);
    done(missing(id));
  });
}

void FakeCache::get_for(const cache::ContentId& id, std::uint32_t, cache::Done<cache::ContentInfo> done) {
  get(id, std::move(done));
}

void FakeCache::find_known(const std::string& url, const std::string& holder, cache::Done<Known> done) {
  later([this, url, holder, done = std::move(done)]() mutable {
    Known known;
    for (const auto& [id, record] : records) {
      for (const cache::Version& version : record.info.versions) known.url = known.url || version.url == url;
      if (record.holders.count(holder) > 0) known.own_contents.push_back(record.info);
    }
    done(std::move(known));
  });
}

void FakeCache::create(Create what, cache::Done<std::unique_ptr<cache::ContentWriter>> done) {
  ++creates;
  later([this, what = std::move(what), done = std::move(done)]() mutable {
    const std::uint64_t room = what.bounded_by_cache ? std::min(bounded_room, disk_room) : disk_room;
    const std::uint64_t size = what.version.size.value_or(0);
    if (size > room) {
      return done(fail(ErrorCode::disk_full, "store the content",
                       std::to_string(size - room) + " bytes are missing on the disk"));
    }
    FakeRecord fresh;
    fresh.info.id = "made" + std::to_string(next_id_++);
    fresh.info.size = what.version.size;
    fresh.info.shareable = what.shareable;
    fresh.info.offered = what.offered;
    fresh.info.first_answer = what.first_answer;
    fresh.info.versions = {what.version};
    fresh.bytes.resize(size);
    fresh.being_written = true;
    const cache::ContentId id = fresh.info.id;
    records.emplace(id, std::move(fresh));
    done(std::unique_ptr<cache::ContentWriter>(std::make_unique<FakeWriter>(*this, runtime_, id)));
  });
}

void FakeCache::resume(const cache::ContentId& id, cache::Done<std::unique_ptr<cache::ContentWriter>> done) {
  ++resumes;
  later([this, id, done = std::move(done)]() mutable {
    FakeRecord* found = record(id);
    if (found == nullptr) return done(missing(id));
    if (found->being_written) return done(fail(ErrorCode::busy, "resume content", "it is being written"));
    if (found->info.state != cache::ContentState::partial) return done(fail(ErrorCode::invalid_state, "resume", "?"));
    found->being_written = true;
    done(std::unique_ptr<cache::ContentWriter>(std::make_unique<FakeWriter>(*this, runtime_, id)));
  });
}

void FakeCache::open(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) {
  ++opens;
  later([this, id, done = std::move(done)]() mutable {
    FakeRecord* found = record(id);
    if (found == nullptr) return done(missing(id));
    if (found->unreadable) {
      records.erase(id);
      return done(fail(ErrorCode::content_damaged, "open content", "the file was changed"));
    }
    done(std::shared_ptr<cache::ContentLease>(std::make_shared<FakeLease>(found->bytes)));
  });
}

void FakeCache::open_partial(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) {
  open(id, std::move(done));
}

void FakeCache::compute_sha256(const cache::ContentId& id, cache::Done<Digest> done) {
  later([this, id, done = std::move(done)]() mutable {
    FakeRecord* found = record(id);
    if (found == nullptr) return done(missing(id));
    found->info.sha256 = sha256(found->bytes);
    done(*found->info.sha256);
  });
}

void FakeCache::answer_status(const cache::ContentId& id, cache::Done<void> done,
                              std::function<void(FakeRecord&)> change) {
  later([this, id, done = std::move(done), change = std::move(change)]() mutable {
    FakeRecord* found = record(id);
    if (found == nullptr) return done(missing(id));
    change(*found);
    done({});
  });
}

void FakeCache::hold(const cache::ContentId& id, const cache::Holder& holder, cache::Done<void> done) {
  answer_status(id, std::move(done), [holder](FakeRecord& record) {
    record.holders.insert(holder.id);
    if (holder.asker) record.askers.push_back(*holder.asker);
  });
}

void FakeCache::release(const cache::ContentId& id, const std::string& holder, cache::Done<void> done) {
  later([this, id, holder, done = std::move(done)]() mutable {
    FakeRecord* found = record(id);
    if (found == nullptr) return done({});
    found->holders.erase(holder);
    const bool kept =
        found->completing || (found->info.state == cache::ContentState::complete && found->info.shareable);
    if (found->holders.empty() && !kept) records.erase(id);
    done({});
  });
}

void FakeCache::release_all_but(std::vector<std::string>, cache::Done<void> done) {
  later([done = std::move(done)]() mutable { done({}); });
}
void FakeCache::mark_validated(const cache::ContentId& id, cache::Done<void> done) {
  answer_status(id, std::move(done), [](FakeRecord& record) { record.info.validated = true; });
}
void FakeCache::drop(const cache::ContentId& id, cache::Done<void> done) {
  later([this, id, done = std::move(done)]() mutable {
    records.erase(id);
    done({});
  });
}
void FakeCache::set_aside(const cache::ContentId& id, const cache::Version& version, cache::Done<void> done) {
  answer_status(id, std::move(done), [version](FakeRecord& record) {
    if (record.info.versions.size() > 1) {
      std::erase(record.info.versions, version);
    } else {
      record.info.state = cache::ContentState::set_aside;
    }
  });
}
void FakeCache::set_aside_own(const cache::ContentId& id, const std::string&, cache::Done<void> done) {
  answer_status(id, std::move(done), [](FakeRecord& record) { record.info.state = cache::ContentState::set_aside; });
}
void FakeCache::share_by_digest(const cache::ContentId& id, cache::Done<void> done) {
  answer_status(id, std::move(done), [](FakeRecord& record) {
    record.info.shareable = true;
    record.info.offered = false;
  });
}
void FakeCache::go_on_privately(const cache::ContentId& id, const std::string& holder, const cache::Version& version,
                                cache::Done<void> done) {
  later([this, id, holder, version, done = std::move(done)]() mutable {
    FakeRecord* found = record(id);
    if (found == nullptr) return done(missing(id));
    const bool others = found->being_written || std::any_of(found->holders.begin(), found->holders.end(),
                                                            [&](const std::string& one) { return one != holder; });
    if (others) return done(fail(ErrorCode::busy, "go on privately", "others need it"));
    if (found->info.state != cache::ContentState::partial) return done(fail(ErrorCode::invalid_state, "go on", "?"));
    found->info.shareable = false;
    std::erase(found->info.versions, version);
    found->info.versions.insert(found->info.versions.begin(), version);
    done({});
  });
}
void FakeCache::set_attestations(const cache::ContentId& id, Vouching attestations, cache::Done<void> done) {
  answer_status(id, std::move(done), [attestations = std::move(attestations)](FakeRecord& record) {
    for (const auto& [index, bytes] : attestations) {
      for (cache::SegmentInfo& segment : record.segments) {
        if (segment.index == index) segment.attestation = bytes;
      }
    }
  });
}
void FakeCache::pin(const cache::ContentId& id, bool pinned, cache::Done<void> done) {
  answer_status(id, std::move(done), [pinned](FakeRecord& record) { record.info.pinned = pinned; });
}
void FakeCache::remove(const cache::ContentId& id, cache::Done<void> done) {
  drop(id, std::move(done));
}
void FakeCache::remove_url(const std::string&, cache::Done<std::uint64_t> done) {
  later([done = std::move(done)]() mutable { done(std::uint64_t{0}); });
}
void FakeCache::clear(cache::Done<std::uint64_t> done) {
  later([done = std::move(done)]() mutable { done(std::uint64_t{0}); });
}
void FakeCache::list(cache::ListQuery, cache::Done<std::vector<cache::ContentInfo>> done) {
  later([done = std::move(done)]() mutable { done(std::vector<cache::ContentInfo>()); });
}
void FakeCache::segments(const cache::ContentId& id, cache::Done<std::vector<cache::SegmentInfo>> done) {
  later([this, id, done = std::move(done)]() mutable {
    if (const FakeRecord* found = record(id)) return done(found->segments);
    done(missing(id));
  });
}
void FakeCache::leaves(const cache::ContentId& id, SegmentIndex first_segment, std::uint64_t count,
                       cache::Done<std::vector<Digest>> done) {
  later([this, id, first = first_segment.value(), count, done = std::move(done)]() mutable {
    const FakeRecord* found = record(id);
    if (found == nullptr || !found->info.size) return done(missing(id));
    std::vector<Digest> leaves;
    for (std::uint64_t i = first; i < first + count; ++i) {
      const bool there = std::any_of(found->segments.begin(), found->segments.end(),
                                     [i](const cache::SegmentInfo& segment) { return segment.index == i; });
      if (!there) return done(missing(id));
      const ByteRange range = cache::SegmentLayout(*found->info.size).range(i);
      std::vector<Digest> own(block_count(range.length));
      hash_blocks(std::span(found->bytes).subspan(range.offset, range.length), own);
      leaves.insert(leaves.end(), own.begin(), own.end());
    }
    done(std::move(leaves));
  });
}
void FakeCache::offerable(const cache::ContentId& after_id, std::size_t limit,
                          cache::Done<std::vector<Offerable>> done) {
  later([this, after_id, limit, done = std::move(done)]() mutable {
    std::vector<Offerable> page;
    for (auto at = records.upper_bound(after_id); at != records.end() && page.size() < limit; ++at) {
      const FakeRecord& one = at->second;
      if (!one.info.shareable || one.segments.empty() || one.info.state == cache::ContentState::set_aside) continue;
      Offerable offer{one.info, {}};
      if (one.info.state == cache::ContentState::partial || !one.info.validated) {
        for (const cache::SegmentInfo& segment : one.segments) offer.segments.push_back(segment.index);
      }
      page.push_back(std::move(offer));
    }
    done(std::move(page));
  });
}
void FakeCache::figures(cache::Done<cache::CacheFigures> done) {
  later([done = std::move(done)]() mutable { done(cache::CacheFigures{}); });
}

}  // namespace larder::test
