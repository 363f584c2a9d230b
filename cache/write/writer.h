// The implementation of ContentWriter: the handle, and a shared core that outlives it while its disk jobs and commits
// are in flight. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "base/runtime/in_flight.h"
#include "cache/index/index.h"
#include "cache/write/block_cutter.h"
#include "cache/write/content_file.h"
#include "cache/write/content_writer.h"
#include "cache/write/disk_queue.h"
#include "cache/write/ordered_hash.h"
#include "cache/write/segment_table.h"
#include "cache/write/sync_batcher.h"
#include "cache/write/write_job.h"

namespace larder::cache {

// The services of the cache that a writer uses.
class WriterHost {
 public:
  virtual ~WriterHost() = default;
  [[nodiscard]] virtual DiskQueue& disk() = 0;
  [[nodiscard]] virtual SyncBatcher& sync() = 0;
  virtual void post(Task task) = 0;  // dropped if the host is destroyed first
  // Commits segments (with the record itself the first time). `done` is called when they are durable.
  virtual void commit(index::Commit what, UniqueFunction<void(Status)> done) = 0;
  virtual void complete(index::Completion what, UniqueFunction<void(Result<ContentInfo>)> done) = 0;
  // Called when the disk is full: evicts at least `bytes`, as far as it may. Error: disk_full, which says what is
  // missing, if nothing was freed.
  virtual void make_room(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done) = 0;
  virtual void on_bytes_written(const ContentId& id, std::uint64_t bytes) = 0;  // for the accounts of space
  virtual void on_size_grown(const ContentId& id, std::uint64_t size) = 0;      // the same, for an unknown size
  virtual void on_writer_closed(const ContentId& id) = 0;  // no handle, nothing in flight: may drop the core
};

// The link from cores to their host. The host sets it to null in its destructor; a core does nothing after that.
struct WriterHostLink {
  WriterHost* host = nullptr;
};

class WriterHandle;

class WriterCore : public std::enable_shared_from_this<WriterCore> {
 public:
  // Bound of a content of unknown size: its leaves stay in memory until the end, 2 MiB for each GiB.
  static constexpr std::uint64_t kMaxUnknownSize = 64 * kGiB;
  // Maximum number of complete segments that are not committed; above it the source is paused. After a crash these, and
  // the bytes in flight, are fetched again.
  static constexpr std::size_t kMaxUncommitted = 0;

  struct Start {
    ContentId id;
    Version version;
    std::optional<std::uint64_t> size;
    std::vector<SegmentInfo> committed;
    std::shared_ptr<ContentFile> file;
    bool hash_in_order = false;  // the SHA-256 of the whole is wanted
    bool shareable = true;       // as in the record
  };
  WriterCore(std::shared_ptr<const WriterHostLink> host, Start start);

  [[nodiscard]] std::unique_ptr<ContentWriter> make_handle();
  // Called when the handle is destroyed: commits complete segments, then calls host.on_writer_closed().
  void abandon();
  // Called when the content was dropped: no further segment is committed, and calls return not_found.
  void cancel();
  [[nodiscard]] bool abandoned() const { return handle_ == nullptr; }
  // Returns whether keep_unfinished() was called, the handle is gone, and a new handle can go on with unfinished
  // blocks.
  [[nodiscard]] bool keeps_unfinished() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] const std::shared_ptr<ContentFile>& file() const { return file_; }

  // ContentWriter's calls
  [[nodiscard]] const ContentId& id() const { return id_; }
  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }
  [[nodiscard]] const std::vector<SegmentInfo>& committed() const { return committed_; }
  [[nodiscard]] const Version& version() const { return version_; }
  [[nodiscard]] bool shareable() const { return shareable_; }
  [[nodiscard]] std::vector<ByteRange> missing() const;
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }
  [[nodiscard]] std::size_t queued() const { return queued_ + (behind() ? ContentWriter::kHighWater + 1 : 0); }
  StreamId open_stream(ByteRange range, Source source, std::string fetched_for);
  void set_transport(StreamId stream, Transport transport);
  Status append(StreamId stream, Buffer bytes);
  StreamId open_blocks(BlockSpan span);
  Status append_blocks(StreamId stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves);
  void close_stream(StreamId stream);
  void set_end(std::uint64_t size);
  void finish_content(bool want_sha256, UniqueFunction<void(Result<ContentInfo>)> done);
  [[nodiscard]] ContentWriter::Unfinished unfinished() const;
  bool keep_unfinished();

 private:
  struct Stream {
    ByteRange range;
    Source source;
    std::string fetched_for;
    BlockCutter cutter;
    Transport transport = Transport::unknown;
  };
  struct OpenSpan {  // an open BlockSpan
    BlockSpan what;
    Interval blocks;                     // empty if refused
    IntervalSet appended;                // blocks appended so far
    std::shared_ptr<WriteJob> gathered;  // blocks taken and not submitted yet
    std::optional<Error> refused;
  };
  struct Finish {
    bool want_sha256 = false;
    bool started = false;  // its last steps are in flight
    UniqueFunction<void(Result<ContentInfo>)> done;
  };

  // writer.cpp: streams and jobs
  [[nodiscard]] std::uint64_t end_of(const Stream& stream) const;
  void cut(Stream& stream);
  void cut_all();
  std::shared_ptr<WriteJob> make_job(const Stream& stream, Cut cut);
  void submit(std::shared_ptr<WriteJob> job);
  void job_returned(const std::shared_ptr<WriteJob>& job, Status status);
  void retry_with_room(const std::shared_ptr<WriteJob>& job);
  void job_failed(const Error& error);
  void job_written(const std::shared_ptr<WriteJob>& job);
  void hash_next();
  void unqueue(std::size_t bytes);
  void tell_drained();
  // Returns whether too many complete segments are not durable: a crash would lose them all.
  [[nodiscard]] bool behind() const {
    return !finish_ && !failed_ && table_.filling() + uncommitted_ > kMaxUncommitted;
  }
  void fail(const Error& error);
  void advance();

  // writer_blocks.cpp: blocks of peers
  [[nodiscard]] std::optional<Error> refusal_of(const BlockSpan& span) const;
  [[nodiscard]] Status check_blocks(const OpenSpan& span, ByteRange bytes, std::size_t leaves) const;
  void gather(OpenSpan& span, std::uint64_t offset, Buffer bytes, const std::vector<Digest>& leaves);
  void submit_span(OpenSpan& span);
  void close_span(StreamId stream);
  void tell_blocks_written(const WriteJob& job);

  // writer_commit.cpp: segments and the end
  void segment_whole(WholeSegment segment);
  void start_root(std::uint64_t index);
  void segment_part_done(std::uint64_t index);
  void sync_segment(std::uint64_t index);
  void sync_for_finish();
  [[nodiscard]] Digest root_of(const Leaves& leaves) const;
  void commit_ready();
  [[nodiscard]] index::Commit ready_commit() const;
  void add_committed(const std::vector<index::Segment>& segments);
  void try_finish();
  [[nodiscard]] bool all_ready() const;
  [[nodiscard]] bool all_committed() const;
  void cut_unknown_size();
  void find_sha256();
  void read_for_sha256(std::shared_ptr<Sha256> hash, std::uint64_t offset);
  void complete(std::optional<Digest> sha256);
  void answer_finish(Result<ContentInfo> result);

  [[nodiscard]] WriterHost* host() const { return host_->host; }

  const std::shared_ptr<const WriterHostLink> host_;
  WriterHandle* handle_ = nullptr;
  const ContentId id_;
  const Version version_;
  const Digest version_name_;
  const bool shareable_;
  std::optional<std::uint64_t> size_;
  std::uint64_t appended_end_ = 0;        // with an unknown size: the end of the last byte appended
  std::optional<std::uint64_t> set_end_;  // the size by set_end(), until finish_content() cuts the segments
  const std::shared_ptr<ContentFile> file_;
  SegmentTable table_;
  std::vector<SegmentInfo> committed_;  // by index

  std::map<StreamId, Stream> streams_;
  std::map<StreamId, OpenSpan> spans_;
  std::optional<Stream> tail_;  // unknown size: a closed stream's incomplete block, which may be the content's last
  StreamId last_stream_ = 0;
  std::size_t queued_ = 0;
  bool was_high_ = false;
  InFlight jobs_;  // to the disk, or waiting for room
  std::uint64_t bytes_written_ = 0;
  OrderedHash ordered_;
  bool hashing_ = false;

  struct Committing {  // a complete segment whose root and sync are in flight, side by side
    index::Segment segment;
    bool has_root = false;
    bool synced = false;
  };
  std::map<std::uint64_t, Committing> committing_;
  std::vector<index::Segment> ready_;  // complete and synced segments, not yet given to the index
  InFlight commits_;
  std::size_t uncommitted_ = 0;                 // complete segments that are not committed
  ContentWriter::Unfinished committing_bytes_;  // bytes of these segments
  std::optional<FileStat> last_synced_state_;   // the file's state after the latest sync
  std::optional<Finish> finish_;
  std::optional<Error> failed_;
  bool sound_ = true;  // complete segments may still be committed after a failure; false after a failed sync or commit
  bool cancelled_ = false;
  bool finished_ = false;
  bool closed_ = false;
  bool keep_unfinished_ = false;
};

class WriterHandle final : public ContentWriter {
 public:
  explicit WriterHandle(std::shared_ptr<WriterCore> core) : core_(std::move(core)) {}
  ~WriterHandle() override { core_->abandon(); }
  [[nodiscard]] const ContentId& id() const override { return core_->id(); }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return core_->size(); }
  [[nodiscard]] const Version& version() const override { return core_->version(); }
  [[nodiscard]] bool shareable() const override { return core_->shareable(); }
  [[nodiscard]] const std::vector<SegmentInfo>& committed() const override { return core_->committed(); }
  [[nodiscard]] std::vector<ByteRange> missing() const override { return core_->missing(); }
  [[nodiscard]] std::uint64_t bytes_written() const override { return core_->bytes_written(); }
  StreamId open_stream(ByteRange range, Source source, std::string fetched_for) override {
    return core_->open_stream(range, source, std::move(fetched_for));
  }
  void set_transport(StreamId stream, Transport transport) override { core_->set_transport(stream, transport); }
  Status append(StreamId stream, Buffer bytes) override { return core_->append(stream, std::move(bytes)); }
  StreamId open_blocks(BlockRun span) override { return core_->open_blocks(std::move(span)); }
  Status append_blocks(StreamId stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override {
    return core_->append_blocks(stream, offset, std::move(bytes), std::move(leaves));
  }
  void close_stream(StreamId stream) override { core_->close_stream(stream); }
  [[nodiscard]] std::size_t queued() const override { return core_->queued(); }
  void set_end(std::uint64_t size) override { core_->set_end(size); }
  void finish_content(bool want_sha256, UniqueFunction<void(Result<ContentInfo>)> done) override {
    core_->finish_content(want_sha256, std::move(done));
  }
  [[nodiscard]] Unfinished unfinished() const override { return core_->unfinished(); }
  bool keep_unfinished() override { return core_->keep_unfinished(); }

 private:
  std::shared_ptr<WriterCore> core_;
};

}  // namespace larder::cache
