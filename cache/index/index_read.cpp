#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text/units.h"
#include "cache/index/index.h"
#include "cache/index/index_rows.h"
#include "cache/record/segments.h"
#include "database/statement.h"

namespace larder::cache::index {
namespace {

// Reads the versions of records, with one prepared statement for all rows of an answer.
class VersionReader {
 public:
  explicit VersionReader(SQLite::Database& db)
      : query_(db,
               "SELECT url, etag, last_modified, size FROM versions WHERE content_id = ? "
               "ORDER BY created DESC, rowid DESC LIMIT ?") {}

  std::vector<Version> of(const ContentId& id) {
    query_.bind(1, id);
    query_.bind(2, static_cast<std::int64_t>(kMaxVersions));
    std::vector<Version> versions;
    while (query_.executeStep()) {
      Version version;
      version.url = query_.getColumn(0).getString();
      version.etag = query_.getColumn(1).getString();
      version.last_modified = query_.getColumn(2).getString();
      version.size = size_from(query_.getColumn(3).getInt64());
      versions.push_back(std::move(version));
    }
    query_.reset();
    return versions;
  }

 private:
  Statement query_;
};

std::optional<Row> one_row(SQLite::Database& db, SQLite::Statement& query) {
  if (!query.executeStep()) return std::nullopt;
  Row row = row_from(query);
  query.reset();
  row.info.versions = VersionReader(db).of(row.info.id);
  return row;
}

std::vector<ContentId> ids_of(SQLite::Statement& query) {
  std::vector<ContentId> ids;
  while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
  return ids;
}

}  // namespace

Row row_from(SQLite::Statement& query) {
  Row row;
  int column = 0;
  const auto integer = [&] { return query.getColumn(column++).getInt64(); };
  row.info.id = query.getColumn(column++).getString();
  row.info.state = static_cast<ContentState>(integer());
  row.info.size = size_from(integer());
  row.info.root = digest_from(query.getColumn(column++));
  row.info.sha256 = digest_from(query.getColumn(column++));
  row.info.validated = integer() != 0;
  row.info.pinned = integer() != 0;
  row.info.shareable = integer() != 0;
  row.bounded = integer() != 0;
  row.holds = static_cast<std::uint64_t>(integer());
  row.info.bytes_held = static_cast<std::uint64_t>(integer());
  row.info.created = from_unix_ns(integer());
  row.info.last_used = from_unix_ns(integer());
  row.info.uses = static_cast<std::uint64_t>(integer());
  row.mark.inode = static_cast<std::uint64_t>(integer());
  row.mark.size = static_cast<std::uint64_t>(integer());
  const SQLite::Column modified = query.getColumn(column++);
  if (!modified.isNull()) row.mark.modified_ns = modified.getInt64();
  row.info.offered = integer() != 0;
  row.info.first_answer.host = query.getColumn(column++).getString();
  row.info.first_answer.media_type = query.getColumn(column++).getString();
  return row;
}

std::optional<Digest> digest_from(const SQLite::Column& column) {
  if (column.getBytes() != static_cast<int>(sizeof(Digest))) return std::nullopt;
  Digest digest;
  std::memcpy(digest.data(), column.getBlob(), digest.size());
  return digest;
}

Result<std::optional<Row>> load(SQLite::Database& db, const ContentId& id) {
  Statement query(db, "SELECT " LARDER_CONTENT_COLUMNS " FROM contents c WHERE c.id = ?");
  query.bind(1, id);
  return one_row(db, query);
}

Result<std::optional<Row>> find_version(SQLite::Database& db, const Version& version) {
  Statement query(db, "SELECT " LARDER_CONTENT_COLUMNS
                      " FROM versions v JOIN contents c ON c.id = v.content_id "
                      "WHERE v.url = ? AND v.etag = ? AND v.last_modified = ? AND v.size = ? "
                      "AND c.shareable = 1 AND c.state <> 2 ORDER BY v.created DESC, v.rowid DESC LIMIT 1");
  query.bind(1, version.url);
  query.bind(2, version.etag);
  query.bind(3, version.last_modified);
  query.bind(4, size_to(version.size));
  return one_row(db, query);
}

Result<std::optional<Row>> find_sha256(SQLite::Database& db, const Digest& sha256) {
  Statement query(db, "SELECT " LARDER_CONTENT_COLUMNS
                      " FROM contents c WHERE c.sha256 = ? AND c.state = 1 AND c.shareable = 1 LIMIT 1");
  bind_digest(query, 1, sha256);
  return one_row(db, query);
}

Result<std::optional<Row>> find_newest(SQLite::Database& db, const std::string& url) {
  Statement query(db, "SELECT " LARDER_CONTENT_COLUMNS
                      " FROM versions v JOIN contents c ON c.id = v.content_id WHERE v.url = ? "
                      "AND c.state = 1 AND c.validated = 1 AND c.shareable = 1 "
                      "ORDER BY v.created DESC, v.rowid DESC LIMIT 1");
  query.bind(1, url);
  return one_row(db, query);
}

Result<bool> knows_url(SQLite::Database& db, const std::string& url) {
  Statement query(db, "SELECT 1 FROM versions WHERE url = ? LIMIT 1");
  query.bind(1, url);
  return query.executeStep();
}

Result<std::vector<Row>> held_by(SQLite::Database& db, const std::string& holder) {
  Statement query(db, "SELECT " LARDER_CONTENT_COLUMNS
                      " FROM holds h JOIN contents c ON c.id = h.content_id "
                      "WHERE h.holder = ? ORDER BY c.created DESC, c.id LIMIT 100");
  query.bind(1, holder);
  std::vector<Row> rows;
  while (query.executeStep()) rows.push_back(row_from(query));
  if (rows.empty()) return rows;
  VersionReader versions(db);
  for (Row& row : rows) row.info.versions = versions.of(row.info.id);
  return rows;
}

Result<std::vector<SegmentInfo>> segment_infos(SQLite::Database& db, const ContentInfo& content) {
  const SegmentLayout layout(content.size.value_or(0));
  Statement query(db,
                  "SELECT idx, root, source, fetched_for, peer_bytes, attestation, fetched_as, transport FROM segments "
                  "WHERE content_id = ? ORDER BY idx");
  query.bind(1, content.id);
  std::vector<SegmentInfo> result;
  while (query.executeStep()) {
    SegmentInfo segment;
    segment.index = static_cast<std::uint64_t>(query.getColumn(0).getInt64());
    const auto root = digest_from(query.getColumn(1));
    if (!root || segment.index >= layout.count()) {
      return fail(ErrorCode::database_error, "read the segments of record " + content.id,
                  "the index (larder.db) is damaged: a segment does not fit");
    }
    segment.range = layout.range(segment.index);
    segment.root = *root;
    segment.source = static_cast<Source>(query.getColumn(2).getInt());
    segment.fetched_for = query.getColumn(3).getString();
    segment.peer_bytes = static_cast<std::uint64_t>(query.getColumn(4).getInt64());
    const SQLite::Column attestation = query.getColumn(5);
    if (attestation.getBytes() > 0) {
      const auto* bytes = static_cast<const std::byte*>(attestation.getBlob());
      segment.attestation.assign(bytes, bytes + attestation.getBytes());
    }
    segment.fetched_as = digest_from(query.getColumn(6)).value_or(Digest{});
    segment.transport = static_cast<Transport>(query.getColumn(7).getInt());
    result.push_back(std::move(segment));
  }
  return result;
}

Result<std::vector<Digest>> leaves(SQLite::Database& db, const ContentInfo& content, SegmentIndex first_segment,
                                   std::uint64_t count) {
  const std::string doing = "read the leaves of record " + content.id;
  const std::uint64_t first = first_segment.value();
  const SegmentLayout layout(content.size.value_or(0));
  Statement query(db, "SELECT idx, leaves FROM segments WHERE content_id = ? AND idx >= ? AND idx < ? ORDER BY idx");
  query.bind(1, content.id);
  query.bind(2, static_cast<std::int64_t>(first));
  query.bind(3, static_cast<std::int64_t>(first + count));
  std::vector<Digest> result;
  std::uint64_t next = first;
  while (query.executeStep()) {
    if (static_cast<std::uint64_t>(query.getColumn(0).getInt64()) != next) break;
    const SQLite::Column blob = query.getColumn(1);
    const std::size_t blocks = block_count(layout.range(next).length);
    if (static_cast<std::size_t>(blob.getBytes()) != blocks * sizeof(Digest)) {
      return fail(ErrorCode::database_error, doing, "the index (larder.db) is damaged: a segment's leaves do not fit");
    }
    const std::size_t before = result.size();
    result.resize(before + blocks);
    if (blocks > 0) std::memcpy(result.data() + before, blob.getBlob(), blocks * sizeof(Digest));
    ++next;
  }
  if (next != first + count) {
    return fail(ErrorCode::not_found, doing, "segment " + std::to_string(next) + " is not there");
  }
  return result;
}

Result<std::vector<Offerable>> offerable(SQLite::Database& db, const ContentId& after, std::size_t limit) {
  // Private contents exist only while a job holds them, so the scan passes over few rows.
  Statement query(
      db,
      "SELECT " LARDER_CONTENT_COLUMNS
      " FROM contents c WHERE c.id > ? AND c.shareable = 1 AND c.offered = 1 AND c.state <> 2 ORDER BY c.id LIMIT ?");
  query.bind(1, after);
  query.bind(2, static_cast<std::int64_t>(limit));
  Statement committed(db, "SELECT idx FROM segments WHERE content_id = ? ORDER BY idx");
  VersionReader versions(db);
  std::vector<Offerable> result;
  while (query.executeStep()) {
    Offerable one{row_from(query).info, {}};
    one.info.versions = versions.of(one.info.id);
    if (one.info.state == ContentState::partial || !one.info.validated) {
      committed.bind(1, one.info.id);
      while (committed.executeStep())
        one.segments.push_back(static_cast<std::uint64_t>(committed.getColumn(0).getInt64()));
      committed.reset();
    }
    result.push_back(std::move(one));
  }
  return result;
}

Result<Totals> totals(SQLite::Database& db, const std::vector<ContentId>& not_evictable) {
  Statement query(db, "SELECT records, bytes, bounded_bytes, evictable_bytes FROM cache_totals WHERE id = 1");
  if (!query.executeStep()) return fail(ErrorCode::database_error, "read the cache's totals", "the row is missing");
  const auto column = [&](int at) { return static_cast<std::uint64_t>(query.getColumn(at).getInt64()); };
  Totals result{column(0), column(1), column(2), column(3)};
  Statement one(db, "SELECT bytes_held FROM contents WHERE id = ? AND pinned = 0 AND holds = 0 AND state <> 2");
  for (const ContentId& id : not_evictable) {
    one.bind(1, id);
    if (one.executeStep()) {
      const auto bytes = static_cast<std::uint64_t>(one.getColumn(0).getInt64());
      result.evictable_bytes -= std::min(result.evictable_bytes, bytes);
    }
    one.reset();
  }
  return result;
}

Result<std::vector<Candidate>> candidates(SQLite::Database& db, const std::optional<Candidate>& after,
                                          std::size_t limit) {
  Statement query(db,
                  "SELECT id, bytes_held, last_used FROM contents "
                  "WHERE pinned = 0 AND holds = 0 AND state <> 2 AND (last_used, id) > (?, ?) "
                  "ORDER BY last_used, id LIMIT ?");
  query.bind(1, after ? after->last_used_ns : INT64_MIN);
  query.bind(2, after ? after->id : std::string());
  query.bind(3, static_cast<std::int64_t>(limit));
  std::vector<Candidate> result;
  while (query.executeStep()) {
    result.push_back({query.getColumn(0).getString(), static_cast<std::uint64_t>(query.getColumn(1).getInt64()),
                      query.getColumn(2).getInt64()});
  }
  return result;
}

namespace {

// Removes from a record the versions of URLs that a user has not asked for.
class UserView {
 public:
  UserView(SQLite::Database& db, std::uint32_t user)
      : query_(db, "SELECT url FROM content_users WHERE content_id = ? AND uid = ?"), user_(user) {}

  void cut(ContentInfo& info) {
    query_.bind(1, info.id);
    query_.bind(2, static_cast<std::int64_t>(user_));
    std::set<std::string> own;
    while (query_.executeStep()) own.insert(query_.getColumn(0).getString());
    query_.reset();
    std::erase_if(info.versions, [&own](const Version& version) { return !own.contains(version.url); });
  }

 private:
  Statement query_;
  std::uint32_t user_;
};

}  // namespace

Result<std::optional<Row>> load_for(SQLite::Database& db, const ContentId& id, std::uint32_t user) {
  Statement asked(db, "SELECT 1 FROM content_users WHERE content_id = ? AND uid = ? LIMIT 1");
  asked.bind(1, id);
  asked.bind(2, static_cast<std::int64_t>(user));
  if (!asked.executeStep()) return std::optional<Row>();
  asked.reset();
  auto row = load(db, id);
  if (row && *row) UserView(db, user).cut((*row)->info);
  return row;
}

Result<Page> page(SQLite::Database& db, const ListQuery& what, std::size_t limit) {
  // A text search reads every record, in bounded steps, so that other reads and writes do not wait for all of it.
  constexpr std::size_t kScan = 2048;
  const std::size_t scan = what.url_contains.empty() ? limit : kScan;
  Statement query(db, what.user
                          ? "SELECT " LARDER_CONTENT_COLUMNS
                            " FROM (SELECT DISTINCT content_id FROM content_users WHERE uid = ?3 AND content_id > ?1 "
                            "ORDER BY content_id LIMIT ?2) u JOIN contents c ON c.id = u.content_id ORDER BY c.id"
                          : "SELECT " LARDER_CONTENT_COLUMNS " FROM contents c WHERE c.id > ?1 ORDER BY c.id LIMIT ?2");
  query.bind(1, what.after_id);
  query.bind(2, static_cast<std::int64_t>(scan));
  if (what.user) query.bind(3, static_cast<std::int64_t>(*what.user));
  std::optional<UserView> own;
  if (what.user) own.emplace(db, *what.user);
  VersionReader versions(db);
  Page result;
  std::size_t scanned = 0;
  while (result.infos.size() < limit && query.executeStep()) {
    ++scanned;
    Row row = row_from(query);
    result.scanned = row.info.id;
    row.info.versions = versions.of(row.info.id);
    if (own) own->cut(row.info);
    const bool wanted = what.url_contains.empty() ||
                        std::any_of(row.info.versions.begin(), row.info.versions.end(), [&](const Version& version) {
                          return version.url.find(what.url_contains) != std::string::npos;
                        });
    if (wanted) result.infos.push_back(std::move(row.info));
  }
  if (scanned < scan && result.infos.size() < limit) result.scanned.reset();
  return result;
}

Result<std::vector<PrefixRow>> prefix_rows(SQLite::Database& db, const std::string& prefix, const ContentId& after,
                                           std::size_t limit) {
  Statement query(
      db, "SELECT " LARDER_CONTENT_COLUMNS " FROM contents c WHERE c.id > ? AND c.id < ? ORDER BY c.id LIMIT ?");
  query.bind(1, std::max(prefix, after));
  query.bind(2, prefix + "g");  // above every hex digit
  query.bind(3, static_cast<std::int64_t>(limit));
  std::vector<PrefixRow> result;
  while (query.executeStep()) {
    const Row row = row_from(query);
    const bool kept = row.holds > 0 || keeps_unheld(row.info.state, row.info.shareable, row.bounded) ||
                      (row.info.state == ContentState::set_aside && row.info.pinned);
    result.push_back({row.info.id, row.info.state, row.mark, kept, row.info.created});
  }
  return result;
}

Result<std::vector<ContentId>> contents_of_url(SQLite::Database& db, const std::string& url) {
  Statement query(db, "SELECT DISTINCT content_id FROM versions WHERE url = ?");
  query.bind(1, url);
  return ids_of(query);
}

Result<std::vector<Hold>> holds(SQLite::Database& db, const Hold& after, std::size_t limit) {
  Statement query(db,
                  "SELECT holder, content_id FROM holds WHERE (holder, content_id) > (?, ?) "
                  "ORDER BY holder, content_id LIMIT ?");
  query.bind(1, after.holder);
  query.bind(2, after.content);
  query.bind(3, static_cast<std::int64_t>(limit));
  std::vector<Hold> result;
  while (query.executeStep()) result.push_back({query.getColumn(0).getString(), query.getColumn(1).getString()});
  return result;
}

}  // namespace larder::cache::index
