// Conversion between rows of the index and values; for the sources of the index (index_*.cpp) only.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>

#include "cache/index/index.h"
#include "cache/record/retention.h"

// Columns in the order of row_from(); a macro, so that it joins with the rest of a statement at compile time.
#define LARDER_CONTENT_COLUMNS                                                                        \
  "c.id, c.state, c.size, c.root, c.sha256, c.validated, c.pinned, c.shareable, c.bounded, c.holds, " \
  "c.bytes_held, c.created, c.last_used, c.uses, c.inode, c.file_size, c.modified_ns, "               \
  "c.offered, c.answer_host, c.media_type"

namespace larder::cache::index {

[[nodiscard]] Row row_from(SQLite::Statement& query);
[[nodiscard]] std::optional<Digest> digest_from(const SQLite::Column& column);

inline void bind_digest(SQLite::Statement& statement, int at, const Digest& digest) {
  statement.bind(at, digest.data(), static_cast<int>(digest.size()));
}

// An unknown size is -1 in the index, so that it takes part in unique keys.
[[nodiscard]] inline std::int64_t size_to(const std::optional<std::uint64_t>& size) {
  return size ? static_cast<std::int64_t>(*size) : -1;
}
[[nodiscard]] inline std::optional<std::uint64_t> size_from(std::int64_t size) {
  if (size < 0) return std::nullopt;
  return static_cast<std::uint64_t>(size);
}

}  // namespace larder::cache::index
