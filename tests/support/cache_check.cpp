#include "tests/support/cache_check.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/hash/merkle.h"
#include "base/io/file_system.h"

namespace larder::test {
namespace {

struct Record {
  std::string id;
  int state = 0;
  std::int64_t size = 0;
  std::optional<Digest> root;
  std::optional<Digest> sha256;
  std::int64_t holds = 0;
  std::int64_t bytes_held = 0;
  std::uint64_t inode = 0;
  std::uint64_t file_size = 0;
  std::optional<std::int64_t> modified_ns;
  bool bounded = false;
  bool pinned = false;
};

std::optional<Digest> digest_of(const SQLite::Column& column) {
  if (column.getBytes() != 32) return std::nullopt;
  Digest digest;
  std::memcpy(digest.data(), column.getBlob(), digest.size());
  return digest;
}

class Checker {
 public:
  explicit Checker(std::string state)
      : contents_(state + "/contents"),
        files_(make_posix_file_system()),
        db_(state + "/larder.db", SQLite::OPEN_READONLY, 5000) {}

  std::vector<std::string> run() {
    const SQLite::Transaction snapshot(db_);
    read_records();
    for (const auto& [id, record] : records_) check_record(record);
    check_strays();
    check_totals();
    check_orphans();
    return std::move(problems_);
  }

 private:
  template <class... Args>
  void problem(fmt::format_string<Args...> form, Args&&... args) {
    problems_.push_back(fmt::format(form, std::forward<Args>(args)...));
  }

  void read_records() {
    SQLite::Statement query(db_,
                            "SELECT id, state, size, root, sha256, holds, bytes_held, inode, file_size, modified_ns, "
                            "bounded, pinned FROM contents");
    while (query.executeStep()) {
      Record record;
      record.id = query.getColumn(0).getString();
      record.state = query.getColumn(1).getInt();
      record.size = query.getColumn(2).getInt64();
      record.root = digest_of(query.getColumn(3));
      record.sha256 = digest_of(query.getColumn(4));
      record.holds = query.getColumn(5).getInt64();
      record.bytes_held = query.getColumn(6).getInt64();
      record.inode = static_cast<std::uint64_t>(query.getColumn(7).getInt64());
      record.file_size = static_cast<std::uint64_t>(query.getColumn(8).getInt64());
      if (!query.getColumn(9).isNull()) record.modified_ns = query.getColumn(9).getInt64();
      record.bounded = query.getColumn(10).getInt() != 0;
      record.pinned = query.getColumn(11).getInt() != 0;
      records_.emplace(record.id, record);
    }
  }

  void check_record(const Record& record) {
    const std::string path = contents_ + "/" + record.id.substr(0, 2) + "/" + record.id;
    auto file = files_->open(path, OpenMode::read);
    if (!file) return problem("record {} without bytes: {}", record.id, file.error().text());
    const auto facts = (*file)->stat();
    if (!facts) return problem("record {}: {}", record.id, facts.error().text());
    if (facts->inode != record.inode)
      problem("record {}: inode {} instead of {}", record.id, facts->inode, record.inode);
    if (facts->size != record.file_size || facts->size != static_cast<std::uint64_t>(record.size)) {
      problem("record {}: file of {} bytes, index says {} and {}", record.id, facts->size, record.file_size,
              record.size);
    }
    if (record.state != 0 && record.modified_ns != facts->modified_ns) problem("record {}: modified since", record.id);
    check_segments(record, **file);
    if (record.state != 0) check_whole(record, **file);
  }

  void check_segments(const Record& record, File& file) {
    roots_.clear();
    const auto size = static_cast<std::uint64_t>(record.size);
    std::uint64_t segment_size = 2 << 20;
    while (segment_size * 64 < size && segment_size < 64 << 20) segment_size *= 2;
    segment_blocks_ = segment_size / kBlockSize;
    const std::uint64_t count = size == 0 ? 1 : (size + segment_size - 1) / segment_size;
    SQLite::Statement query(
        db_, "SELECT idx, root, leaves, source, peer_bytes FROM segments WHERE content_id = ? ORDER BY idx");
    query.bind(1, record.id);
    std::uint64_t held = 0;
    while (query.executeStep()) {
      const auto index = static_cast<std::uint64_t>(query.getColumn(0).getInt64());
      if (index >= count) {
        problem("record {}: segment {} of {}", record.id, index, count);
        continue;
      }
      const std::uint64_t offset = index * segment_size;
      const std::uint64_t length = std::min(segment_size, size - std::min(size, offset));
      held += length;
      check_source(record, query, length);
      check_segment(record, file, query, count, offset, length);
    }
    if (record.state != 0 && roots_.size() != count) {
      problem("record {}: complete with {} of {} segments", record.id, roots_.size(), count);
    }
    if (held != static_cast<std::uint64_t>(record.bytes_held)) {
      problem("record {}: holds {} bytes, segments {}", record.id, record.bytes_held, held);
    }
  }

  void check_source(const Record& record, SQLite::Statement& query, std::uint64_t length) {
    constexpr int kPeer = 1, kCache = 2;
    const auto index = query.getColumn(0).getInt64();
    const int source = query.getColumn(3).getInt();
    const auto peer_bytes = query.getColumn(4).getInt64();
    if (source < 0 || source > kCache) problem("record {}: segment {} is of source {}", record.id, index, source);
    if (peer_bytes < 0 || static_cast<std::uint64_t>(peer_bytes) > length) {
      problem("record {}: segment {} of {} bytes has {} of peers", record.id, index, length, peer_bytes);
    }
    if (source == kCache && peer_bytes != 0) {
      problem("record {}: segment {} is of the cache and has {} bytes of peers", record.id, index, peer_bytes);
    }
    if (source == kPeer && peer_bytes == 0) {
      problem("record {}: segment {} is of peers and has no byte of them", record.id, index);
    }
  }

  void check_segment(const Record& record, File& file, SQLite::Statement& query, std::uint64_t count,
                     std::uint64_t offset, std::uint64_t length) {
    const auto index = query.getColumn(0).getInt64();
    const auto root = digest_of(query.getColumn(1));
    const SQLite::Column blob = query.getColumn(2);
    std::vector<Digest> leaves(static_cast<std::size_t>(blob.getBytes()) / sizeof(Digest));
    if (!leaves.empty()) std::memcpy(leaves.data(), blob.getBlob(), leaves.size() * sizeof(Digest));
    std::vector<std::byte> bytes(length);
    const auto got = file.read_at(offset, bytes);
    if (!got || *got != length) return problem("record {}: segment {} cannot be read", record.id, index);
    std::vector<Digest> actual(block_count(length));
    hash_blocks(bytes, actual);
    if (actual != leaves) problem("record {}: segment {}: bytes do not match the leaves", record.id, index);
    const Digest folded = count == 1 ? content_root(leaves) : merkle_root(leaves, segment_blocks_);
    if (folded != root) problem("record {}: segment {}: leaves do not match the root", record.id, index);
    roots_.push_back(folded);
  }

  void check_whole(const Record& record, File& file) {
    if (!record.root || roots_.empty()) return problem("record {}: complete without a root", record.id);
    const Digest root = roots_.size() == 1 ? roots_[0] : fold_segment_roots(roots_, segment_blocks_);
    if (root != *record.root) problem("record {}: the root is not that of its segments", record.id);
    if (!record.sha256) return;
    Sha256 hash;
    std::vector<std::byte> buffer(1 << 20);
    for (std::uint64_t offset = 0; offset < record.file_size;) {
      const auto got = file.read_at(offset, buffer);
      if (!got || *got == 0) return problem("record {}: cannot be read at {}", record.id, offset);
      hash.update(std::span(buffer).first(*got));
      offset += *got;
    }
    if (hash.finish() != *record.sha256) problem("record {}: the SHA-256 is not that of its bytes", record.id);
  }

  void check_strays() {
    for (const char* table : {"versions", "segments", "holds", "content_users"}) {
      SQLite::Statement query(db_, fmt::format("SELECT DISTINCT content_id FROM {} WHERE content_id NOT IN "
                                               "(SELECT id FROM contents)",
                                               table));
      while (query.executeStep()) problem("{} of {}, which has no record", table, query.getColumn(0).getString());
    }
    SQLite::Statement begun(db_,
                            "SELECT content_id, count(*) FROM versions v JOIN contents c ON c.id = v.content_id "
                            "WHERE c.state = 0 AND c.shareable = 1 GROUP BY content_id HAVING count(*) > 1");
    while (begun.executeStep()) {
      problem("record {}: others may go on with it, and it was begun as {} versions", begun.getColumn(0).getString(),
              begun.getColumn(1).getInt64());
    }
    SQLite::Statement query(db_,
                            "SELECT c.id, c.holds, count(h.holder) FROM contents c LEFT JOIN holds h ON "
                            "h.content_id = c.id GROUP BY c.id HAVING c.holds <> count(h.holder)");
    while (query.executeStep()) {
      problem("record {}: {} holds counted, {} there", query.getColumn(0).getString(), query.getColumn(1).getInt64(),
              query.getColumn(2).getInt64());
    }
  }

  void check_totals() {
    std::int64_t bytes = 0, bounded = 0, evictable = 0;
    for (const auto& [id, record] : records_) {
      bytes += record.bytes_held;
      if (record.bounded) bounded += record.bytes_held;
      if (!record.pinned && record.holds == 0 && record.state != 2) evictable += record.bytes_held;
    }
    SQLite::Statement query(db_, "SELECT records, bytes, bounded_bytes, evictable_bytes FROM cache_totals");
    if (!query.executeStep()) return problem("no totals");
    const std::int64_t found[4] = {query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                                   query.getColumn(2).getInt64(), query.getColumn(3).getInt64()};
    const std::int64_t right[4] = {static_cast<std::int64_t>(records_.size()), bytes, bounded, evictable};
    if (!std::equal(found, found + 4, right)) {
      problem("totals {} {} {} {} instead of {} {} {} {}", found[0], found[1], found[2], found[3], right[0], right[1],
              right[2], right[3]);
    }
  }

  void check_orphans() {
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(contents_, none)) {
      if (entry.is_directory()) continue;
      const std::string name = entry.path().filename().string();
      if (records_.count(name) == 0) problem("file without a record: {}", entry.path().string());
    }
  }

  const std::string contents_;
  std::unique_ptr<FileSystem> files_;
  SQLite::Database db_;
  std::map<std::string, Record> records_;
  std::vector<Digest> roots_;  // of the record being checked
  std::uint64_t segment_blocks_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> check_consistency(const std::string& state_directory) {
  try {
    return Checker(state_directory).run();
  } catch (const std::exception& thrown) {
    return {std::string("cannot check: ") + thrown.what()};
  }
}

}  // namespace larder::test
