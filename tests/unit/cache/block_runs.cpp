#include "tests/unit/cache/block_runs.h"

#include <algorithm>
#include <random>

#include "base/hash/merkle.h"
#include "cache/record/segments.h"

namespace larder::cache {
namespace {

// One open source in a mixture, and what of it was given already.
struct OpenSource {
  StreamId id = 0;
  ByteRange range;
  bool peer = false;
  std::uint64_t next = 0;             // of a stream of the origin: offset
  std::vector<std::uint64_t> blocks;  // of a run: those to come, in the order to come
};

// Who brought each block, as the writer shall see it.
class Model {
 public:
  explicit Model(std::uint64_t size) : size_(size), layout_(size), from_peer_(block_count(size), kNobody) {}

  [[nodiscard]] std::uint64_t block_end(std::uint64_t block) const { return std::min(size_, (block + 1) * kBlockSize); }
  void bring(std::uint64_t block, bool peer) {
    if (from_peer_[block] == kNobody) from_peer_[block] = peer ? kPeer : kOrigin;
  }
  [[nodiscard]] std::uint64_t peer_bytes(std::uint64_t segment) const {
    std::uint64_t bytes = 0;
    const ByteRange range = layout_.range(segment);
    for (std::uint64_t block = range.offset / kBlockSize; block < block_count(range.end()); ++block) {
      if (from_peer_[block] == kPeer) bytes += block_end(block) - block * kBlockSize;
    }
    return bytes;
  }
  // The writer went: only what was committed is left.
  void keep(const std::vector<SegmentInfo>& committed) {
    std::vector<char> left(from_peer_.size(), kNobody);
    for (const SegmentInfo& segment : committed) {
      for (std::uint64_t block = segment.range.offset / kBlockSize; block < block_count(segment.range.end()); ++block)
        left[block] = from_peer_[block];
    }
    from_peer_ = std::move(left);
  }

 private:
  static constexpr char kNobody = 0, kOrigin = 1, kPeer = 2;
  std::uint64_t size_;
  SegmentLayout layout_;
  std::vector<char> from_peer_;
};

}  // namespace

std::vector<Digest> leaves_of(std::string_view bytes) {
  std::vector<Digest> leaves(block_count(bytes.size()));
  hash_blocks(as_bytes(bytes), leaves);
  return leaves;
}

Digest root_of(std::string_view bytes) {
  return content_root(leaves_of(bytes));
}

std::vector<std::byte> as_vector(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

Status BlockRunFixture::append_run(ContentWriter& writer, StreamId run, std::string_view bytes, std::uint64_t first,
                                   std::uint64_t count) {
  const std::string_view part = bytes.substr(first * kBlockSize, count * kBlockSize);
  return writer.append_blocks(run, first * kBlockSize, buffer_of(part), leaves_of(part));
}

std::vector<SegmentInfo> BlockRunFixture::segments_of(const ContentId& id) {
  auto segments = wait<std::vector<SegmentInfo>>([&](auto done) { cache->segments(id, std::move(done)); });
  EXPECT_TRUE(segments) << segments.error().text();
  return segments.value_or(std::vector<SegmentInfo>());
}

void BlockRunFixture::mixture(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint64_t bound) { return bound == 0 ? 0 : random() % bound; };
  const std::uint64_t size = 1 + below(10 * kMiB);
  const std::string bytes = pattern(size, 1000 + seed);
  const SegmentLayout layout(size);
  Model model(size);
  auto writer = create(version_of("http://mixture/" + std::to_string(seed), size));
  ASSERT_TRUE(writer) << writer.error().text();
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "f"));
  std::vector<OpenSource> open;

  // Windows begin at blocks and stay within a segment; one in four disregards what others have opened.
  const auto open_one = [&](ContentWriter& w) {
    std::vector<ByteRange> gaps = w.missing();
    if (gaps.empty() || below(4) == 0) gaps = {{0, size}};
    const ByteRange gap = gaps[below(gaps.size())];
    OpenSource source;
    const std::uint64_t first = gap.offset / kBlockSize + below(block_count(gap.length));
    const std::uint64_t end_of_segment = layout.range(layout.index_at(first * kBlockSize)).end();
    const std::uint64_t end = std::min(end_of_segment, (first + 1 + below(kSegmentBlocks)) * kBlockSize);
    source.range = {first * kBlockSize, end - first * kBlockSize};
    source.peer = below(3) != 0;
    source.next = source.range.offset;
    if (source.peer) {
      source.id = w.open_blocks({source.range, "f", as_vector("v")});
      for (std::uint64_t block = first; block < block_count(end); ++block) source.blocks.push_back(block);
      if (below(2) == 0) std::shuffle(source.blocks.begin(), source.blocks.end(), random);
    } else {
      source.id = w.open_stream(source.range, Source::origin, "f");
    }
    open.push_back(std::move(source));
  };
  // Blocks of a stream count when they are whole, those that wait in it are taken when it is cut: so that the model
  // need not know when that is, a stream's bytes come in one buffer and it is closed at once.
  const auto feed = [&](ContentWriter& w, std::size_t at) {
    OpenSource& source = open[at];
    if (!source.peer) {
      const std::uint64_t length = below(2) == 0 ? source.range.length : 1 + below(source.range.length);
      ASSERT_TRUE(w.append(source.id, buffer_of(std::string_view(bytes).substr(source.next, length))));
      source.next += length;
      const std::uint64_t whole = source.next == size ? block_count(size) : source.next / kBlockSize;
      w.close_stream(source.id);
      for (std::uint64_t block = source.range.offset / kBlockSize; block < whole; ++block) model.bring(block, false);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    }
    for (std::uint64_t n = 1 + below(40); n > 0 && !source.blocks.empty(); --n) {
      const std::uint64_t block = source.blocks.back();
      source.blocks.pop_back();
      ASSERT_TRUE(append_run(w, source.id, bytes, block, 1));
      model.bring(block, true);
    }
    if (!source.blocks.empty() && below(8) != 0) return;
    w.close_stream(source.id);  // also with blocks that did not come
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
  };

  for (int step = 0; step < 100'000 && (!open.empty() || !(*writer)->missing().empty()); ++step) {
    ASSERT_LT(step, 99'999) << "it never comes to an end";
    ContentWriter& w = **writer;
    if (open.size() < 5 && (!w.missing().empty() || below(20) == 0)) open_one(w);
    if (!open.empty()) feed(w, below(open.size()));
    if (HasFatalFailure()) return;
    if (below(4) == 0) loop.run_ready();
    if (below(400) != 0) continue;
    const bool recorded = !(*writer)->committed().empty();
    if (!recorded) continue;
    writer->reset();
    open.clear();
    writer = resume(id);
    ASSERT_TRUE(writer) << writer.error().text();
    model.keep((*writer)->committed());
  }
  const auto info = finish(**writer, below(2) == 0);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->root, root_of(bytes));
  if (info->sha256) {
    EXPECT_EQ(info->sha256, sha256(as_bytes(bytes)));
  }
  EXPECT_TRUE(read(info->id) == bytes);
  for (const SegmentInfo& segment : segments_of(info->id)) {
    EXPECT_EQ(segment.peer_bytes, model.peer_bytes(segment.index)) << "segment " << segment.index;
    EXPECT_EQ(segment.attestation, segment.peer_bytes > 0 ? as_vector("v") : std::vector<std::byte>());
  }
  writer->reset();
  ASSERT_TRUE(release(info->id, "f"));
  ASSERT_TRUE(wait<void>([&](auto done) { cache->drop(info->id, std::move(done)); }));
}

}  // namespace larder::cache
