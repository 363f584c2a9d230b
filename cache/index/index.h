// The index: the records of contents in larder.db. Functions over an open database; they run on the database's thread,
// within a write or read of Database. Exceptions of SQLiteCpp pass through: Database turns them into errors.
//
// No function's cost grows with the number of records by more than an index look-up.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/index.h"
#include "base/result.h"
#include "cache/record/record.h"

namespace SQLite {
class Database;
}

namespace larder::cache::index {

// The state in which the file was left; find_version() and maintenance compare the file with it. Only a complete
// content has the modification time: a partial one's changes with every block.
struct FileMark {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::optional<std::int64_t> modified_ns;
};

struct Row {
  ContentInfo info;
  bool bounded = true;
  std::uint64_t holds = 0;
  FileMark mark;
};

struct Segment {
  std::uint64_t index = 0;
  Digest root{};
  std::shared_ptr<const std::vector<Digest>> leaves;
  Source source = Source::origin;
  std::string fetched_for;
  std::uint64_t peer_bytes = 0;
  std::vector<std::byte> attestation;
  Digest fetched_as{};
  Transport transport = Transport::unknown;
};

// The record of a new content, inserted with its first commit.
struct NewContent {
  Version version;
  bool shareable = true;
  bool bounded = true;
  WallTime created{};
  std::map<std::string, std::optional<Asker>> holders;
  bool offered = true;
  FirstAnswer first_answer = {};
};

struct Commit {
  ContentId id;
  std::optional<NewContent> first;  // set for the first commit of a content
  std::uint64_t content_size = 0;
  std::uint64_t added_bytes = 0;
  std::vector<Segment> segments;
  FileMark mark;
  WallTime now{};
};

struct Completion {
  Commit commit;  // the segments not committed yet; may have none
  Version version;
  Digest root{};
  std::optional<Digest> sha256;
  std::optional<ContentId> survivor;  // a content of equal root whose file was checked: merge into it
  bool apart = false;                 // do not merge: the content of equal root is damaged and could not be dropped
};

struct CompletionOutcome {
  // A content of equal root other than `survivor`. Nothing was written: check its file and complete again.
  std::optional<Row> check;
  bool merged = false;
  Row row;  // the survivor's when merged
};

struct Totals {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bounded_bytes = 0;
  std::uint64_t evictable_bytes = 0;
};

struct Removed {
  ContentId id;
  std::uint64_t bytes = 0;
  bool bounded = true;
  bool secret = false;  // private, and a URL of it has a query, which may be a credential
};

struct Candidate {
  ContentId id;
  std::uint64_t bytes = 0;
  std::int64_t last_used_ns = 0;
};

struct PrefixRow {
  ContentId id;
  ContentState state = ContentState::partial;
  FileMark mark;
  bool kept = false;  // held, may stay unheld, or set aside and pinned
  WallTime created{};
};

// -- index_read.cpp
Result<std::optional<Row>> load(SQLite::Database& db, const ContentId& id);
Result<std::optional<Row>> find_version(SQLite::Database& db, const Version& version);
Result<std::optional<Row>> find_sha256(SQLite::Database& db, const Digest& sha256);
Result<std::optional<Row>> find_newest(SQLite::Database& db, const std::string& url);
Result<bool> knows_url(SQLite::Database& db, const std::string& url);
// The newest first.
Result<std::vector<Row>> held_by(SQLite::Database& db, const std::string& holder);
Result<std::vector<SegmentInfo>> segment_infos(SQLite::Database& db, const ContentInfo& content);
// Returns the leaves of segments [first, first + count). Error: not_found if one of them is not committed.
Result<std::vector<Digest>> leaves(SQLite::Database& db, const ContentInfo& content, SegmentIndex first_segment,
                                   std::uint64_t count);
Result<std::vector<Offerable>> offerable(SQLite::Database& db, const ContentId& after, std::size_t limit);
Result<Totals> totals(SQLite::Database& db, const std::vector<ContentId>& not_evictable);
// The least recently used first, after (last_used, id).
Result<std::vector<Candidate>> candidates(SQLite::Database& db, const std::optional<Candidate>& after,
                                          std::size_t limit);
struct Page {
  std::vector<ContentInfo> infos;
  std::optional<ContentId> scanned;  // the next page begins after it; none at the end
};
Result<Page> page(SQLite::Database& db, const ListQuery& query, std::size_t limit);
// Returns the record as a user may see it; none if the user has not asked for the content.
Result<std::optional<Row>> load_for(SQLite::Database& db, const ContentId& id, std::uint32_t user);
// Returns records of one directory, by id, above `after`.
Result<std::vector<PrefixRow>> prefix_rows(SQLite::Database& db, const std::string& prefix, const ContentId& after,
                                           std::size_t limit);
Result<std::vector<ContentId>> contents_of_url(SQLite::Database& db, const std::string& url);
struct Hold {
  std::string holder;
  ContentId content;
};
// In order of (holder, content), above `after`.
Result<std::vector<Hold>> holds(SQLite::Database& db, const Hold& after, std::size_t limit);

// -- index_write.cpp
Status commit(SQLite::Database& db, const Commit& what);
Result<CompletionOutcome> complete(SQLite::Database& db, const Completion& what);
Status touch(SQLite::Database& db, const ContentId& id, WallTime now);
Status set_validated(SQLite::Database& db, const ContentId& id);
Status set_state(SQLite::Database& db, const ContentId& id, ContentState state);
Status set_pinned(SQLite::Database& db, const ContentId& id, bool pinned);
Status set_unbounded(SQLite::Database& db, const ContentId& id);
Status set_sha256(SQLite::Database& db, const ContentId& id, const Digest& sha256);
// As Cache::share_by_digest.
Status share_by_digest(SQLite::Database& db, const ContentId& id);
// As Cache::set_aside. Returns whether the record must be dropped, since it is neither held nor pinned.
Result<bool> set_aside(SQLite::Database& db, const ContentId& id, const Version& version);
// As Cache::set_aside_own.
Status set_aside_own(SQLite::Database& db, const ContentId& id, const std::string& holder);
// As Cache::go_on_privately.
Status go_on_privately(SQLite::Database& db, const ContentId& id, const std::string& holder, const Version& version,
                       WallTime now);
Status set_attestations(SQLite::Database& db, const ContentId& id,
                        const std::vector<std::pair<std::uint64_t, std::vector<std::byte>>>& attestations);
Status add_hold(SQLite::Database& db, const ContentId& id, const Holder& holder);
// Takes the reference away. Returns the record if that removed it: after the last reference it stays only by
// keeps_unheld(), or set aside while pinned. `room`: bytes that the cache may still take, for a content that was not
// bounded by it.
Result<std::optional<Removed>> release(SQLite::Database& db, const ContentId& id, const std::string& holder,
                                       std::uint64_t room);
// The same for many references, after marking their contents validated where they say so.
Result<std::vector<Removed>> let_go(SQLite::Database& db, const std::vector<Reference>& references, std::uint64_t room);
enum class RemoveOnly { any, unheld, evictable, set_aside };  // evictable, set_aside: neither held nor pinned
// Removes the records that fit `only` and returns them.
Result<std::vector<Removed>> remove(SQLite::Database& db, const std::vector<ContentId>& ids, RemoveOnly only);

}  // namespace larder::cache::index
