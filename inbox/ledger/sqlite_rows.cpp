#include "inbox/ledger/sqlite_rows.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <array>

#include "base/text/units.h"
#include "database/statement.h"
#include "inbox/model/dialect_names.h"

namespace larder::inbox {
namespace {

// Words that SQLite and PostgreSQL both take as names: the same tables are meant for both. The partial indexes hold the
// few rows that are open or due, while tombstones may be many.
constexpr std::array kSchema = {cache::SchemaStep{"inbox-1", R"sql(
CREATE TABLE upload (
  id TEXT PRIMARY KEY NOT NULL, inbox TEXT NOT NULL, principal TEXT NOT NULL, request_key TEXT NOT NULL,
  dialect TEXT NOT NULL, name TEXT NOT NULL, metadata TEXT NOT NULL, url TEXT NOT NULL,
  size INTEGER, declared TEXT, computed TEXT, state TEXT NOT NULL, received INTEGER NOT NULL, epoch INTEGER NOT NULL,
  holder TEXT NOT NULL, created_at INTEGER NOT NULL, progressed_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  settled_at INTEGER, answer_status INTEGER, answer_text TEXT, has_content INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX upload_key ON upload (inbox, principal, request_key)
  WHERE request_key <> '' AND state NOT IN ('cancelled', 'expired');
CREATE INDEX upload_of_principal ON upload (principal) WHERE state IN ('receiving', 'sealed');
CREATE INDEX upload_expiry ON upload (expires_at, size, received) WHERE state = 'receiving';
CREATE INDEX upload_state ON upload (state, id);
CREATE INDEX upload_settled ON upload (has_content, settled_at) WHERE settled_at IS NOT NULL;
CREATE TABLE delivery (
  id TEXT PRIMARY KEY NOT NULL REFERENCES upload (id) ON DELETE CASCADE, inbox TEXT NOT NULL, attempt INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL, next_at INTEGER, lease_until INTEGER, claimed_by TEXT NOT NULL, result TEXT NOT NULL,
  reply TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (inbox, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_lease ON delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE VIEW upload_row AS
  SELECT u.id AS id, u.inbox AS inbox, principal, request_key, dialect, name, metadata, url, size, declared, computed,
         state, received, epoch, holder, created_at, progressed_at, expires_at, settled_at, answer_status, answer_text,
         has_content, d.id AS delivery, attempt, accepted_at, next_at, lease_until, claimed_by, result, reply
  FROM upload u LEFT JOIN delivery d ON d.id = u.id;
)sql"}};

// In the order of the view.
enum Column {
  col_id,
  col_inbox,
  col_principal,
  col_key,
  col_dialect,
  col_name,
  col_metadata,
  col_url,
  col_size,
  col_declared,
  col_computed,
  col_state,
  col_received,
  col_epoch,
  col_holder,
  col_created_at,
  col_progressed_at,
  col_expires_at,
  col_settled_at,
  col_answer_status,
  col_answer_text,
  col_has_content,
  col_delivery,
  col_attempt,
  col_accepted_at,
  col_next_at,
  col_lease_until,
  col_claimed_by,
  col_result,
  col_reply
};

// Numbers of bytes are below 2^63: the largest upload that a configuration can allow is far below.
std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

void bind_size(SQLite::Statement& statement, int at, const std::optional<std::uint64_t>& size) {
  size ? statement.bind(at, number(*size)) : statement.bind(at);
}
void bind_digest(SQLite::Statement& statement, int at, const std::optional<Digest>& digest) {
  digest ? statement.bind(at, to_hex(*digest)) : statement.bind(at);
}
void bind_time(SQLite::Statement& statement, int at, const std::optional<WallTime>& time) {
  time ? statement.bind(at, to_unix_ns(*time)) : statement.bind(at);
}

class Reader {
 public:
  explicit Reader(cache::Statement& statement) : statement_(statement) {}

  [[nodiscard]] bool has(Column at) { return !statement_.getColumn(at).isNull(); }
  [[nodiscard]] std::string text(Column at) { return statement_.getColumn(at).getString(); }
  [[nodiscard]] std::int64_t integer(Column at) { return statement_.getColumn(at).getInt64(); }
  [[nodiscard]] WallTime time(Column at) { return from_unix_ns(integer(at)); }
  [[nodiscard]] std::optional<WallTime> maybe_time(Column at) {
    if (!has(at)) return std::nullopt;
    return time(at);
  }
  bool digest(Column at, std::optional<Digest>& digest) {
    if (!has(at)) return true;
    digest = digest_from_hex(text(at));
    return digest.has_value();
  }

 private:
  cache::Statement& statement_;
};

DeliveryRow read_delivery(Reader& read) {
  DeliveryRow delivery;
  delivery.attempt = static_cast<unsigned>(read.integer(col_attempt));
  delivery.accepted_at = read.time(col_accepted_at);
  delivery.next_at = read.maybe_time(col_next_at);
  delivery.lease_until = read.maybe_time(col_lease_until);
  delivery.holder = read.text(col_claimed_by);
  delivery.result = read.text(col_result);
  delivery.reply = read.text(col_reply);
  return delivery;
}

void put_delivery(SQLite::Database& db, const UploadRow& row) {
  cache::Statement put(db, R"sql(
INSERT INTO delivery (id, inbox, attempt, accepted_at, next_at, lease_until, claimed_by, result, reply)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
  ON CONFLICT (id) DO UPDATE SET attempt = ?3, next_at = ?5, lease_until = ?6, claimed_by = ?7, result = ?8, reply = ?9)sql");
  const DeliveryRow& delivery = *row.delivery;
  put.bind(1, row.id);
  put.bind(2, row.inbox);
  put.bind(3, delivery.attempt);
  put.bind(4, to_unix_ns(delivery.accepted_at));
  bind_time(put, 5, delivery.next_at);
  bind_time(put, 6, delivery.lease_until);
  put.bind(7, delivery.holder);
  put.bind(8, delivery.result);
  put.bind(9, delivery.reply);
  put.exec();
}

// Parameters 2 to 12: what can change.
void bind_changing(SQLite::Statement& statement, const UploadRow& row) {
  bind_size(statement, 2, row.size);
  bind_digest(statement, 3, row.computed);
  statement.bind(4, std::string(state_name(row.state)));
  statement.bind(5, number(row.offset));
  statement.bind(6, number(row.epoch));
  statement.bind(7, row.holder);
  statement.bind(8, to_unix_ns(row.progressed_at));
  statement.bind(9, to_unix_ns(row.expires_at));
  bind_time(statement, 10, row.settled_at);
  row.answer ? statement.bind(11, row.answer->status) : statement.bind(11);
  row.answer ? statement.bind(12, row.answer->text) : statement.bind(12);
}

}  // namespace

std::span<const cache::SchemaStep> ledger_schema() {
  return kSchema;
}

Result<UploadRow> read_row(cache::Statement& statement) {
  Reader read(statement);
  UploadRow row;
  row.id = read.text(col_id);
  row.inbox = read.text(col_inbox);
  row.principal = read.text(col_principal);
  row.key = read.text(col_key);
  row.name = read.text(col_name);
  row.metadata = read.text(col_metadata);
  row.url = read.text(col_url);
  if (read.has(col_size)) row.size = static_cast<std::uint64_t>(read.integer(col_size));
  row.offset = static_cast<std::uint64_t>(read.integer(col_received));
  row.epoch = static_cast<std::uint64_t>(read.integer(col_epoch));
  row.holder = read.text(col_holder);
  row.created_at = read.time(col_created_at);
  row.progressed_at = read.time(col_progressed_at);
  row.expires_at = read.time(col_expires_at);
  row.settled_at = read.maybe_time(col_settled_at);
  if (read.has(col_answer_status)) {
    row.answer = StoredAnswer{static_cast<int>(read.integer(col_answer_status)), read.text(col_answer_text)};
  }
  row.has_content = read.integer(col_has_content) != 0;
  if (read.has(col_delivery)) row.delivery = read_delivery(read);
  const auto state = state_from_name(read.text(col_state));
  const auto dialect = dialect_from_name(read.text(col_dialect));
  if (!state || !dialect || !read.digest(col_declared, row.declared) || !read.digest(col_computed, row.computed)) {
    return fail(ErrorCode::database_error, "read upload " + row.id,
                "its row holds a state, dialect or digest that is not known; the ledger is of a newer larder-inbox or "
                "damaged");
  }
  row.state = *state;
  row.dialect = *dialect;
  return row;
}

Result<std::vector<UploadRow>> read_rows(cache::Statement& statement) {
  std::vector<UploadRow> rows;
  while (statement.executeStep()) {
    auto row = read_row(statement);
    if (!row) return tl::unexpected(row.error());
    rows.push_back(std::move(*row));
  }
  return rows;
}

Result<std::optional<UploadRow>> load_row(SQLite::Database& db, const std::string& id) {
  cache::Statement query(db, "SELECT * FROM upload_row WHERE id = ?1");
  query.bind(1, id);
  if (!query.executeStep()) return std::optional<UploadRow>();
  auto row = read_row(query);
  if (!row) return tl::unexpected(row.error());
  return std::optional<UploadRow>(std::move(*row));
}

void insert_row(SQLite::Database& db, const UploadRow& row) {
  cache::Statement insert(db, R"sql(
INSERT INTO upload (id, size, computed, state, received, epoch, holder, progressed_at, expires_at, settled_at,
                    answer_status, answer_text, inbox, principal, request_key, dialect, name, metadata, url, declared,
                    created_at, has_content)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22))sql");
  insert.bind(1, row.id);
  bind_changing(insert, row);
  insert.bind(13, row.inbox);
  insert.bind(14, row.principal);
  insert.bind(15, row.key);
  insert.bind(16, std::string(dialect_name(row.dialect)));
  insert.bind(17, row.name);
  insert.bind(18, row.metadata);
  insert.bind(19, row.url);
  bind_digest(insert, 20, row.declared);
  insert.bind(21, to_unix_ns(row.created_at));
  insert.bind(22, row.has_content ? 1 : 0);
  insert.exec();
  if (row.delivery) put_delivery(db, row);
}

void update_row(SQLite::Database& db, const UploadRow& row) {
  cache::Statement update(db, R"sql(
UPDATE upload SET size = ?2, declared = ?13, computed = ?3, state = ?4, received = ?5, epoch = ?6, holder = ?7, progressed_at = ?8,
                  expires_at = ?9, settled_at = ?10, answer_status = ?11, answer_text = ?12, metadata = ?14, url = ?15
  WHERE id = ?1)sql");
  update.bind(1, row.id);
  bind_changing(update, row);
  bind_digest(update, 13, row.declared);
  update.bind(14, row.metadata);
  update.bind(15, row.url);
  update.exec();
  if (row.delivery) put_delivery(db, row);
}

}  // namespace larder::inbox
