#include "tests/office/evil_content.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>

namespace larder::test {
namespace {

std::vector<std::byte> read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<std::byte> bytes(static_cast<std::size_t>(in.tellg()));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_all(const std::string& path, Bytes bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

// Reads of the served file. Past `stall_from` they never return: the reader waits for good.
class EvilFile final : public File {
 public:
  EvilFile(int descriptor, std::uint64_t stall_from, std::uint64_t end_each, std::uint64_t segment)
      : descriptor_(descriptor), stall_from_(stall_from), end_each_(end_each), segment_(segment) {}
  ~EvilFile() override { ::close(descriptor_); }
  EvilFile(const EvilFile&) = delete;
  EvilFile& operator=(const EvilFile&) = delete;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset + buffer.size() > stall_from_) stall();
    const std::uint64_t in_segment = offset % segment_;
    const std::size_t wanted =
        in_segment >= end_each_
            ? 0
            : static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end_each_ - in_segment));
    const ssize_t got = ::pread(descriptor_, buffer.data(), wanted, static_cast<off_t>(offset));
    if (got < 0) return fail(ErrorCode::disk_error, "read the evil file", "it is what it is");
    return static_cast<std::size_t>(got);
  }
  Status write_at(std::uint64_t, Bytes) override { return refuse(); }
  Status truncate(std::uint64_t) override { return refuse(); }
  Status sync() override { return {}; }
  void start_writeback(ByteRange) override {}
  Result<FileStat> stat() override { return fail(ErrorCode::disk_error, "stat the evil file", "it is what it is"); }
  [[nodiscard]] int descriptor() const override { return descriptor_; }

 private:
  static Status refuse() { return fail(ErrorCode::disk_error, "write the evil file", "it is what it is"); }
  [[noreturn]] static void stall() {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable never;
    while (true) never.wait(lock);
  }

  int descriptor_;
  std::uint64_t stall_from_, end_each_, segment_;
};

class EvilLease final : public cache::ContentLease {
 public:
  explicit EvilLease(std::unique_ptr<EvilFile> file) : file_(std::move(file)) {}
  [[nodiscard]] int descriptor() const override { return file_->descriptor(); }
  [[nodiscard]] File& file() override { return *file_; }

 private:
  std::unique_ptr<EvilFile> file_;
};

}  // namespace

std::optional<Lie> parse_lie(const std::string& name) {
  static constexpr std::array kNames{"none",  "flipped",   "wrong_leaves",    "wrong_roots",
                                     "stall", "truncated", "truncated_leaves"};
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Lie>(found - kNames.begin());
}

EvilContent::EvilContent(const std::string& path, Lie lie, std::uint64_t seed) : lie_(lie), seed_(seed), served_(path) {
  std::vector<std::byte> bytes = read_all(path);
  layout_.emplace(bytes.size());
  if (lie == Lie::wrong_roots) {
    for (std::size_t at = 0; at < bytes.size(); at += kBlockSize) bytes[at] ^= std::byte{0x5a};
  }
  leaves_.resize(static_cast<std::size_t>(block_count(bytes.size())));
  hash_blocks(bytes, leaves_);
  if (lie == Lie::flipped) {
    for (std::uint64_t block = 0; block < leaves_.size(); ++block) {
      if (!spoilt(block)) continue;
      const std::uint64_t length = std::min<std::uint64_t>(kBlockSize, bytes.size() - block * kBlockSize);
      bytes[static_cast<std::size_t>(block * kBlockSize + (seed_ * 7919 + block) % length)] ^= std::byte{1};
    }
  }
  if (lie == Lie::wrong_roots || lie == Lie::flipped) {
    served_ = path + ".evil";
    write_all(served_, bytes);
  }
}

bool EvilContent::spoilt(std::uint64_t block) const {
  // One in ten, and at least one of however few.
  return (block + seed_) % 10 == 0 || leaves_.size() < 10;
}

std::vector<Digest> EvilContent::leaves_of(std::uint64_t first, std::uint64_t count) const {
  const auto from =
      static_cast<std::size_t>(std::min<std::uint64_t>(first * layout_->segment_blocks(), leaves_.size()));
  const auto to =
      static_cast<std::size_t>(std::min<std::uint64_t>((first + count) * layout_->segment_blocks(), leaves_.size()));
  return {leaves_.begin() + static_cast<std::ptrdiff_t>(from), leaves_.begin() + static_cast<std::ptrdiff_t>(to)};
}

std::vector<Digest> EvilContent::told_leaves(std::uint64_t first, std::uint64_t count) const {
  std::vector<Digest> told = leaves_of(first, count);
  if (lie_ == Lie::wrong_leaves) {
    for (std::size_t i = seed_ % 5; i < told.size(); i += 5) told[i][0] ^= std::byte{0x80};
    if (!told.empty()) told.back()[31] ^= std::byte{1};
  }
  if (lie_ == Lie::truncated_leaves) told.resize(told.size() / 2);
  return told;
}

Digest EvilContent::segment_root(std::uint64_t segment) const {
  const std::vector<Digest> own = leaves_of(segment, 1);
  return layout_->count() == 1 ? content_root(own) : merkle_root(own, layout_->segment_blocks());
}

std::vector<std::byte> EvilContent::told_bytes() const {
  std::vector<std::byte> bytes = read_all(served_);
  if (lie_ == Lie::truncated || lie_ == Lie::truncated_leaves) bytes.resize(bytes.size() / 2);
  if (lie_ == Lie::wrong_leaves && !bytes.empty()) bytes.back() ^= std::byte{1};
  return bytes;
}

std::shared_ptr<cache::ContentLease> EvilContent::lease() const {
  const int descriptor = ::open(served_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw std::runtime_error("cannot open " + served_);
  const std::uint64_t segment = layout_->segment_size();
  const std::uint64_t stall_from = lie_ == Lie::stall ? size() - size() / 100 : UINT64_MAX;
  const std::uint64_t end_each = lie_ == Lie::truncated ? std::min(segment, size()) * 3 / 4 : segment;
  return std::make_shared<EvilLease>(std::make_unique<EvilFile>(descriptor, stall_from, end_each, segment));
}

}  // namespace larder::test
