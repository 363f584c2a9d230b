// The agent's answers as values (docs/api.yaml). No other file reads its JSON. Members that are missing or null keep
// their defaults; a member of the wrong type is agent_answer_invalid.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder::agent {

struct CrowdView {  // the agents that want the same version now
  std::uint64_t members = 0, fetchers = 0, segments = 0, held = 0, first_hand = 0, elsewhere = 0, claimed = 0;
};

struct FiguresView {
  std::uint64_t origin = 0, peers = 0, cache = 0, wasted = 0;
};

// Why a file is not shared.
struct NotSharedView {
  std::string reason, text, key;
  bool machine = false;  // not offered to neighbours, but shared on this machine
};

struct FileView {
  unsigned index = 0;
  std::string url, destination, state;
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;
  std::uint64_t contiguous = 0;  // committed from the start
  FiguresView figures;
  std::optional<CrowdView> crowd;
  std::string content, etag, last_modified, actual_sha256, verdict, verdict_reason, effective_url, note;
  std::string file_name;             // by the origin; empty: it gave none
  std::vector<std::string> mirrors;  // as given
  unsigned mirror = 0;               // the URL in use: 0 `url`, 1 the first mirror …
  std::optional<NotSharedView> not_shared;
  unsigned restarts = 0;
  std::optional<double> offline_age_s;  // age of an edition that was used without asking the origin
  std::optional<Error> error;
  // Of uploads; `bytes` counts what the server has (`contiguous`) and what is being sent.
  std::string name, protocol, transaction, source;
  std::uint64_t sent = 0, resent = 0;
  bool confirmed = false;  // the server named the SHA-256 of what it has, and it is the source's
  bool reply = false;      // the application's reply can be read
};

struct JobView {
  std::string kind = "download";  // or "upload"
  std::string id, name, state, priority, created, finished, retry_at, gives_up_at;
  std::uint64_t owner = 0;
  std::optional<Error> error;
  unsigned error_count = 0;
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;
  FiguresView figures;
  std::optional<CrowdView> crowd;
  std::uint64_t files_total = 0, files_done = 0, max_rate = 0;
  bool app_verdict = false;
  std::optional<NotSharedView> not_shared;  // of the file with the smallest reach
  std::vector<FileView> files;
};

struct RecordView {
  std::string id, state, sha256, root, last_used, created;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> uses;  // for administrators only, like digests and times
  std::uint64_t bytes_held = 0;
  bool validated = false, pinned = false, shareable = false;
  struct Version {
    std::string url, etag, last_modified;
  };
  std::vector<Version> versions;
};

struct RecordPage {
  std::vector<RecordView> records;
  std::string next;  // empty: no more
};

struct StatusView {
  std::string version, state_directory;
  std::uint64_t pid = 0, user = 0, active_transfers = 0;
  double uptime_s = 0;
  std::map<std::string, std::uint64_t> jobs;
  FiguresView bytes;
  std::uint64_t files_transferred = 0, files_failed = 0, cache_hits = 0, verdicts_not_valid = 0;
  std::uint64_t records = 0, cache_bytes = 0, max_size = 0, keep_free = 0, available = 0, evicted = 0, dropped = 0;
  bool admin = false;
  std::string authorities_source, authorities_fingerprint;  // empty: an older agent
};

struct DescriptorView {
  unsigned index = 0;
  std::optional<std::uint64_t> size;
  std::uint64_t contiguous = 0;
  std::string last_modified;
};

struct ConfigView {
  std::string toml;
};

[[nodiscard]] Result<JobView> parse_job(std::string_view json);
[[nodiscard]] Result<std::vector<JobView>> parse_jobs(std::string_view json);
// Returns the file in the data of file.* events: {"job", "file"}.
[[nodiscard]] Result<FileView> parse_file_event(std::string_view json);
// The same for a brief stream of events, whose files have only these members.
struct FileNews {
  unsigned index = 0;
  std::string state, content, verdict;
  std::optional<std::uint64_t> size;
};
[[nodiscard]] Result<FileNews> parse_file_news(std::string_view json);
[[nodiscard]] Result<StatusView> parse_status(std::string_view json);
[[nodiscard]] Result<RecordView> parse_record(std::string_view json);
[[nodiscard]] Result<RecordPage> parse_records(std::string_view json);
[[nodiscard]] Result<std::uint64_t> parse_removed(std::string_view json);
[[nodiscard]] Result<DescriptorView> parse_descriptor(std::string_view json);
[[nodiscard]] Result<std::vector<DescriptorView>> parse_descriptors(std::string_view json);
[[nodiscard]] Result<ConfigView> parse_config_answer(std::string_view json);
// {"error": {"code", "message"}}; none when the text is anything else.
[[nodiscard]] std::optional<Error> parse_error(std::string_view json);

}  // namespace larder::agent
