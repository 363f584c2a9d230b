// Rows of the SQLite ledger: its tables, and how a row is read and written. Database thread only; for the sources of
// this room.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "inbox/ledger/upload_row.h"

namespace larder::cache {
class Statement;
}

namespace larder::inbox {

// Tables upload and delivery, view upload_row.
[[nodiscard]] std::span<const cache::SchemaStep> ledger_schema();

// Of a statement that selects * from upload_row. A row of values that are not known here is database_error.
[[nodiscard]] Result<UploadRow> read_row(cache::Statement& statement);
// All rows that the statement gives.
[[nodiscard]] Result<std::vector<UploadRow>> read_rows(cache::Statement& statement);
[[nodiscard]] Result<std::optional<UploadRow>> load_row(SQLite::Database& db, const std::string& id);

void insert_row(SQLite::Database& db, const UploadRow& row);
// Writes what can change after the creation.
void update_row(SQLite::Database& db, const UploadRow& row);

}  // namespace larder::inbox
