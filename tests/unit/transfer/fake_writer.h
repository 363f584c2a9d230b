// The writer of FakeCache. Blocks are accepted as they come, durable after the cache's write latency, and committed
// when a segment is durable; what is not committed is lost with the writer, as after a crash.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/alive.h"
#include "cache/write/content_writer.h"
#include "tests/unit/transfer/fake_cache.h"

namespace larder::test {

class FakeWriter final : public cache::ContentWriter {
 public:
  FakeWriter(FakeCache& cache, Runtime runtime, cache::ContentId id);
  ~FakeWriter() override;

  [[nodiscard]] const cache::ContentId& id() const override { return id_; }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] const cache::Version& version() const override { return version_; }
  [[nodiscard]] bool shareable() const override { return shareable_; }
  [[nodiscard]] const std::vector<cache::SegmentInfo>& committed() const override { return segments_; }
  [[nodiscard]] std::vector<ByteRange> missing() const override;
  [[nodiscard]] std::uint64_t bytes_written() const override;
  cache::StreamId open_stream(ByteRange range, cache::Source source, std::string fetched_for) override;
  void set_transport(cache::StreamId stream, cache::Transport transport) override { over_[stream] = transport; }
  Status append(cache::StreamId stream, Buffer bytes) override;
  cache::StreamId open_blocks(BlockRun run) override;
  Status append_blocks(cache::StreamId stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override;
  void close_stream(cache::StreamId stream) override;
  [[nodiscard]] std::size_t queued() const override { return queued_; }
  void set_end(std::uint64_t size) override;
  void finish_content(bool want_sha256, UniqueFunction<void(Result<cache::ContentInfo>)> done) override;

 private:
  struct Stream {
    ByteRange range;
    std::uint64_t position = 0;
    cache::Source source = cache::Source::origin;
    std::string fetched_for;
  };
  struct Block {
    bool accepted = false;
    bool durable = false;
    bool from_peer = false;
  };

  [[nodiscard]] std::uint64_t block_end(std::uint64_t block) const;
  void write(std::uint64_t first, std::uint64_t last, std::size_t bytes, const Stream& stream);
  void make_durable(std::uint64_t first, std::uint64_t last, std::size_t bytes, cache::Source source,
                    const std::string& fetched_for);
  void commit(std::uint64_t segment, cache::Source source, const std::string& fetched_for);
  void commit_ready(cache::Source source, const std::string& fetched_for);
  void try_finish();
  static cache::ContentInfo complete(FakeCache& cache, const cache::ContentId& id, bool want_sha256);

  FakeCache& cache_;
  Runtime runtime_;
  cache::ContentId id_;
  std::optional<std::uint64_t> size_;
  cache::Version version_;
  bool shareable_ = true;
  std::map<cache::StreamId, cache::Transport> over_;
  std::vector<std::byte> bytes_;
  std::vector<Block> blocks_;
  std::vector<cache::SegmentInfo> segments_;
  std::map<cache::StreamId, Stream> streams_;
  std::map<cache::StreamId, BlockRun> runs_;
  std::map<std::uint64_t, std::vector<std::byte>> attestations_;  // by segment
  cache::StreamId next_stream_ = 1;
  std::size_t queued_ = 0;
  bool began_ = false;
  bool finishing_ = false;
  bool want_sha256_ = false;
  Stream last_;
  UniqueFunction<void(Result<cache::ContentInfo>)> done_;
  Alive alive_;
};

}  // namespace larder::test
