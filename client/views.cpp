#include "client/views.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error_table.h"
#include "client/client.h"

namespace larder::agent {
namespace {

using nlohmann::json;

// Calls `read` and turns the exceptions of nlohmann's accessors (wrong type) into an error.
template <class T, class Read>
Result<T> parse(std::string_view text, Read read) {
  try {
    return read(json::parse(text));
  } catch (const json::exception& e) {
    return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", e.what());
  }
}

// Throws if it is not an object: find() on another type would only find nothing.
void require_object(const json& from) {
  (void)from.get_ref<const json::object_t&>();
}

template <class T>
T get(const json& from, const char* name, T fallback = {}) {
  const auto found = from.find(name);
  return found == from.end() || found->is_null() ? fallback : found->get<T>();
}

std::string text(const json& from, const char* name) {
  return get<std::string>(from, name);
}
std::uint64_t number(const json& from, const char* name) {
  return get<std::uint64_t>(from, name);
}

std::optional<std::uint64_t> optional_number(const json& from, const char* name) {
  const auto found = from.find(name);
  if (found == from.end() || found->is_null()) return std::nullopt;
  return found->get<std::uint64_t>();
}

json object(const json& from, const char* name) {
  const auto found = from.find(name);
  return found == from.end() || found->is_null() ? json::object() : *found;
}

// Splits "cannot DOING: DETAIL", the form of Error::text(), so that the error shows the same here.
Error error_of(const json& from) {
  Error error;
  error.code = error_code_from_name(text(from, "code")).value_or(ErrorCode::internal);
  std::string message = text(from, "message");
  if (message.empty()) message = text(from, "text");  // as larder-inbox calls it
  constexpr std::string_view kCannot = "cannot ";
  const auto colon = message.find(": ");
  if (message.starts_with(kCannot) && colon != std::string::npos) {
    error.doing = message.substr(kCannot.size(), colon - kCannot.size());
    error.detail = message.substr(colon + 2);
  } else {
    error.doing = "do that";
    error.detail = message;
  }
  if (const auto after = from.find("retry_after_s"); after != from.end() && after->is_number())
    error.retry_after = std::chrono::seconds(static_cast<std::int64_t>(after->get<double>()));
  return error;
}

std::optional<Error> optional_error(const json& from) {
  const auto found = from.find("error");
  if (found == from.end() || found->is_null()) return std::nullopt;
  return error_of(*found);
}

FiguresView figures_of(const json& from) {
  require_object(from);
  return {number(from, "origin"), number(from, "peers"), number(from, "cache"), number(from, "wasted")};
}

// Absent also from an agent of an earlier release.
std::optional<CrowdView> crowd_of(const json& from) {
  const auto found = from.find("crowd");
  if (found == from.end() || found->is_null()) return std::nullopt;
  const json& crowd = *found;
  require_object(crowd);
  return CrowdView{number(crowd, "members"), number(crowd, "fetchers"),   number(crowd, "segments"),
                   number(crowd, "held"),    number(crowd, "first_hand"), number(crowd, "elsewhere"),
                   number(crowd, "claimed")};
}

std::optional<NotSharedView> not_shared_of(const json& from) {
  const auto found = from.find("not_shared");
  if (found == from.end() || !found->is_object()) return std::nullopt;
  NotSharedView view;
  view.reason = text(*found, "reason");
  view.text = text(*found, "text");
  view.key = text(*found, "key");
  view.machine = get<bool>(*found, "machine");
  return view;
}

FileView file_of(const json& from) {
  require_object(from);
  FileView file;
  file.index = get<unsigned>(from, "index");
  file.url = text(from, "url");
  file.destination = text(from, "destination");
  file.state = text(from, "state");
  file.size = optional_number(from, "size");
  file.bytes = number(from, "bytes");
  file.contiguous = number(from, "contiguous");
  file.figures = figures_of(object(from, "figures"));
  file.crowd = crowd_of(from);
  file.content = text(from, "content");
  file.etag = text(from, "etag");
  file.last_modified = text(from, "last_modified");
  file.actual_sha256 = text(from, "actual_sha256");
  file.verdict = text(from, "verdict");
  file.verdict_reason = text(from, "verdict_reason");
  file.effective_url = text(from, "effective_url");
  file.note = text(from, "note");
  file.file_name = text(from, "file_name");
  file.mirrors = get<std::vector<std::string>>(from, "mirrors");
  file.mirror = get<unsigned>(from, "mirror");
  file.not_shared = not_shared_of(from);
  file.restarts = get<unsigned>(from, "restarts");
  if (const auto age = from.find("offline_age_s"); age != from.end() && age->is_number()) {
    file.offline_age_s = age->get<double>();
  }
  file.error = optional_error(from);
  file.name = text(from, "name");
  file.protocol = text(from, "protocol");
  file.transaction = text(from, "transaction");
  file.source = text(from, "source");
  file.sent = number(from, "sent");
  file.resent = number(from, "resent");
  file.confirmed = get<bool>(from, "confirmed");
  file.reply = get<bool>(from, "reply");
  return file;
}

JobView job_of(const json& from) {
  require_object(from);
  JobView job;
  job.kind = get<std::string>(from, "kind", "download");
  job.id = text(from, "id");
  job.name = text(from, "name");
  job.owner = number(from, "owner");
  job.state = text(from, "state");
  job.priority = text(from, "priority");
  job.not_shared = not_shared_of(from);
  job.created = text(from, "created");
  job.finished = text(from, "finished");
  job.retry_at = text(from, "retry_at");
  job.gives_up_at = text(from, "gives_up_at");
  job.error = optional_error(from);
  job.error_count = get<unsigned>(from, "error_count");
  job.size = optional_number(from, "size");
  job.bytes = number(from, "bytes");
  job.figures = figures_of(object(from, "figures"));
  job.crowd = crowd_of(from);
  job.files_total = number(from, "files_total");
  job.files_done = number(from, "files_done");
  job.max_rate = number(from, "max_rate");
  job.app_verdict = get<bool>(object(from, "verdict"), "app");
  if (const auto files = from.find("files"); files != from.end())
    for (const json& file : *files) job.files.push_back(file_of(file));
  return job;
}

RecordView record_of(const json& from) {
  require_object(from);
  RecordView record;
  record.id = text(from, "id");
  record.state = text(from, "state");
  record.sha256 = text(from, "sha256");
  record.root = text(from, "root");
  record.last_used = text(from, "last_used");
  record.created = text(from, "created");
  record.size = optional_number(from, "size");
  record.bytes_held = number(from, "bytes_held");
  record.uses = optional_number(from, "uses");
  record.validated = get<bool>(from, "validated");
  record.pinned = get<bool>(from, "pinned");
  record.shareable = get<bool>(from, "shareable");
  if (const auto versions = from.find("versions"); versions != from.end())
    for (const json& version : *versions)
      record.versions.push_back({text(version, "url"), text(version, "etag"), text(version, "last_modified")});
  return record;
}

StatusView status_of(const json& from) {
  require_object(from);
  StatusView status;
  status.version = text(from, "version");
  status.state_directory = text(from, "state_directory");
  status.pid = number(from, "pid");
  status.user = number(from, "user");
  status.active_transfers = number(from, "active_transfers");
  status.uptime_s = get<double>(from, "uptime_s");
  status.jobs = get<std::map<std::string, std::uint64_t>>(from, "jobs");
  status.bytes = figures_of(object(from, "bytes"));
  const json files = object(from, "files");
  status.files_transferred = number(files, "transferred");
  status.files_failed = number(files, "failed");
  status.cache_hits = number(files, "cache_hits");
  status.verdicts_not_valid = number(files, "verdicts_not_valid");
  const json cache = object(from, "cache");
  status.records = number(cache, "records");
  status.cache_bytes = number(cache, "bytes");
  status.max_size = number(cache, "max_size");
  status.keep_free = number(cache, "keep_free");
  status.available = number(cache, "available");
  status.evicted = number(cache, "evicted");
  status.dropped = number(cache, "dropped_damaged");
  status.admin = get<bool>(object(from, "caller"), "admin");
  const json authorities = object(from, "authorities");
  status.authorities_source = text(authorities, "source");
  status.authorities_fingerprint = text(authorities, "fingerprint");
  return status;
}

DescriptorView descriptor_of(const json& from) {
  require_object(from);
  return {get<unsigned>(from, "index"), optional_number(from, "size"), number(from, "contiguous"),
          text(from, "last_modified")};
}

}  // namespace

Result<JobView> parse_job(std::string_view text) {
  return parse<JobView>(text, job_of);
}

Result<std::vector<JobView>> parse_jobs(std::string_view text) {
  return parse<std::vector<JobView>>(text, [](const json& from) {
    std::vector<JobView> jobs;
    for (const json& job : from.at("jobs")) jobs.push_back(job_of(job));
    return jobs;
  });
}

Result<FileView> parse_file_event(std::string_view text) {
  return parse<FileView>(text, [](const json& from) { return file_of(from.at("file")); });
}

Result<FileNews> parse_file_news(std::string_view json_text) {
  return parse<FileNews>(json_text, [](const json& from) {
    const json& file = from.at("file");
    require_object(file);
    return FileNews{get<unsigned>(file, "index"), text(file, "state"), text(file, "content"), text(file, "verdict"),
                    optional_number(file, "size")};
  });
}

Result<StatusView> parse_status(std::string_view text) {
  return parse<StatusView>(text, status_of);
}

Result<RecordView> parse_record(std::string_view text) {
  return parse<RecordView>(text, record_of);
}

Result<RecordPage> parse_records(std::string_view json_text) {
  return parse<RecordPage>(json_text, [](const json& from) {
    RecordPage page;
    for (const json& record : from.at("records")) page.records.push_back(record_of(record));
    page.next = text(from, "next");
    return page;
  });
}

Result<std::uint64_t> parse_removed(std::string_view text) {
  return parse<std::uint64_t>(text, [](const json& from) { return number(from, "removed"); });
}

Result<DescriptorView> parse_descriptor(std::string_view text) {
  return parse<DescriptorView>(text, descriptor_of);
}

Result<std::vector<DescriptorView>> parse_descriptors(std::string_view text) {
  return parse<std::vector<DescriptorView>>(text, [](const json& from) {
    std::vector<DescriptorView> views;
    for (const json& view : from.at("files")) views.push_back(descriptor_of(view));
    return views;
  });
}

Result<ConfigView> parse_config_answer(std::string_view json_text) {
  return parse<ConfigView>(json_text, [](const json& from) { return ConfigView{text(from, "toml")}; });
}

std::optional<Error> parse_error(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object() || !body.contains("error") || !body["error"].is_object()) return std::nullopt;
  const auto error = parse<Error>(text, [](const json& from) { return error_of(from.at("error")); });
  return error ? std::optional<Error>(*error) : std::nullopt;
}

Error error_from_answer(int status, std::string_view body) {
  if (auto error = parse_error(body)) return *error;
  return Error{ErrorCode::agent_answer_invalid, "read the agent's answer",
               fmt::format("it answered {} without saying why; is that a larderd?", status)};
}

}  // namespace larder::agent
