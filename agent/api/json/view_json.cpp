#include "agent/api/json/view_json.h"

#include <algorithm>

#include "agent/api/json/json_writer.h"
#include "agent/jobs/model/mirrors.h"
#include "base/error_table.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void write_time(JsonWriter& json, std::string_view name, std::optional<WallTime> time) {
  json.key(name);
  if (time && *time != WallTime{})
    json.value(format_time(*time));
  else
    json.null();
}

void write_digest(JsonWriter& json, std::string_view name, const std::optional<Digest>& digest) {
  json.member_or_null(name, digest ? to_hex(*digest) : "");
}

void write_error(JsonWriter& json, const Error& error) {
  json.begin_object().member("code", error_info(error.code).name).member("message", error.text());
  if (error.retry_after) json.member("retry_after_s", error.retry_after->count());
  json.end_object();
}

void write_optional_error(JsonWriter& json, const std::optional<Error>& error) {
  json.key("error");
  if (error)
    write_error(json, *error);
  else
    json.null();
}

void write_figures(JsonWriter& json, std::string_view name, const SourceFigures& figures) {
  json.key(name).begin_object();
  json.member("origin", figures.origin).member("peers", figures.peers);
  json.member("cache", figures.cache).member("wasted", figures.wasted).end_object();
}

void write_crowd(JsonWriter& json, const std::optional<peer::CrowdFigures>& crowd) {
  json.key("crowd");
  if (!crowd) {
    json.null();
    return;
  }
  json.begin_object();
  json.member("members", crowd->members).member("fetchers", crowd->fetchers).member("segments", crowd->segments);
  json.member("held", crowd->held).member("first_hand", crowd->first_hand).member("elsewhere", crowd->elsewhere);
  json.member("claimed", crowd->claimed).end_object();
}

void write_privacy(JsonWriter& json, origin::Privacy privacy) {
  json.key("not_shared");
  const origin::PrivacyInfo& info = privacy_info(privacy);
  if (info.reach == origin::Reach::everybody) {
    json.null();
    return;
  }
  json.begin_object().member("reason", info.code).member("text", info.text);
  json.member("machine", info.reach == origin::Reach::this_machine);
  json.member_or_null("key", std::string(info.key)).end_object();
}

void write_ranges(JsonWriter& json, const std::vector<ByteRange>& ranges) {
  json.key("ranges").begin_array();
  for (const ByteRange& range : ranges) {
    json.begin_array();
    if (range.offset == UINT64_MAX)
      json.null();
    else
      json.value(range.offset);
    if (range.length == UINT64_MAX)
      json.null();
    else
      json.value(range.length);
    json.end_array();
  }
  json.end_array();
}

void write_mirrors(JsonWriter& json, const File& file) {
  json.key("mirrors").begin_array();
  for (std::size_t i = 1; i <= file.spec.mirrors.size(); ++i)
    json.value(shown_url(given_url(file, i), RecordDetail::all));
  json.end_array();
  json.member("mirror", file.mirror);
}

void write_upload(JsonWriter& json, const File& file) {
  const UploadFacts& upload = *file.upload;
  json.member_or_null("name", upload.name).member("transaction", upload.key);
  json.member_or_null("protocol", upload.began ? std::string(origin::upload_dialect_name(upload.dialect)) : "");
  json.member("source", upload.snapshot ? "snapshot" : "in_place").member("sent", upload.progress.sent);
  json.member("resent", upload.progress.sent - std::min(upload.progress.sent, file.bytes));
  json.member("confirmed", upload.confirmed).member("reply", upload.has_reply);
}

void write_file(JsonWriter& json, const File& file) {
  json.begin_object();
  json.member("index", file.index).member("url", shown_url(given_url(file, 0), RecordDetail::all));
  json.member("destination", file.spec.destination).member("state", file_state_name(file.state));
  json.member("size", file.size).member("bytes", file.bytes).member("contiguous", file.contiguous);
  write_figures(json, "figures", file.figures);
  write_crowd(json, file.crowd);
  json.member_or_null("content", file.content);
  json.member_or_null("etag", file.version ? file.version->etag : "");
  json.member_or_null("last_modified", file.version ? file.version->last_modified : "");
  write_digest(json, "sha256", file.spec.sha256);
  write_digest(json, "actual_sha256", file.actual_sha256);
  json.member_or_null("verdict", file.verdict).member("verdict_reason", file.verdict_reason);
  json.member_or_null("effective_url", shown_url(file.effective_url, RecordDetail::all));
  json.member("note", file.note);
  json.member_or_null("file_name", file.file_name);
  write_mirrors(json, file);
  write_privacy(json, file.privacy);
  json.member("restarts", file.restarts);
  json.key("offline_age_s");
  if (file.offline_age) {
    json.value(seconds_of(*file.offline_age));
  } else {
    json.null();
  }
  write_ranges(json, file.spec.ranges);
  if (file.upload) write_upload(json, file);
  write_optional_error(json, file.error);
  json.end_object();
}

struct JobSums {
  std::optional<std::uint64_t> size = 0;  // none if any file's is unknown
  std::uint64_t bytes = 0, done = 0;
  SourceFigures figures;
  std::optional<peer::CrowdFigures> crowd;
  origin::Privacy privacy = origin::Privacy::shareable;  // of the file with the smallest reach
};

// Adds the figures of a file in a crowd: the most members and fetchers of any file, the segments of all.
void add_crowd(std::optional<peer::CrowdFigures>& sum, const peer::CrowdFigures& one) {
  if (!sum) sum.emplace();
  sum->members = std::max(sum->members, one.members);
  sum->fetchers = std::max(sum->fetchers, one.fetchers);
  sum->segments += one.segments;
  sum->held += one.held;
  sum->first_hand += one.first_hand;
  sum->elsewhere += one.elsewhere;
  sum->claimed += one.claimed;
}

JobSums sums_of(const Job& job) {
  JobSums sums;
  for (const File& file : job.files) {
    if (!file.size)
      sums.size.reset();
    else if (sums.size)
      *sums.size += *file.size;
    sums.bytes += file.bytes;
    sums.done += file.state == FileState::transferred ? 1 : 0;
    sums.figures.origin += file.figures.origin;
    sums.figures.peers += file.figures.peers;
    sums.figures.cache += file.figures.cache;
    sums.figures.wasted += file.figures.wasted;
    if (file.crowd) add_crowd(sums.crowd, *file.crowd);
    sums.privacy = stricter(sums.privacy, file.privacy);
  }
  return sums;
}

// For a job that waits for a retry: when its time without progress is over.
std::optional<WallTime> gives_up_at(const Job& job) {
  if (job.state != JobState::transient_error || !job.transient_since) return std::nullopt;
  return *job.transient_since + job.options.no_progress_timeout;
}

void write_job(JsonWriter& json, const Job& job, bool files) {
  const JobSums sums = sums_of(job);
  json.begin_object();
  json.member("id", job.id).member("kind", job.options.upload ? "upload" : "download");
  json.member("name", job.options.name).member("owner", job.owner);
  json.member("state", job_state_name(job.state)).member("priority", priority_name(job.options.priority));
  write_time(json, "created", job.created);
  write_time(json, "modified", job.modified);
  write_time(json, "finished", job.finished);
  write_optional_error(json, job.error);
  json.member("error_count", job.error_count);
  write_time(json, "retry_at", job.retry_at);
  write_time(json, "gives_up_at", gives_up_at(job));
  json.member("active_time_s", seconds_of(job.active_time));
  json.member("size", sums.size).member("bytes", sums.bytes);
  write_figures(json, "figures", sums.figures);
  write_crowd(json, sums.crowd);
  write_privacy(json, sums.privacy);
  json.member("files_total", job.files.size()).member("files_done", sums.done);
  json.member("max_rate", job.options.max_rate);
  json.key("verdict").begin_object();
  json.member_or_null("hook", job.options.verdict.hook).member("app", job.options.verdict.app);
  json.member("minisign", !job.options.verdict.minisign_public_key.empty()).end_object();
  if (files) {
    json.key("files").begin_array();
    for (const File& file : job.files) write_file(json, file);
    json.end_array();
  }
  json.end_object();
}

std::string_view state_name(cache::ContentState state) {
  switch (state) {
    case cache::ContentState::partial:
      return "partial";
    case cache::ContentState::complete:
      return "complete";
    case cache::ContentState::set_aside:
      return "set_aside";
  }
  return "partial";
}

std::string_view source_name(cache::Source source) {
  switch (source) {
    case cache::Source::origin:
      return "origin";
    case cache::Source::peer:
      return "peers";
    case cache::Source::cache:
      return "cache";
  }
  return "origin";
}

void write_versions(JsonWriter& json, const std::vector<cache::Version>& versions, RecordDetail detail) {
  json.key("versions").begin_array();
  for (const cache::Version& version : versions) {
    json.begin_object().member("url", shown_url(version.url, detail)).member("size", version.size);
    json.member_or_null("etag", version.etag).member_or_null("last_modified", version.last_modified).end_object();
  }
  json.end_array();
}

void write_segments(JsonWriter& json, const std::vector<cache::SegmentInfo>& segments, RecordDetail detail) {
  json.key("segments").begin_array();
  for (const cache::SegmentInfo& segment : segments) {
    json.begin_object().member("index", segment.index).member("offset", segment.range.offset);
    json.member("length", segment.range.length);
    write_digest(json, "root", detail == RecordDetail::all ? std::optional(segment.root) : std::nullopt);
    json.member("source", source_name(segment.source)).end_object();
  }
  json.end_array();
}

void write_record(JsonWriter& json, const cache::ContentInfo& record, RecordDetail detail,
                  const std::vector<cache::SegmentInfo>* segments) {
  json.begin_object();
  json.member("id", record.id).member("state", state_name(record.state)).member("size", record.size);
  const bool all = detail == RecordDetail::all;
  write_digest(json, "root", all ? record.root : std::nullopt);
  write_digest(json, "sha256", all ? record.sha256 : std::nullopt);
  json.member("validated", record.validated).member("pinned", record.pinned).member("shareable", record.shareable);
  json.member("bytes_held", record.bytes_held);
  write_time(json, "created", all ? std::optional(record.created) : std::nullopt);
  write_time(json, "last_used", all ? std::optional(record.last_used) : std::nullopt);
  json.member("uses", all ? std::optional(record.uses) : std::nullopt);
  write_versions(json, record.versions, detail);
  if (segments) write_segments(json, *segments, detail);
  json.end_object();
}

void write_cache_figures(JsonWriter& json, const cache::CacheFigures& figures) {
  json.key("cache").begin_object();
  json.member("records", figures.records).member("bytes", figures.bytes).member("max_size", figures.max_size);
  json.member("keep_free", figures.keep_free).member("available", figures.available);
  json.member("evicted", figures.evicted).member("dropped_damaged", figures.dropped_damaged).end_object();
}

void write_descriptor(JsonWriter& json, const File& file) {
  json.member("size", file.size).member("contiguous", file.contiguous);
  json.member_or_null("last_modified", file.version ? file.version->last_modified : "");
}

}  // namespace

std::string shown_url(const std::string& url, RecordDetail detail) {
  std::string shown = url;
  if (const auto scheme = shown.find("://"); scheme != std::string::npos) {
    const auto start = scheme + 3;
    const auto end = std::min(shown.find_first_of("/?#", start), shown.size());
    if (const auto at = shown.rfind('@', end); at != std::string::npos && at >= start && at < end)
      shown.erase(start, at + 1 - start);
  }
  if (detail == RecordDetail::of_own_user) shown.resize(std::min(shown.find_first_of("?#"), shown.size()));
  return shown;
}

std::string error_view(const Error& error) {
  JsonWriter json;
  json.begin_object().key("error");
  write_error(json, error);
  json.end_object();
  return json.take();
}

std::string job_view(const Job& job, bool files) {
  JsonWriter json;
  write_job(json, job, files);
  return json.take();
}

std::string jobs_view(const std::vector<const Job*>& jobs) {
  JsonWriter json;
  json.begin_object().key("jobs").begin_array();
  for (const Job* job : jobs) write_job(json, *job, false);
  json.end_array().end_object();
  return json.take();
}

std::string file_event_view(const Job& job, const File& file) {
  JsonWriter json;
  json.begin_object().member("job", job.id).key("file");
  write_file(json, file);
  json.end_object();
  return json.take();
}

std::string file_event_brief(const Job& job, const File& file) {
  JsonWriter json;
  json.begin_object().member("job", job.id).key("file").begin_object();
  json.member("index", file.index).member("state", file_state_name(file.state)).member("size", file.size);
  json.member_or_null("content", file.content).member_or_null("verdict", file.verdict).end_object().end_object();
  return json.take();
}

std::string record_view(const cache::ContentInfo& record, RecordDetail detail,
                        const std::vector<cache::SegmentInfo>* segments) {
  JsonWriter json;
  write_record(json, record, detail, segments);
  return json.take();
}

std::string records_view(const std::vector<cache::ContentInfo>& records, const std::string& next, RecordDetail detail) {
  JsonWriter json;
  json.begin_object().key("records").begin_array();
  for (const cache::ContentInfo& record : records) write_record(json, record, detail, nullptr);
  json.end_array().member_or_null("next", next).end_object();
  return json.take();
}

std::string removed_view(std::uint64_t removed) {
  JsonWriter json;
  json.begin_object().member("removed", removed).end_object();
  return json.take();
}

void write_names(JsonWriter& json, const char* name, const std::vector<std::string>& names) {
  json.key(name).begin_array();
  for (const std::string& each : names) json.value(each);
  json.end_array();
}

std::string status_view(const StatusFacts& facts) {
  JsonWriter json;
  json.begin_object().member("version", facts.version).member("api", facts.api);
  if (facts.caller) json.member("pid", facts.pid);
  json.member("uptime_s", seconds_of(facts.uptime));
  if (facts.caller) json.member("state_directory", facts.state_directory).member("user", facts.user);
  json.key("jobs").begin_object();
  for (const auto& [state, count] : facts.totals.jobs) json.member(job_state_name(state), count);
  json.end_object().member("active_transfers", facts.totals.active_transfers);
  write_figures(json, "bytes", facts.totals.bytes);
  json.key("files").begin_object();
  json.member("transferred", facts.totals.files_transferred).member("failed", facts.totals.files_failed);
  json.member("cache_hits", facts.totals.cache_hits);
  json.member("verdicts_not_valid", facts.totals.verdicts_not_valid).end_object();
  write_cache_figures(json, facts.cache);
  if (facts.caller) {
    const char* source = facts.ca_fingerprint.empty() ? "system"
                         : facts.ca_of_environment    ? "environment"
                                                      : "configuration";
    json.key("authorities").begin_object().member("source", source);
    json.member_or_null("fingerprint", facts.ca_fingerprint).end_object();
    write_names(json, "hooks", facts.hooks);
    write_names(json, "notify_commands", facts.notify_commands);
    json.key("caller").begin_object().member("uid", facts.caller->uid);
    json.member("admin", facts.caller->admin).end_object();
  }
  json.end_object();
  return json.take();
}

std::string descriptor_view(const File& file) {
  JsonWriter json;
  json.begin_object();
  write_descriptor(json, file);
  json.end_object();
  return json.take();
}

std::string descriptors_view(const std::vector<const File*>& files) {
  JsonWriter json;
  json.begin_object().key("files").begin_array();
  for (const File* file : files) {
    json.begin_object().member("index", file->index);
    write_descriptor(json, *file);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take();
}

std::string config_view(const Config& config) {
  JsonWriter json;
  json.begin_object().member("toml", config_as_toml(config)).key("keys").begin_array();
  for (const ConfigKey& key : config_keys()) {
    json.begin_object().member("section", key.section).member("name", key.name).member("kind", key.kind);
    json.member("unit", key.unit).member("default", key.default_text).member("range", key.range);
    json.member("meaning", key.meaning).end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace larder::agent
