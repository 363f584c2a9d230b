// The Cache: ties index, files, space, writers and leases together. Loop thread only.
//
// cache.cpp: construction and look-ups. cache_write.cpp: writers. cache_kept.cpp: unfinished segments between two
// writers. cache_read.cpp: leases and digests. cache_offer.cpp: offers to neighbours. cache_remove.cpp: references, and
// every removal of a record.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/runtime/alive.h"
#include "cache/cache.h"
#include "cache/file_check.h"
#include "cache/index/index.h"
#include "cache/lease_table.h"
#include "cache/maintenance.h"
#include "cache/recent_marks.h"
#include "cache/record/content_ids.h"
#include "cache/record/layout.h"
#include "cache/space_keeper.h"
#include "cache/write/disk_queue.h"
#include "cache/write/sync_batcher.h"
#include "cache/write/writer.h"

namespace larder::cache {

// Returns what happened to a damaged record, as the end of an error's text.
inline std::string after_damage(const Status& dropped) {
  return dropped ? "; it was dropped" : "; it cannot be dropped: " + dropped.error().detail;
}

class CacheImpl final : public Cache, private WriterHost, private MaintenanceHost {
 public:
  CacheImpl(const CacheSettings& settings, Runtime runtime, FileSystem& files, WorkerPool& disk, Database& database,
            DiskSpace space);
  ~CacheImpl() override;

  void find_version(const Version& version, Done<std::optional<ContentInfo>> done) override;
  void find_by_sha256(const Digest& sha256, Done<std::optional<ContentInfo>> done) override;
  void find_newest(const std::string& url, Done<std::optional<ContentInfo>> done) override;
  void get(const ContentId& id, Done<ContentInfo> done) override;
  void get_for(const ContentId& id, std::uint32_t user, Done<ContentInfo> done) override;
  void find_known(const std::string& url, const std::string& holder, Done<Known> done) override;
  void find_known_of(std::vector<Question> questions, Done<std::vector<Known>> done) override;
  void create(Create what, Done<std::unique_ptr<ContentWriter>> done) override;
  void resume(const ContentId& id, Done<std::unique_ptr<ContentWriter>> done) override;
  void open(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) override;
  void open_partial(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) override;
  void compute_sha256(const ContentId& id, Done<Digest> done) override;
  void hold(const ContentId& id, const Holder& holder, Done<void> done) override;
  void release(const ContentId& id, const std::string& holder, Done<void> done) override;
  void let_go(std::vector<Reference> references, Done<void> done) override;
  void release_all_but(std::vector<std::string> alive, Done<void> done) override;
  void mark_validated(const ContentId& id, Done<void> done) override;
  void share_by_digest(const ContentId& id, Done<void> done) override;
  void drop(const ContentId& id, Done<void> done) override;
  void set_aside(const ContentId& id, const Version& version, Done<void> done) override;
  void set_aside_own(const ContentId& id, const std::string& holder, Done<void> done) override;
  void go_on_privately(const ContentId& id, const std::string& holder, const Version& version,
                       Done<void> done) override;
  void set_attestations(const ContentId& id, Vouching attestations, Done<void> done) override;
  void pin(const ContentId& id, bool pinned, Done<void> done) override;
  void remove(const ContentId& id, Done<void> done) override;
  void remove_url(const std::string& url, Done<std::uint64_t> done) override;
  void clear(Done<std::uint64_t> done) override;
  void list(ListQuery query, Done<std::vector<ContentInfo>> done) override;
  void segments(const ContentId& id, Done<std::vector<SegmentInfo>> done) override;
  void leaves(const ContentId& id, SegmentIndex first_segment, std::uint64_t count,
              Done<std::vector<Digest>> done) override;
  void offerable(const ContentId& after_id, std::size_t limit, Done<std::vector<Offerable>> done) override;
  void observe(std::function<void(const ContentId&)> changed) override;
  void figures(Done<CacheFigures> done) override;
  void apply(const CacheSettings& settings) override;
  bool ask_sync(UniqueFunction<void()> answer) override { return sync_->ask_thread(std::move(answer)); }
  void start_maintenance() override;

 private:
  struct Kept {
    SteadyTime until;
    bool bounded = true;  // by the cache's limits
  };
  // A content that is being written or kept: from create() or resume() until its writer has ended and nothing is kept.
  struct Active {
    std::shared_ptr<WriterCore> core;        // null while the writer is being made
    std::optional<index::NewContent> fresh;  // set while there is no record: inserted with the first commit
    bool completing = false;                 // the last transaction is in flight
    bool reviving = false;                   // was kept; a new writer is being made
    std::optional<Kept> kept;                // has no writer, but its core has unfinished segments
    // Operations that arrived while the completing transaction was in flight; called with the id of the survivor.
    std::vector<UniqueFunction<void(const ContentId&)>> deferred;
    std::vector<Task> when_closed;
    // Returns whether the writer was given up and its last segments are being committed. A kept content does not end.
    [[nodiscard]] bool ending() const { return core && core->abandoned() && !kept && !reviving; }
  };
  using Finder = std::function<Result<std::optional<index::Row>>(SQLite::Database&)>;
  using Removed = std::vector<index::Removed>;

  template <class T, class Work, class Then>
  void read_for(std::string doing, Work work, Then then) {
    database_.read<T>(std::move(doing), std::move(work), alive_.guard(std::move(then)));
  }
  // The same, but may miss deferred writes (counts of uses).
  template <class T, class Work, class Then>
  void peek_for(std::string doing, Work work, Then then) {
    database_.peek<T>(std::move(doing), std::move(work), alive_.guard(std::move(then)));
  }
  // A write that returns a value.
  template <class T, class Work, class Then>
  void write_for(std::string doing, Work work, Then then) {
    auto slot = std::make_shared<Result<T>>(tl::unexpected<Error>(Error{}));
    database_.write(
        std::move(doing),
        [slot, work = std::move(work)](SQLite::Database& db) mutable -> Status {
          *slot = work(db);
          if (!*slot) return tl::unexpected<Error>(slot->error());
          return {};
        },
        alive_.guard([slot, then = std::move(then)](Status status) mutable {
          if (!status) *slot = tl::unexpected<Error>(status.error());
          then(std::move(*slot));
        }));
  }
  void simple_write(std::string doing, UniqueFunction<Status(SQLite::Database&)> work, Done<void> done);
  template <class T>
  void answer(Done<T> done, Result<T> result) {
    runtime_.executor.post(
        alive_.guard([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); }));
  }
  [[nodiscard]] Active* active(const ContentId& id);

  // cache.cpp
  void find_checked(Finder finder, Done<std::optional<ContentInfo>> done);
  void known_in(Question question, unsigned waits, Done<Known> done);
  [[nodiscard]] Active* ending_before(const std::string& holder);
  [[nodiscard]] Active* ending_of(const Known& known);
  void check_row(index::Row row, UniqueFunction<void(Result<FileVerdict>)> done);
  void list_step(ListQuery query, std::vector<ContentInfo> so_far, Done<std::vector<ContentInfo>> done);
  [[nodiscard]] ContentInfo fresh_info(const ContentId& id, const Active& content) const;

  // cache_offer.cpp
  void changed(const ContentId& id);  // calls the observer
  // A write that changes what is offered of `id`: calls the observer after it.
  void offering_write(const ContentId& id, std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                      Done<void> done);

  // cache_write.cpp: WriterHost, and making writers
  [[nodiscard]] DiskQueue& disk() override { return disk_; }
  [[nodiscard]] SyncBatcher& sync() override { return *sync_; }
  void post(Task task) override;
  void commit(index::Commit what, UniqueFunction<void(Status)> done) override;
  void complete(index::Completion what, UniqueFunction<void(Result<ContentInfo>)> done) override;
  void make_room(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done) override;
  void on_bytes_written(const ContentId& id, std::uint64_t bytes) override;
  void on_size_grown(const ContentId& id, std::uint64_t size) override;
  void on_writer_closed(const ContentId& id) override;
  void make_writer(const ContentId& id, WriterCore::Start start, Done<std::unique_ptr<ContentWriter>> done);

  // cache_kept.cpp: unfinished segments of the last writer
  [[nodiscard]] bool is_kept(const ContentId& id) { return active(id) != nullptr && active(id)->kept.has_value(); }
  void keep_for_next(const ContentId& id, Active& content);
  void resume_kept(const ContentId& id, Done<std::unique_ptr<ContentWriter>> done);
  void reattach(const ContentId& id, bool bounded, Done<std::unique_ptr<ContentWriter>> done);
  void let_kept_go(const ContentId& id);
  void close_content(const ContentId& id, Active& content);
  void let_old_go();
  void add_kept(const std::string& url, const std::string& holder, Known& known) const;
  struct Resumable;
  void resume_checked(const ContentId& id, Resumable content, Done<std::unique_ptr<ContentWriter>> done);
  void resume_reserve(const ContentId& id, Resumable content, Done<std::unique_ptr<ContentWriter>> done);
  void complete_try(std::shared_ptr<index::Completion> what, UniqueFunction<void(Result<ContentInfo>)> done);
  void check_survivor(std::shared_ptr<index::Completion> what, index::Row row,
                      UniqueFunction<void(Result<ContentInfo>)> done);
  void completed(const index::Completion& what, index::CompletionOutcome outcome,
                 UniqueFunction<void(Result<ContentInfo>)> done);
  void end_active(const ContentId& id, const ContentId& survivor);

  // cache_read.cpp
  void open_row(index::Row row, bool use, Done<std::shared_ptr<ContentLease>> done);
  void open_fresh(const ContentId& id, Done<std::shared_ptr<ContentLease>> done);
  struct Hashing;
  void hash_on(std::shared_ptr<Hashing> hashing);

  // cache_remove.cpp
  [[nodiscard]] bool busy(const ContentId& id);
  [[nodiscard]] std::vector<ContentId> busy_contents();
  void stop_active(const ContentId& id);
  // Records first, then files: a crash in between leaves files without a record, which maintenance removes.
  void remove_records(std::vector<ContentId> ids, index::RemoveOnly only, Done<Removed> done);
  void remove_files(std::vector<ContentId> ids, Task then);
  void erase_secrets(const Removed& removed);
  void drop_set_aside(const ContentId& id, Done<void> done);  // unless held or pinned
  // `then` gets whether the record was removed. After a failure the caller must not look again: it would find the same
  // record in an endless loop.
  void drop_damaged(const ContentId& id, const std::string& why, UniqueFunction<void(Status)> then);
  void release_recorded(const ContentId& id, const std::string& holder, Done<void> done);
  void let_go_recorded(std::vector<Reference> recorded, std::vector<Reference> others, Done<void> done);
  struct Releasing;
  void release_step(std::shared_ptr<Releasing> releasing);
  void release_next(std::shared_ptr<Releasing> releasing);
  void clear_step(std::optional<index::Candidate> after, std::uint64_t removed, Done<std::uint64_t> done);

  // MaintenanceHost
  [[nodiscard]] bool in_use(const ContentId& id) override { return busy(id); }
  void drop_changed(const ContentId& id, const std::string& why, Task then) override {
    drop_damaged(id, why, [then = std::move(then)](const Status&) mutable { then(); });
  }
  void drop_unheld(std::vector<ContentId> ids, index::RemoveOnly only, Task then) override;
  void check_space() override;

  CacheSettings settings_;
  Runtime runtime_;
  FileSystem& files_;
  Database& database_;
  const ContentLayout layout_;
  const std::shared_ptr<PrefixDirectories> directories_;
  const std::shared_ptr<LeaseTable> leases_ = std::make_shared<LeaseTable>();
  DiskQueue disk_;
  std::unique_ptr<SyncBatcher> sync_;
  SpaceKeeper space_;
  Maintenance maintenance_;
  ContentIds ids_;
  RecentMarks recent_;  // complete contents that are not removed
  std::unordered_map<ContentId, Active> active_;
  const std::shared_ptr<WriterHostLink> writer_link_ = std::make_shared<WriterHostLink>(WriterHostLink{this});
  std::uint64_t dropped_damaged_ = 0;
  std::function<void(const ContentId&)> observer_;
  Alive alive_;
};

}  // namespace larder::cache
