// Leases, and the digest of a complete content.
#include <SQLiteCpp/Database.h>

#include <utility>

#include "base/io/log.h"
#include "cache/cache_impl.h"
#include "cache/write/content_hash.h"

namespace larder::cache {
namespace {

class Lease final : public ContentLease {
 public:
  Lease(std::unique_ptr<LeaseCount> count, std::unique_ptr<File> file)
      : count_(std::move(count)), file_(std::move(file)) {}
  [[nodiscard]] int descriptor() const override { return file_->descriptor(); }
  [[nodiscard]] File& file() override { return *file_; }

 private:
  std::unique_ptr<LeaseCount> count_;
  std::unique_ptr<File> file_;
};

struct Opened {
  std::unique_ptr<File> file;
  FileVerdict verdict;
};

// Disk thread. Compares the open file, so that the file cannot be replaced between check and use.
Result<Opened> open_checked(FileSystem& files, const std::string& path, const index::FileMark& mark) {
  auto file = files.open(path, OpenMode::read);
  if (!file && file.error().code == ErrorCode::not_found) return Opened{nullptr, {false, "it is missing"}};
  if (!file) return tl::unexpected(file.error());
  const auto found = (*file)->stat();
  if (!found) return tl::unexpected(found.error());
  return Opened{std::move(*file), compare(*found, mark)};
}

}  // namespace

struct CacheImpl::Hashing {
  ContentId id;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::shared_ptr<ContentLease> lease;
  Sha256 hash;
  Done<Digest> done;
};

void CacheImpl::open(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) {
  if (const auto mark = recent_.find_mark(id)) {
    index::Row row;
    row.info.id = id;
    row.mark = *mark;
    return open_row(std::move(row), true, std::move(done));
  }
  const std::string doing = "open content " + id;
  using Found = std::optional<index::Row>;
  peek_for<Found>(
      doing, [id](SQLite::Database& db) { return index::load(db, id); },
      [this, doing, done = std::move(done)](Result<Found> row) mutable {
        if (!row) return done(tl::unexpected(row.error()));
        if (!*row) return done(fail(ErrorCode::not_found, doing, "the cache has no such record"));
        if ((*row)->info.state == ContentState::partial)
          return done(fail(ErrorCode::invalid_state, doing, "it is not complete"));
        open_row(std::move(**row), true, std::move(done));
      });
}

void CacheImpl::open_partial(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) {
  if (const Active* content = active(id); content != nullptr && content->fresh) return open_fresh(id, std::move(done));
  const std::string doing = "open content " + id;
  using Found = std::optional<index::Row>;
  peek_for<Found>(
      doing, [id](SQLite::Database& db) { return index::load(db, id); },
      [this, doing, done = std::move(done)](Result<Found> row) mutable {
        if (!row) return done(tl::unexpected(row.error()));
        if (!*row) return done(fail(ErrorCode::not_found, doing, "the cache has no such record"));
        open_row(std::move(**row), false, std::move(done));
      });
}

// Opens a content that is being written and has no record: no segment is committed, but its file may exist.
void CacheImpl::open_fresh(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) {
  auto count = std::make_unique<LeaseCount>(leases_, id);
  disk_.submit([&files = files_, id, path = layout_.content_path(id), count = std::move(count),
                done = std::move(done)]() mutable -> Task {
    auto file = files.open(path, OpenMode::read);
    return [id, file = std::move(file), count = std::move(count), done = std::move(done)]() mutable {
      if (file) return done(std::make_shared<Lease>(std::move(count), std::move(*file)));
      if (file.error().code != ErrorCode::not_found) return done(tl::unexpected(file.error()));
      done(fail(ErrorCode::not_found, "open content " + id, "nothing of it is written yet"));
    };
  });
}

void CacheImpl::open_row(index::Row row, bool use, Done<std::shared_ptr<ContentLease>> done) {
  const ContentId id = row.info.id;
  // The lease is counted before the file is opened, so that the content is not evicted in between.
  auto count = std::make_unique<LeaseCount>(leases_, id);
  disk_.submit([this, &files = files_, id, path = layout_.content_path(id), mark = row.mark, use,
                count = std::move(count), done = std::move(done)]() mutable -> Task {
    auto opened = open_checked(files, path, mark);
    return [this, id, use, opened = std::move(opened), count = std::move(count), done = std::move(done)]() mutable {
      if (!opened) return done(tl::unexpected(opened.error()));
      if (!opened->verdict.intact && active(id) == nullptr) {
        const std::string why = opened->verdict.why;
        return drop_damaged(id, why, [id, why, done = std::move(done)](const Status& dropped) mutable {
          done(fail(ErrorCode::content_damaged, "open content " + id, why + after_damage(dropped)));
        });
      }
      if (!opened->file) return done(fail(ErrorCode::not_found, "open content " + id, "its file is missing"));
      if (use) {
        database_.write_later(
            "count a use of record " + id,
            [id, now = runtime_.clock.wall()](SQLite::Database& db) { return index::touch(db, id, now); },
            [](const Status& counted) {
              if (!counted) log::warn("use not counted error=\"{}\"", counted.error().text());
            });
      }
      done(std::make_shared<Lease>(std::move(count), std::move(opened->file)));
    };
  });
}

void CacheImpl::compute_sha256(const ContentId& id, Done<Digest> done) {
  get(id, [this, id, done = std::move(done)](Result<ContentInfo> info) mutable {
    if (!info) return done(tl::unexpected(info.error()));
    if (info->sha256) return done(*info->sha256);
    open(id, [this, info = *info, done = std::move(done)](Result<std::shared_ptr<ContentLease>> lease) mutable {
      if (!lease) return done(tl::unexpected(lease.error()));
      auto hashing = std::make_shared<Hashing>();
      hashing->id = info.id;
      hashing->size = info.size.value_or(0);
      hashing->lease = std::move(*lease);
      hashing->done = std::move(done);
      hash_on(std::move(hashing));
    });
  });
}

void CacheImpl::hash_on(std::shared_ptr<Hashing> hashing) {
  disk_.submit([this, hashing = std::move(hashing)]() mutable -> Task {
    auto reached = hash_step(hashing->lease->file(), hashing->id, hashing->hash, hashing->offset, hashing->size);
    return [this, hashing = std::move(hashing), reached = std::move(reached)]() mutable {
      if (!reached) {
        // A content that cannot be read is useless: dropped as damaged.
        return drop_damaged(hashing->id, reached.error().text(), [hashing, error = reached.error()](const Status&) {
          hashing->done(tl::unexpected(error));
        });
      }
      hashing->offset = *reached;
      if (hashing->offset < hashing->size) return hash_on(std::move(hashing));
      const Digest digest = hashing->hash.finish();
      simple_write(
          "store the SHA-256 of record " + hashing->id,
          [id = hashing->id, digest](SQLite::Database& db) { return index::set_sha256(db, id, digest); },
          [hashing, digest](Status status) {
            // If the record was dropped meanwhile, the caller still gets the digest.
            if (!status && status.error().code != ErrorCode::not_found)
              return hashing->done(tl::unexpected(status.error()));
            hashing->done(digest);
          });
    };
  });
}

}  // namespace larder::cache
