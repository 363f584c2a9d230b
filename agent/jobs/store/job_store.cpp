#include "agent/jobs/store/job_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <array>
#include <type_traits>

#include "agent/jobs/store/job_columns.h"
#include "agent/jobs/store/job_values.h"
#include "agent/jobs/store/upload_values.h"
#include "base/text/units.h"
#include "database/statement.h"

namespace larder::agent {
namespace {

constexpr std::array kSchema = {cache::SchemaStep{"jobs-1", R"sql(
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, owner INTEGER NOT NULL, created INTEGER NOT NULL,
  minisign_public_key TEXT NOT NULL, minisign_signature TEXT NOT NULL, hook TEXT NOT NULL, app INTEGER NOT NULL,
  headers TEXT NOT NULL, user TEXT NOT NULL, password TEXT NOT NULL, proxy TEXT NOT NULL, proxy_user TEXT NOT NULL,
  proxy_password TEXT NOT NULL, ca_file TEXT NOT NULL, client_certificate TEXT NOT NULL, client_key TEXT NOT NULL,
  client_key_password TEXT NOT NULL, http INTEGER NOT NULL, max_file_size INTEGER NOT NULL,
  parallel_ranges INTEGER NOT NULL, use_cache INTEGER NOT NULL, store INTEGER NOT NULL,
  redirect_loopback INTEGER NOT NULL,
  name TEXT, priority TEXT, max_rate INTEGER, retry_delay INTEGER, no_progress_timeout INTEGER, maximum_time INTEGER,
  notify_command TEXT, state TEXT, modified INTEGER, finished INTEGER, error TEXT, error_count INTEGER,
  retry_at INTEGER, active_time INTEGER, retries INTEGER, transient_since INTEGER, notify_pending INTEGER
) WITHOUT ROWID;
CREATE TABLE files (
  job TEXT NOT NULL, idx INTEGER NOT NULL,
  destination TEXT NOT NULL, ranges TEXT NOT NULL, sha256 TEXT, minisign_signature TEXT NOT NULL,
  url TEXT, user TEXT, password TEXT, state TEXT, size INTEGER, bytes INTEGER, contiguous INTEGER,
  from_origin INTEGER, from_peers INTEGER, from_cache INTEGER, wasted INTEGER, content TEXT, version TEXT,
  actual_sha256 TEXT, origin_sha256 TEXT, verdict TEXT, verdict_reason TEXT, origin_alone INTEGER,
  retargeted INTEGER, effective_url TEXT, note TEXT, restarts INTEGER, error TEXT,
  PRIMARY KEY (job, idx)
) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)sql"},
                                cache::SchemaStep{"jobs-2", R"sql(
ALTER TABLE jobs ADD COLUMN use_peers INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN share INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN offline_ok INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN rejected_root TEXT;
ALTER TABLE files ADD COLUMN offline_age INTEGER;
)sql"},
                                cache::SchemaStep{"jobs-privacy", R"sql(
ALTER TABLE files ADD COLUMN privacy TEXT NOT NULL DEFAULT 'shareable';
)sql"},
                                cache::SchemaStep{"jobs-verdicts", R"sql(
ALTER TABLE files DROP COLUMN rejected_root;
ALTER TABLE files ADD COLUMN rejected TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN version_told INTEGER NOT NULL DEFAULT 0;
)sql"},
                                // The column held a file name, which is not read any more; names_ca_file() recognises
                                // it.
                                cache::SchemaStep{"jobs-3", R"sql(
ALTER TABLE jobs RENAME COLUMN ca_file TO ca_certificates;
)sql"},
                                cache::SchemaStep{"jobs-mirrors", R"sql(
ALTER TABLE files ADD COLUMN file_name TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN mirrors TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN mirror INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0;
)sql"},
                                cache::SchemaStep{"jobs-uploads", R"sql(
ALTER TABLE jobs ADD COLUMN upload TEXT;
ALTER TABLE files ADD COLUMN upload TEXT;
)sql"}};

// Collects "a, b, c" or "a = ?, b = ?".
struct Names {
  std::string_view suffix;
  std::string text;
  std::size_t count = 0;
  template <class Member>
  void operator()(const char* name, const Member&) {
    if (count++ > 0) text += ", ";
    text += name;
    text += suffix;
  }
};

std::string marks(std::size_t count) {
  std::string text = "?";
  for (std::size_t i = 1; i < count; ++i) text += ", ?";
  return text;
}

class Bind {
 public:
  explicit Bind(SQLite::Statement& statement) : statement_(statement) {}

  template <class Member>
  void operator()(const char*, const Member& member) {
    put(++at_, member);
  }
  void key(const std::string& text) { statement_.bind(++at_, text); }
  void key(unsigned number) { statement_.bind(++at_, static_cast<std::int64_t>(number)); }

 private:
  template <class Number>
  std::enable_if_t<std::is_integral_v<Number>> put(int at, Number number) {
    statement_.bind(at, static_cast<std::int64_t>(number));
  }
  template <class T>
  void put(int at, const std::optional<T>& value) {
    if (value) {
      put(at, *value);
    } else {
      statement_.bind(at);
    }
  }
  void put(int at, const std::string& text) { statement_.bind(at, text); }
  void put(int at, Duration value) { statement_.bind(at, static_cast<std::int64_t>(value.count())); }
  void put(int at, WallTime value) { statement_.bind(at, to_unix_ns(value)); }
  void put(int at, const Digest& value) { statement_.bind(at, to_hex(value)); }
  void put(int at, const Error& value) { statement_.bind(at, encode_error(value)); }
  void put(int at, const cache::Version& value) { statement_.bind(at, encode_version(value)); }
  void put(int at, const std::vector<origin::Header>& value) { statement_.bind(at, encode_headers(value)); }
  void put(int at, const std::vector<ByteRange>& value) { statement_.bind(at, encode_ranges(value)); }
  void put(int at, const std::vector<Mirror>& value) { statement_.bind(at, encode_mirrors(value)); }
  void put(int at, const UploadOptions& value) { statement_.bind(at, encode_upload_options(value)); }
  void put(int at, const UploadFacts& value) { statement_.bind(at, encode_upload(value)); }
  void put(int at, JobState value) { statement_.bind(at, std::string(job_state_name(value))); }
  void put(int at, FileState value) { statement_.bind(at, std::string(file_state_name(value))); }
  void put(int at, Priority value) { statement_.bind(at, std::string(priority_name(value))); }
  void put(int at, origin::Privacy value) { statement_.bind(at, std::string(privacy_info(value).code)); }
  void put(int at, origin::ConnectOptions::Http value) { statement_.bind(at, static_cast<std::int64_t>(value)); }

  SQLite::Statement& statement_;
  int at_ = 0;
};

class Read {
 public:
  Read(SQLite::Statement& statement, int first) : statement_(statement), at_(first) {}

  template <class Member>
  void operator()(const char* name, Member& member) {
    if (!get(at_, member) && problem_.empty()) problem_ = fmt::format("column {} holds nothing that is known", name);
    ++at_;
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  [[nodiscard]] std::string text(int at) const { return statement_.getColumn(at).getString(); }
  [[nodiscard]] std::int64_t number(int at) const { return statement_.getColumn(at).getInt64(); }

  template <class Value>
  static bool take(Value& value, std::optional<Value> decoded) {
    if (!decoded) return false;
    value = std::move(*decoded);
    return true;
  }
  template <class Number>
  std::enable_if_t<std::is_integral_v<Number>, bool> get(int at, Number& value) {
    value = static_cast<Number>(number(at));
    return true;
  }
  template <class T>
  bool get(int at, std::optional<T>& value) {
    value.reset();
    if (statement_.getColumn(at).isNull()) return true;
    return get(at, value.emplace());
  }
  bool get(int at, std::string& value) {
    value = text(at);
    return true;
  }
  bool get(int at, Duration& value) {
    value = Duration(number(at));
    return true;
  }
  bool get(int at, WallTime& value) {
    value = from_unix_ns(number(at));
    return true;
  }
  bool get(int at, Digest& value) { return take(value, digest_from_hex(text(at))); }
  bool get(int at, Error& value) { return take(value, decode_error(text(at))); }
  bool get(int at, cache::Version& value) { return take(value, decode_version(text(at))); }
  bool get(int at, std::vector<origin::Header>& value) { return take(value, decode_headers(text(at))); }
  bool get(int at, std::vector<ByteRange>& value) { return take(value, decode_ranges(text(at))); }
  bool get(int at, std::vector<Mirror>& value) { return take(value, decode_mirrors(text(at))); }
  bool get(int at, UploadOptions& value) { return take(value, decode_upload_options(text(at))); }
  bool get(int at, UploadFacts& value) { return take(value, decode_upload(text(at))); }
  bool get(int at, JobState& value) { return take(value, job_state_from_name(text(at))); }
  bool get(int at, FileState& value) { return take(value, file_state_from_name(text(at))); }
  bool get(int at, Priority& value) { return take(value, priority_from_name(text(at))); }
  bool get(int at, origin::Privacy& value) { return take(value, origin::privacy_from_code(text(at))); }
  bool get(int at, origin::ConnectOptions::Http& value) {
    const std::int64_t chosen = number(at);
    value = static_cast<origin::ConnectOptions::Http>(chosen);
    return chosen >= 0 && chosen <= static_cast<std::int64_t>(origin::ConnectOptions::Http::http2);
  }

  SQLite::Statement& statement_;
  int at_;
  std::string problem_;
};

// The statements of one transaction, each compiled once and only when needed.
class Writer {
 public:
  explicit Writer(SQLite::Database& db) : db_(db) {}

  void insert_job(const Job& job) {
    auto& statement = prepared(insert_job_, [] {
      Names names{""};
      visit_job_identity(kNoJob, names);
      return fmt::format("INSERT INTO jobs (id, {}) VALUES (?, {})", names.text, marks(names.count));
    });
    Bind bind(statement);
    bind.key(job.id);
    visit_job_identity(job, bind);
    statement.exec();
    update_job(job);
  }

  void update_job(const Job& job) {
    auto& statement = prepared(update_job_, [] {
      Names names{" = ?"};
      visit_job_mutable(kNoJob, names);
      return fmt::format("UPDATE jobs SET {} WHERE id = ?", names.text);
    });
    Bind bind(statement);
    visit_job_mutable(job, bind);
    bind.key(job.id);
    statement.exec();
  }

  void insert_file(const std::string& job_id, const File& file) {
    auto& statement = prepared(insert_file_, [] {
      Names names{""};
      visit_file_identity(kNoFile, names);
      visit_file_mutable(kNoFile, names);
      return fmt::format("INSERT INTO files (job, idx, {}) VALUES (?, ?, {})", names.text, marks(names.count));
    });
    Bind bind(statement);
    bind.key(job_id);
    bind.key(file.index);
    visit_file_identity(file, bind);
    visit_file_mutable(file, bind);
    statement.exec();
  }

  void update_file(const std::string& job_id, const File& file) {
    auto& statement = prepared(update_file_, [] {
      Names names{" = ?"};
      visit_file_mutable(kNoFile, names);
      return fmt::format("UPDATE files SET {} WHERE job = ? AND idx = ?", names.text);
    });
    Bind bind(statement);
    visit_file_mutable(file, bind);
    bind.key(job_id);
    bind.key(file.index);
    statement.exec();
  }

  // Returns true if the removed rows held secrets.
  [[nodiscard]] bool remove(const std::string& job_id) {
    const bool secrets = has_secrets(job_id);
    for (const char* sql : {"DELETE FROM files WHERE job = ?", "DELETE FROM jobs WHERE id = ?"}) {
      cache::Statement statement(db_, sql);
      statement.bind(1, job_id);
      statement.exec();
    }
    return secrets;
  }

  void put_counters(const Counters& counters);

  [[nodiscard]] bool has_job(const std::string& job_id) {
    cache::Statement statement(db_, "SELECT 1 FROM jobs WHERE id = ?");
    statement.bind(1, job_id);
    return statement.executeStep();
  }

 private:
  template <class MakeSql>
  SQLite::Statement& prepared(std::unique_ptr<cache::Statement>& slot, MakeSql make_sql) {
    if (slot) {
      slot->reset();
    } else {
      static const std::string sql = make_sql();  // one for each MakeSql
      slot = std::make_unique<cache::Statement>(db_, sql.c_str());
    }
    return *slot;
  }

  // Signed URLs count as secrets: they give access to the file.
  [[nodiscard]] bool has_secrets(const std::string& job_id) {
    constexpr const char* kSql = R"sql(
SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND (headers || user || password || proxy || proxy_user ||
                 proxy_password || client_certificate || client_key || client_key_password) <> '')
    OR EXISTS (SELECT 1 FROM files WHERE job = ?1 AND (user <> '' OR password <> '' OR instr(url, '?') > 0 OR
                 instr(effective_url, '?') > 0 OR mirrors <> '')))sql";
    cache::Statement statement(db_, kSql);
    statement.bind(1, job_id);
    return statement.executeStep() && statement.getColumn(0).getInt() != 0;
  }

  static const Job kNoJob;
  static const File kNoFile;
  SQLite::Database& db_;
  std::unique_ptr<cache::Statement> insert_job_, update_job_, insert_file_, update_file_;
};

const Job Writer::kNoJob{};
const File Writer::kNoFile{};

template <class CountersRef, class Visitor>
void visit_counters(CountersRef& counters, Visitor visit) {
  visit("removed_jobs_from_origin", counters.removed_jobs.origin);
  visit("removed_jobs_from_peers", counters.removed_jobs.peers);
  visit("removed_jobs_from_cache", counters.removed_jobs.cache);
  visit("removed_jobs_wasted", counters.removed_jobs.wasted);
  visit("files_transferred", counters.files_transferred);
  visit("files_failed", counters.files_failed);
  visit("cache_hits", counters.cache_hits);
  visit("verdicts_not_valid", counters.verdicts_not_valid);
}

void Writer::put_counters(const Counters& counters) {
  cache::Statement statement(db_, "INSERT OR REPLACE INTO counters (name, value) VALUES (?, ?)");
  visit_counters(counters, [&](const char* name, std::uint64_t value) {
    statement.reset();
    statement.bind(1, name);
    statement.bind(2, static_cast<std::int64_t>(value));
    statement.exec();
  });
}

Error unreadable(const std::string& what, const std::string& problem) {
  return Error{
      ErrorCode::database_error, "load " + what,
      problem + "; the database is of another Larder or damaged: move larder.db away to start without its jobs"};
}

Result<std::vector<Job>> load_jobs(SQLite::Database& db) {
  Job none;
  Names names{""};
  visit_job_identity(none, names);
  visit_job_mutable(none, names);
  SQLite::Statement statement(db, fmt::format("SELECT id, {} FROM jobs ORDER BY id", names.text));
  std::vector<Job> jobs;
  while (statement.executeStep()) {
    Job job;
    job.id = statement.getColumn(0).getString();
    Read read(statement, 1);
    visit_job_identity(job, read);
    visit_job_mutable(job, read);
    if (!read.problem().empty()) return tl::unexpected<Error>(unreadable("job " + job.id, read.problem()));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

// Rows of both tables are ordered by the job's id: one pass.
Status load_files(SQLite::Database& db, std::vector<Job>& jobs) {
  File none;
  Names names{""};
  visit_file_identity(none, names);
  visit_file_mutable(none, names);
  SQLite::Statement statement(db, fmt::format("SELECT job, idx, {} FROM files ORDER BY job, idx", names.text));
  auto job = jobs.begin();
  while (statement.executeStep()) {
    const std::string job_id = statement.getColumn(0).getString();
    while (job != jobs.end() && job->id < job_id) ++job;
    File file;
    file.index = statement.getColumn(1).getUInt();
    file.id = fmt::format("{}.{}", job_id, file.index);
    if (job == jobs.end() || job->id != job_id) {
      return tl::unexpected<Error>(unreadable("file " + file.id, "there is no such job"));
    }
    if (file.index != job->files.size()) {
      return tl::unexpected<Error>(unreadable("file " + file.id, "the file before it is missing"));
    }
    Read read(statement, 2);
    visit_file_identity(file, read);
    visit_file_mutable(file, read);
    if (!read.problem().empty()) return tl::unexpected<Error>(unreadable("file " + file.id, read.problem()));
    job->files.push_back(std::move(file));
  }
  return {};
}

Counters load_counters(SQLite::Database& db) {
  Counters counters;
  visit_counters(counters, [&](const char* name, std::uint64_t& value) {
    SQLite::Statement statement(db, "SELECT value FROM counters WHERE name = ?");
    statement.bind(1, name);
    if (statement.executeStep()) value = static_cast<std::uint64_t>(statement.getColumn(0).getInt64());
  });
  return counters;
}

}  // namespace

std::span<const cache::SchemaStep> job_schema() {
  return kSchema;
}

bool operator==(const Counters& a, const Counters& b) {
  std::vector<std::uint64_t> left, right;
  visit_counters(a, [&](const char*, std::uint64_t value) { left.push_back(value); });
  visit_counters(b, [&](const char*, std::uint64_t value) { right.push_back(value); });
  return left == right;
}

void JobStore::insert(Job job, Done done) {
  const std::string doing = "record job " + job.id;
  database_.write(
      doing,
      [job = std::move(job)](SQLite::Database& db) -> Status {
        Writer writer(db);
        writer.insert_job(job);
        for (const File& file : job.files) writer.insert_file(job.id, file);
        return {};
      },
      std::move(done));
}

void JobStore::insert_files(std::string job_id, std::vector<File> files, Done done) {
  const std::string doing = "record files of job " + job_id;
  database_.write(
      doing,
      [job_id = std::move(job_id), files = std::move(files)](SQLite::Database& db) -> Status {
        Writer writer(db);
        if (!writer.has_job(job_id)) return {};
        for (const File& file : files) writer.insert_file(job_id, file);
        return {};
      },
      std::move(done));
}

void JobStore::save(std::shared_ptr<const Changes> changes, Done done) {
  database_.write(
      "record the state of jobs",
      [changes = std::move(changes), &database = database_](SQLite::Database& db) -> Status {
        Writer writer(db);
        bool secrets = changes->secrets_overwritten;
        for (const Job& job : changes->jobs) writer.update_job(job);
        for (const auto& [job_id, file] : changes->files) writer.update_file(job_id, file);
        for (const std::string& job_id : changes->removed) secrets |= writer.remove(job_id);
        if (changes->counters) writer.put_counters(*changes->counters);
        if (secrets) database.erase_traces();
        return {};
      },
      std::move(done));
}

void JobStore::load(UniqueFunction<void(Result<Loaded>)> done) {
  database_.read<Loaded>(
      "load the jobs",
      [](SQLite::Database& db) -> Result<Loaded> {
        auto jobs = load_jobs(db);
        if (!jobs) return tl::unexpected<Error>(jobs.error());
        Loaded loaded;
        loaded.jobs = std::move(*jobs);
        if (auto status = load_files(db, loaded.jobs); !status) return tl::unexpected<Error>(status.error());
        loaded.counters = load_counters(db);
        return loaded;
      },
      std::move(done));
}

}  // namespace larder::agent
