// The tables of the cache in larder.db; docs/formats/cache.md explains every column and the crash rules.
#include "cache/index/schema.h"

#include <array>

namespace larder::cache {
namespace {

// Triggers update the totals in the transaction that changes a record, so that they cannot drift and no query sums over
// all records.
constexpr std::string_view kTables = R"sql(
CREATE TABLE contents (
  id TEXT PRIMARY KEY NOT NULL,
  state INTEGER NOT NULL,
  size INTEGER NOT NULL,
  root BLOB,
  sha256 BLOB,
  validated INTEGER NOT NULL DEFAULT 0,
  pinned INTEGER NOT NULL DEFAULT 0,
  shareable INTEGER NOT NULL,
  bounded INTEGER NOT NULL,
  holds INTEGER NOT NULL DEFAULT 0,
  bytes_held INTEGER NOT NULL,
  created INTEGER NOT NULL,
  last_used INTEGER NOT NULL,
  uses INTEGER NOT NULL DEFAULT 0,
  inode INTEGER NOT NULL,
  file_size INTEGER NOT NULL,
  modified_ns INTEGER
) WITHOUT ROWID;
CREATE INDEX contents_evictable ON contents (last_used, id) WHERE pinned = 0 AND holds = 0 AND state <> 2;
CREATE INDEX contents_root ON contents (root) WHERE root IS NOT NULL;
CREATE INDEX contents_sha256 ON contents (sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE versions (
  url TEXT NOT NULL,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  size INTEGER NOT NULL,
  content_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (url, etag, last_modified, size, content_id)
);
CREATE INDEX versions_content ON versions (content_id);

CREATE TABLE segments (
  content_id TEXT NOT NULL,
  idx INTEGER NOT NULL,
  root BLOB NOT NULL,
  leaves BLOB NOT NULL,
  source INTEGER NOT NULL,
  fetched_for TEXT NOT NULL,
  attestation BLOB,
  PRIMARY KEY (content_id, idx)
) WITHOUT ROWID;

CREATE TABLE holds (
  content_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (content_id, holder)
) WITHOUT ROWID;
CREATE INDEX holds_holder ON holds (holder);

CREATE TABLE cache_totals (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  bounded_bytes INTEGER NOT NULL,
  evictable_bytes INTEGER NOT NULL
);
INSERT INTO cache_totals VALUES (1, 0, 0, 0, 0);
)sql"
                                     R"sql(
CREATE TRIGGER contents_added AFTER INSERT ON contents BEGIN
  UPDATE cache_totals SET
    records = records + 1,
    bytes = bytes + NEW.bytes_held,
    bounded_bytes = bounded_bytes + NEW.bounded * NEW.bytes_held,
    evictable_bytes = evictable_bytes
      + (NEW.pinned = 0 AND NEW.holds = 0 AND NEW.state <> 2) * NEW.bytes_held;
END;
CREATE TRIGGER contents_removed AFTER DELETE ON contents BEGIN
  UPDATE cache_totals SET
    records = records - 1,
    bytes = bytes - OLD.bytes_held,
    bounded_bytes = bounded_bytes - OLD.bounded * OLD.bytes_held,
    evictable_bytes = evictable_bytes
      - (OLD.pinned = 0 AND OLD.holds = 0 AND OLD.state <> 2) * OLD.bytes_held;
  DELETE FROM versions WHERE content_id = OLD.id;
  DELETE FROM segments WHERE content_id = OLD.id;
  DELETE FROM holds WHERE content_id = OLD.id;
END;
CREATE TRIGGER contents_changed AFTER UPDATE OF state, pinned, bounded, holds, bytes_held ON contents BEGIN
  UPDATE cache_totals SET
    bytes = bytes - OLD.bytes_held + NEW.bytes_held,
    bounded_bytes = bounded_bytes - OLD.bounded * OLD.bytes_held + NEW.bounded * NEW.bytes_held,
    evictable_bytes = evictable_bytes
      - (OLD.pinned = 0 AND OLD.holds = 0 AND OLD.state <> 2) * OLD.bytes_held
      + (NEW.pinned = 0 AND NEW.holds = 0 AND NEW.state <> 2) * NEW.bytes_held;
END;
CREATE TRIGGER holds_added AFTER INSERT ON holds BEGIN
  UPDATE contents SET holds = holds + 1 WHERE id = NEW.content_id;
END;
CREATE TRIGGER holds_removed AFTER DELETE ON holds BEGIN
  UPDATE contents SET holds = holds - 1 WHERE id = OLD.content_id;
END;
)sql";

// Bytes of a segment that came from peers: its blocks may come from the origin and from peers.
constexpr std::string_view kPeerBytes = "ALTER TABLE segments ADD COLUMN peer_bytes INTEGER NOT NULL DEFAULT 0;";

// Whether a content may be offered: not if its job does not share.
constexpr std::string_view kOffered = "ALTER TABLE contents ADD COLUMN offered INTEGER NOT NULL DEFAULT 1;";

// The smallest segment went from 4 MiB to 2 MiB (docs/decisions/0029-segment-size.md). Contents that have other
// segments now, above 2 MiB up to 128 MiB, are removed and fetched again.
constexpr std::string_view kSmallerSegments = "DELETE FROM contents WHERE size > 2097152 AND size <= 134217728;";

// The origin's answer with which a content was begun.
constexpr std::string_view kFirstAnswer =
    "ALTER TABLE contents ADD COLUMN answer_host TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE contents ADD COLUMN media_type TEXT NOT NULL DEFAULT '';";

// The version and transport with which a segment was fetched; the users who asked for a content. Older contents were
// kept by rules under which a user could pass bytes of one server off as another's URL: they stay for the jobs that
// hold them, and are not shared any more (docs/decisions/0028-permission.md).
constexpr std::string_view kProvenance = R"sql(
ALTER TABLE segments ADD COLUMN fetched_as BLOB;
ALTER TABLE segments ADD COLUMN transport INTEGER NOT NULL DEFAULT 0;
CREATE TABLE content_users (
  content_id TEXT NOT NULL,
  uid INTEGER NOT NULL,
  url TEXT NOT NULL,
  PRIMARY KEY (content_id, uid, url)
) WITHOUT ROWID;
CREATE INDEX content_users_uid ON content_users (uid, content_id);
CREATE TRIGGER contents_removed_users AFTER DELETE ON contents BEGIN
  DELETE FROM content_users WHERE content_id = OLD.id;
END;
UPDATE contents SET shareable = 0;
)sql";

constexpr std::array kSteps{SchemaStep{"cache-1", kTables},
                            SchemaStep{"cache-2", kPeerBytes},
                            SchemaStep{"cache-3", kOffered},
                            SchemaStep{"cache-4", kSmallerSegments},
                            SchemaStep{"cache-first-answer", kFirstAnswer},
                            SchemaStep{"cache-provenance", kProvenance}};

}  // namespace

std::span<const SchemaStep> cache_schema() {
  return kSteps;
}

}  // namespace larder::cache
