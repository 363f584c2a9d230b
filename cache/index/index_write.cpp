#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>

#include "base/text/units.h"
#include "cache/index/index.h"
#include "cache/index/index_rows.h"
#include "database/statement.h"

namespace larder::cache::index {
namespace {

tl::unexpected<Error> no_record(const ContentId& id, std::string doing) {
  return fail(ErrorCode::not_found, std::move(doing), "the cache has no record " + id);
}

void insert_version(SQLite::Database& db, const ContentId& id, const Version& version, WallTime now) {
  Statement insert(db,
                   "INSERT INTO versions (url, etag, last_modified, size, content_id, created) "
                   "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (url, etag, last_modified, size, content_id) "
                   "DO UPDATE SET created = max(created, excluded.created)");
  insert.bind(1, version.url);
  insert.bind(2, version.etag);
  insert.bind(3, version.last_modified);
  insert.bind(4, size_to(version.size));
  insert.bind(5, id);
  insert.bind(6, to_unix_ns(now));
  insert.exec();
}

// Most URLs remembered of one user and content, so that one user cannot fill the places of all users.
constexpr std::int64_t kMaxUrlsOfAsker = 10;

void insert_asker(SQLite::Database& db, const ContentId& id, const Asker& asker) {
  Statement insert(db,
                   "INSERT OR IGNORE INTO content_users (content_id, uid, url) SELECT ?1, ?2, ?3 "
                   "WHERE (SELECT count(*) FROM content_users WHERE content_id = ?1) < ?4 "
                   "AND (SELECT count(*) FROM content_users WHERE content_id = ?1 AND uid = ?2) < ?5");
  insert.bind(1, id);
  insert.bind(2, static_cast<std::int64_t>(asker.uid));
  insert.bind(3, asker.url);
  insert.bind(4, static_cast<std::int64_t>(kMaxAskers));
  insert.bind(5, kMaxUrlsOfAsker);
  insert.exec();
}

void insert_hold(SQLite::Database& db, const ContentId& id, const std::string& holder,
                 const std::optional<Asker>& asker) {
  Statement insert(db, "INSERT OR IGNORE INTO holds (content_id, holder) VALUES (?, ?)");
  insert.bind(1, id);
  insert.bind(2, holder);
  insert.exec();
  if (asker) insert_asker(db, id, *asker);
}

void insert_content(SQLite::Database& db, const Commit& what) {
  Statement insert(db,
                   "INSERT INTO contents (id, state, size, shareable, bounded, bytes_held, created, last_used, "
                   "inode, file_size, offered, holds, answer_host, media_type) "
                   "VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, what.id);
  insert.bind(2, static_cast<std::int64_t>(what.content_size));
  insert.bind(3, what.first->shareable ? 1 : 0);
  insert.bind(4, what.first->bounded ? 1 : 0);
  insert.bind(5, static_cast<std::int64_t>(what.added_bytes));
  insert.bind(6, to_unix_ns(what.first->created));
  insert.bind(7, to_unix_ns(what.now));
  insert.bind(8, static_cast<std::int64_t>(what.mark.inode));
  insert.bind(9, static_cast<std::int64_t>(what.mark.size));
  insert.bind(10, what.first->offered ? 1 : 0);
  insert.bind(11, static_cast<std::int64_t>(what.first->holders.size()));
  insert.bind(12, what.first->first_answer.host);
  insert.bind(13, what.first->first_answer.media_type);
  insert.exec();
  insert_version(db, what.id, what.first->version, what.first->created);
}

// Called before the record is inserted with its count of holds: the trigger that counts then finds no record to change.
void insert_first_holds(SQLite::Database& db, const Commit& what) {
  for (const auto& [holder, asker] : what.first->holders) insert_hold(db, what.id, holder, asker);
}

// Inserts the record of a content that is complete with its first transaction, without a second update of the row.
void insert_complete(SQLite::Database& db, const Completion& what) {
  const Commit& commit = what.commit;
  Statement insert(
      db,
      "INSERT INTO contents (id, state, size, root, sha256, shareable, bounded, holds, bytes_held, created, "
      "last_used, inode, file_size, modified_ns, offered, answer_host, media_type) "
      "VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const auto size = static_cast<std::int64_t>(commit.content_size);
  insert.bind(1, commit.id);
  insert.bind(2, size);
  bind_digest(insert, 3, what.root);
  if (what.sha256) bind_digest(insert, 4, *what.sha256);
  insert.bind(5, commit.first->shareable ? 1 : 0);
  insert.bind(6, commit.first->bounded ? 1 : 0);
  insert.bind(7, static_cast<std::int64_t>(commit.first->holders.size()));
  insert.bind(8, size);
  insert.bind(9, to_unix_ns(commit.first->created));
  insert.bind(10, to_unix_ns(commit.now));
  insert.bind(11, static_cast<std::int64_t>(commit.mark.inode));
  insert.bind(12, static_cast<std::int64_t>(commit.mark.size));
  insert.bind(13, commit.mark.modified_ns.value_or(0));
  insert.bind(14, commit.first->offered ? 1 : 0);
  insert.bind(15, commit.first->first_answer.host);
  insert.bind(16, commit.first->first_answer.media_type);
  insert.exec();
}

void insert_segments(SQLite::Database& db, const Commit& what) {
  if (what.segments.empty()) return;
  Statement insert(db,
                   "INSERT INTO segments (content_id, idx, root, leaves, source, fetched_for, peer_bytes, attestation, "
                   "fetched_as, transport) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Segment& segment : what.segments) {
    insert.bind(1, what.id);
    insert.bind(2, static_cast<std::int64_t>(segment.index));
    bind_digest(insert, 3, segment.root);
    // An empty content has no leaves; a null pointer would bind NULL.
    const void* leaves = segment.leaves->empty() ? "" : static_cast<const void*>(segment.leaves->data());
    insert.bind(4, leaves, static_cast<int>(segment.leaves->size() * sizeof(Digest)));
    insert.bind(5, static_cast<int>(segment.source));
    insert.bind(6, segment.fetched_for);
    insert.bind(7, static_cast<std::int64_t>(segment.peer_bytes));
    if (segment.attestation.empty()) {
      insert.bind(8);  // NULL
    } else {
      insert.bind(8, segment.attestation.data(), static_cast<int>(segment.attestation.size()));
    }
    if (segment.fetched_as == Digest{}) {
      insert.bind(9);  // NULL
    } else {
      bind_digest(insert, 9, segment.fetched_as);
    }
    insert.bind(10, static_cast<int>(segment.transport));
    insert.exec();
    insert.reset();
  }
}

Status changed_one(SQLite::Statement& statement, const ContentId& id, std::string doing) {
  if (statement.exec() == 0) return no_record(id, std::move(doing));
  return {};
}

// Returns a shareable content with the bytes of `what` into which it may be merged. Both must be offered, or neither: a
// version that is not offered must not become a version of a content that is. The content must have fewer than
// kMaxVersions versions (or this one already), so that no user can displace versions of others by new URLs for the same
// bytes. A validated content must have a version of this URL: verdicts for other URLs say nothing about it.
std::optional<ContentId> equal_content(SQLite::Database& db, const Completion& what, bool offered) {
  Statement query(db,
                  "SELECT c.id FROM contents c WHERE c.root = ?1 AND c.size = ?2 AND c.state = 1 AND c.shareable = 1 "
                  "AND c.id <> ?3 AND c.offered = ?4 "
                  "AND (c.validated = 0 OR EXISTS (SELECT 1 FROM versions v WHERE v.content_id = c.id AND v.url = ?6)) "
                  "AND ((SELECT count(*) FROM versions v WHERE v.content_id = c.id) < ?5 "
                  "OR EXISTS (SELECT 1 FROM versions v WHERE v.content_id = c.id AND v.url = ?6 AND v.etag = ?7 "
                  "AND v.last_modified = ?8 AND v.size = ?9)) LIMIT 1");
  bind_digest(query, 1, what.root);
  query.bind(2, static_cast<std::int64_t>(what.commit.content_size));
  query.bind(3, what.commit.id);
  query.bind(4, offered ? 1 : 0);
  query.bind(5, static_cast<std::int64_t>(kMaxVersions));
  query.bind(6, what.version.url);
  query.bind(7, what.version.etag);
  query.bind(8, what.version.last_modified);
  query.bind(9, size_to(what.version.size));
  if (!query.executeStep()) return std::nullopt;
  return query.getColumn(0).getString();
}

struct Flags {
  bool shareable = false;
  bool bounded = false;
  bool offered = true;
};

Flags flags_of(SQLite::Database& db, const Commit& what) {
  if (what.first) return {what.first->shareable, what.first->bounded, what.first->offered};
  Statement query(db, "SELECT shareable, bounded, offered FROM contents WHERE id = ?");
  query.bind(1, what.id);
  if (!query.executeStep()) return {};
  return {query.getColumn(0).getInt() != 0, query.getColumn(1).getInt() != 0, query.getColumn(2).getInt() != 0};
}

Status mark_complete(SQLite::Database& db, const Completion& what) {
  Statement update(db,
                   "UPDATE contents SET state = 1, size = ?, root = ?, sha256 = ?, bytes_held = ?, "
                   "last_used = ?, inode = ?, file_size = ?, modified_ns = ? WHERE id = ?");
  update.bind(1, static_cast<std::int64_t>(what.commit.content_size));
  bind_digest(update, 2, what.root);
  if (what.sha256) bind_digest(update, 3, *what.sha256);
  update.bind(4, static_cast<std::int64_t>(what.commit.content_size));
  update.bind(5, to_unix_ns(what.commit.now));
  update.bind(6, static_cast<std::int64_t>(what.commit.mark.inode));
  update.bind(7, static_cast<std::int64_t>(what.commit.mark.size));
  update.bind(8, what.commit.mark.modified_ns.value_or(0));
  update.bind(9, what.commit.id);
  return changed_one(update, what.commit.id, "mark content " + what.commit.id + " complete");
}

// Moves versions, holds and askers to the survivor, and deletes the record of the new content.
void move_to_survivor(SQLite::Database& db, const Completion& what, bool bounded) {
  const ContentId& from = what.commit.id;
  const ContentId& to = *what.survivor;
  if (what.commit.first) {
    for (const auto& [holder, asker] : what.commit.first->holders) insert_hold(db, to, holder, asker);
  }
  for (const char* sql : {"INSERT OR IGNORE INTO versions (url, etag, last_modified, size, content_id, created) "
                          "SELECT url, etag, last_modified, size, ?1, created FROM versions WHERE content_id = ?2",
                          "INSERT OR IGNORE INTO holds (content_id, holder) "
                          "SELECT ?1, holder FROM holds WHERE content_id = ?2",
                          "INSERT OR IGNORE INTO content_users (content_id, uid, url) "
                          "SELECT ?1, uid, url FROM content_users WHERE content_id = ?2"}) {
    Statement move(db, sql);
    move.bind(1, to);
    move.bind(2, from);
    move.exec();
  }
  insert_version(db, to, what.version, what.commit.now);
  Statement gone(db, "DELETE FROM contents WHERE id = ?");
  gone.bind(1, from);
  gone.exec();
  Statement update(db,
                   "UPDATE contents SET last_used = ?, sha256 = coalesce(sha256, ?), "
                   "bounded = max(bounded, ?) WHERE id = ?");
  update.bind(1, to_unix_ns(what.commit.now));
  if (what.sha256) bind_digest(update, 2, *what.sha256);
  update.bind(3, bounded ? 1 : 0);
  update.bind(4, to);
  update.exec();
}

Result<CompletionOutcome> outcome_of(SQLite::Database& db, const ContentId& id, bool merged) {
  auto row = load(db, id);
  if (!row) return tl::unexpected(row.error());
  if (!*row) return no_record(id, "complete a content");
  CompletionOutcome outcome;
  outcome.merged = merged;
  outcome.row = std::move(**row);
  return outcome;
}

// Returns what outcome_of() would read of the record that insert_complete() has just written.
CompletionOutcome fresh_outcome(const Completion& what) {
  const Commit& commit = what.commit;
  CompletionOutcome outcome;
  Row& row = outcome.row;
  row.info.id = commit.id;
  row.info.state = ContentState::complete;
  row.info.size = row.info.bytes_held = commit.content_size;
  row.info.root = what.root;
  row.info.sha256 = what.sha256;
  row.info.shareable = commit.first->shareable;
  row.info.offered = commit.first->offered;
  row.info.first_answer = commit.first->first_answer;
  row.info.created = commit.first->created;
  row.info.last_used = commit.now;
  row.info.versions = {what.version};
  if (commit.first->version != what.version) row.info.versions.push_back(commit.first->version);
  row.bounded = commit.first->bounded;
  row.holds = commit.first->holders.size();
  row.mark = commit.mark;
  row.mark.modified_ns = commit.mark.modified_ns.value_or(0);
  return outcome;
}

Status set_flag(SQLite::Database& db, const char* sql, const ContentId& id, int value, std::string doing) {
  Statement update(db, sql);
  update.bind(1, value);
  update.bind(2, id);
  return changed_one(update, id, std::move(doing));
}

}  // namespace

Status commit(SQLite::Database& db, const Commit& what) {
  if (what.first) {
    insert_first_holds(db, what);
    insert_content(db, what);
  } else {
    Statement update(db, "UPDATE contents SET bytes_held = bytes_held + ?, last_used = ? WHERE id = ?");
    update.bind(1, static_cast<std::int64_t>(what.added_bytes));
    update.bind(2, to_unix_ns(what.now));
    update.bind(3, what.id);
    if (Status updated = changed_one(update, what.id, "commit a segment of content " + what.id); !updated)
      return updated;
  }
  insert_segments(db, what);
  return {};
}

Result<CompletionOutcome> complete(SQLite::Database& db, const Completion& what) {
  const Flags flags = flags_of(db, what.commit);
  if (flags.shareable && !what.apart) {
    if (const auto equal = equal_content(db, what, flags.offered)) {
      if (what.survivor == equal) {
        move_to_survivor(db, what, flags.bounded);
        return outcome_of(db, *equal, true);
      }
      auto row = load(db, *equal);
      if (!row) return tl::unexpected(row.error());
      CompletionOutcome check;
      check.check = std::move(*row);
      return check;
    }
  }
  if (what.commit.first) {
    insert_first_holds(db, what.commit);
    insert_complete(db, what);
    const NewContent& first = *what.commit.first;
    if (first.version != what.version) insert_version(db, what.commit.id, first.version, first.created);
    insert_version(db, what.commit.id, what.version, std::max(first.created, what.commit.now));
    insert_segments(db, what.commit);
    return fresh_outcome(what);
  }
  if (!what.commit.segments.empty()) {
    if (Status done = commit(db, what.commit); !done) return tl::unexpected(done.error());
  }
  if (Status done = mark_complete(db, what); !done) return tl::unexpected(done.error());
  insert_version(db, what.commit.id, what.version, what.commit.now);
  return outcome_of(db, what.commit.id, false);
}

Status touch(SQLite::Database& db, const ContentId& id, WallTime now) {
  Statement update(db, "UPDATE contents SET last_used = max(last_used, ?), uses = uses + 1 WHERE id = ?");
  update.bind(1, to_unix_ns(now));
  update.bind(2, id);
  update.exec();  // no error if the record is gone
  return {};
}

Status set_state(SQLite::Database& db, const ContentId& id, ContentState state) {
  return set_flag(db, "UPDATE contents SET state = ? WHERE id = ?", id, static_cast<int>(state),
                  "change the state of content " + id);
}

Status set_pinned(SQLite::Database& db, const ContentId& id, bool pinned) {
  return set_flag(db, "UPDATE contents SET pinned = ? WHERE id = ?", id, pinned ? 1 : 0, "pin content " + id);
}

Status set_unbounded(SQLite::Database& db, const ContentId& id) {
  return set_flag(db, "UPDATE contents SET bounded = ? WHERE id = ?", id, 0,
                  "take content " + id + " out of the limits");
}

Status set_sha256(SQLite::Database& db, const ContentId& id, const Digest& sha256) {
  Statement update(db, "UPDATE contents SET sha256 = ? WHERE id = ?");
  bind_digest(update, 1, sha256);
  update.bind(2, id);
  return changed_one(update, id, "store the SHA-256 of content " + id);
}

Status set_attestations(SQLite::Database& db, const ContentId& id,
                        const std::vector<std::pair<std::uint64_t, std::vector<std::byte>>>& attestations) {
  Statement update(db, "UPDATE segments SET attestation = ? WHERE content_id = ? AND idx = ?");
  for (const auto& [segment, bytes] : attestations) {
    if (bytes.empty()) {
      update.bind(1);
    } else {
      update.bind(1, bytes.data(), static_cast<int>(bytes.size()));
    }
    update.bind(2, id);
    update.bind(3, static_cast<std::int64_t>(segment));
    update.exec();
    update.reset();
  }
  return {};
}

Status go_on_privately(SQLite::Database& db, const ContentId& id, const std::string& holder, const Version& version,
                       WallTime now) {
  const std::string doing = "go on with content " + id + " as another version";
  Statement there(db,
                  "SELECT state, (SELECT count(*) FROM holds h WHERE h.content_id = c.id AND h.holder <> ?) "
                  "FROM contents c WHERE c.id = ?");
  there.bind(1, holder);
  there.bind(2, id);
  if (!there.executeStep()) return no_record(id, doing);
  if (static_cast<ContentState>(there.getColumn(0).getInt()) != ContentState::partial) {
    return fail(ErrorCode::invalid_state, doing, "it is not partial");
  }
  if (there.getColumn(1).getInt64() > 0) return fail(ErrorCode::busy, doing, "others need it as it is");
  there.reset();
  if (Status set = set_flag(db, "UPDATE contents SET shareable = ? WHERE id = ?", id, 0, doing); !set) return set;
  // Deleted and inserted anew, so that it becomes the newest version even if the record has it already.
  Statement again(
      db, "DELETE FROM versions WHERE content_id = ? AND url = ? AND etag = ? AND last_modified = ? AND size = ?");
  again.bind(1, id);
  again.bind(2, version.url);
  again.bind(3, version.etag);
  again.bind(4, version.last_modified);
  again.bind(5, size_to(version.size));
  again.exec();
  insert_version(db, id, version, now);
  return {};
}

Status add_hold(SQLite::Database& db, const ContentId& id, const Holder& holder) {
  Statement there(db, "SELECT 1 FROM contents WHERE id = ?");
  there.bind(1, id);
  if (!there.executeStep()) return no_record(id, "hold content " + id);
  insert_hold(db, id, holder.id, holder.asker);
  return {};
}

namespace {

// A macro, since statements must be literals (statement.h).
#define LARDER_SECRET_URL \
  "(shareable = 0 AND EXISTS (SELECT 1 FROM versions WHERE content_id = contents.id AND instr(url, '?') > 0))"

// A content that stays although it was not bounded by the cache uses up `room`.
Result<std::optional<Removed>> release_one(SQLite::Database& db, const ContentId& id, const std::string& holder,
                                           std::uint64_t& room) {
  Statement gone(db, "DELETE FROM holds WHERE content_id = ? AND holder = ?");
  gone.bind(1, id);
  gone.bind(2, holder);
  if (gone.exec() == 0) return std::optional<Removed>();  // released before
  Statement query(db, "SELECT holds, bounded, bytes_held, state, shareable, pinned, " LARDER_SECRET_URL
                      " FROM contents WHERE id = ?");
  query.bind(1, id);
  if (!query.executeStep() || query.getColumn(0).getInt64() > 0) return std::optional<Removed>();
  const bool bounded = query.getColumn(1).getInt() != 0;
  const auto bytes_held = static_cast<std::uint64_t>(query.getColumn(2).getInt64());
  const auto state = static_cast<ContentState>(query.getColumn(3).getInt());
  const bool shareable = query.getColumn(4).getInt() != 0;
  const bool pinned = query.getColumn(5).getInt() != 0;
  const bool secret = query.getColumn(6).getInt() != 0;
  query.reset();
  if (state == ContentState::set_aside && pinned) return std::optional<Removed>();
  if (keeps_unheld(state, shareable, bounded || bytes_held <= room)) {
    if (!bounded) {
      room -= bytes_held;
      auto set = set_flag(db, "UPDATE contents SET bounded = ? WHERE id = ?", id, 1, "keep content " + id);
      if (!set) return tl::unexpected(set.error());
    }
    return std::optional<Removed>();
  }
  Statement remove_record(db, "DELETE FROM contents WHERE id = ?");
  remove_record.bind(1, id);
  remove_record.exec();
  return std::optional<Removed>(Removed{id, bytes_held, bounded, secret});
}

}  // namespace

Result<std::optional<Removed>> release(SQLite::Database& db, const ContentId& id, const std::string& holder,
                                       std::uint64_t room) {
  return release_one(db, id, holder, room);
}

Result<std::vector<Removed>> let_go(SQLite::Database& db, const std::vector<Reference>& references,
                                    std::uint64_t room) {
  std::vector<Removed> removed;
  for (const Reference& reference : references) {
    if (reference.validated)
      static_cast<void>(set_validated(db, reference.content));  // a record that is gone is passed over
    auto gone = release_one(db, reference.content, reference.holder, room);
    if (!gone) return tl::unexpected(gone.error());
    if (*gone) removed.push_back(std::move(**gone));
  }
  return removed;
}

Result<std::vector<Removed>> remove(SQLite::Database& db, const std::vector<ContentId>& ids, RemoveOnly only) {
  Statement query(db,
                  "SELECT bytes_held, bounded, holds, pinned, state, " LARDER_SECRET_URL " FROM contents WHERE id = ?");
  Statement gone(db, "DELETE FROM contents WHERE id = ?");
  std::vector<Removed> removed;
  for (const ContentId& id : ids) {
    query.bind(1, id);
    if (query.executeStep()) {
      const bool held = query.getColumn(2).getInt64() > 0;
      const bool free = !held && query.getColumn(3).getInt() == 0;
      const bool aside = static_cast<ContentState>(query.getColumn(4).getInt()) == ContentState::set_aside;
      if (only == RemoveOnly::any || (only == RemoveOnly::unheld && !held) ||
          (free && aside == (only == RemoveOnly::set_aside))) {
        removed.push_back({id, static_cast<std::uint64_t>(query.getColumn(0).getInt64()),
                           query.getColumn(1).getInt() != 0, query.getColumn(5).getInt() != 0});
      }
    }
    query.reset();
    if (removed.empty() || removed.back().id != id) continue;
    gone.bind(1, id);
    gone.exec();
    gone.reset();
  }
  return removed;
}

}  // namespace larder::cache::index
