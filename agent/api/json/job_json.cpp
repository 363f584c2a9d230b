#include "agent/api/json/job_json.h"

#include <fmt/format.h>

#include "agent/api/json/json_reader.h"
#include "agent/config/proxy_url.h"
#include "agent/jobs/rules/job_limits.h"
#include "origin/http/authorities.h"
#include "origin/http/given_headers.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxName = 1024;
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxSecret = 65'535;
constexpr std::size_t kMaxPem = 256 * 1024;
constexpr std::size_t kMaxMinisign = 8 * 1024;
constexpr std::size_t kMaxReason = 4096;
constexpr std::size_t kMaxRanges = 10'000;
constexpr std::size_t kMaxFiles = 1000;
constexpr std::size_t kMaxDescriptors = 64;
constexpr Duration kLongest = std::chrono::hours(24 * 3650);
constexpr std::uint64_t kMaxBytes = INT64_MAX;

void read_headers(JsonReader& reader, std::vector<origin::Header>& headers) {
  std::size_t bytes = 0;
  reader.each("headers", origin::kMaxGivenHeaders, [&](const json& pair, const std::string& path) {
    const auto where = path.substr(path.find("headers"));
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
      return reader.wrong(where, "must be [\"Name\", \"value\"]");
    origin::Header header{pair[0].get<std::string>(), pair[1].get<std::string>()};
    if (const auto refusal = origin::refusal_of(header)) return reader.wrong(where, *refusal);
    bytes += origin::given_bytes(header);
    if (bytes > origin::kMaxGivenHeaderBytes)
      return reader.wrong("headers", fmt::format("must have at most {} bytes in all", origin::kMaxGivenHeaderBytes));
    headers.push_back(std::move(header));
  });
}

void read_http(JsonReader& reader, origin::ConnectOptions& connect) {
  using Http = origin::ConnectOptions::Http;
  std::string http = "any";
  reader.text("http", http, 16);
  if (http == "any")
    connect.http = Http::any;
  else if (http == "1.0")
    connect.http = Http::http1_0;
  else if (http == "1.1")
    connect.http = Http::http1_1;
  else if (http == "2")
    connect.http = Http::http2;
  else
    reader.wrong("http", "must be one of \"any\", \"1.0\", \"1.1\", \"2\"");
}

void read_connect(JsonReader& reader, origin::ConnectOptions& connect) {
  read_headers(reader, connect.headers);
  reader.text("user", connect.user, 300);
  reader.text("password", connect.password, kMaxSecret);
  reader.text("proxy", connect.proxy, kMaxPath);
  if (const auto problem = check_proxy(connect.proxy)) reader.wrong("proxy", *problem);
  reader.text("proxy_user", connect.proxy_user, 300);
  reader.text("proxy_password", connect.proxy_password, kMaxSecret);
  reader.text("ca_certificates", connect.ca_certificates, origin::kMaxAuthorities);
  if (std::string path; reader.has("ca_file")) {
    reader.text("ca_file", path, kMaxPath);
    reader.wrong("ca_file",
                 "is not taken: the agent opens no file that a caller names; send the PEM text as "
                 "\"connect.ca_certificates\" (larder --ca-file does so)");
  }
  reader.text("client_certificate", connect.client_certificate, kMaxPem);
  reader.text("client_key", connect.client_key, kMaxPem);
  reader.text("client_key_password", connect.client_key_password, kMaxSecret);
  if (connect.client_certificate.empty() != connect.client_key.empty())
    reader.wrong("client_key", "and \"client_certificate\" must be given together");
  read_http(reader, connect);
}

void read_verdict_policy(JsonReader& reader, VerdictPolicy& verdict) {
  reader.object("minisign", [&](JsonReader& minisign) {
    minisign.require("public_key");
    minisign.text("public_key", verdict.minisign_public_key, kMaxMinisign);
    minisign.text("signature", verdict.minisign_signature, kMaxMinisign);
  });
  reader.text("hook", verdict.hook, 64);
  reader.flag("app", verdict.app);
}

template <class Optional, class Read>
void read_given(JsonReader& reader, const char* name, Optional& target, Read read) {
  typename Optional::value_type value{};
  read(value);
  if (reader.has(name)) target = std::move(value);
}

void read_priority(JsonReader& reader, Priority& priority) {
  std::string name;
  reader.text("priority", name, 32);
  if (!reader.has("priority")) return;
  if (const auto known = priority_from_name(name))
    priority = *known;
  else
    reader.wrong("priority", "must be one of \"foreground\", \"high\", \"normal\", \"low\"");
}

// What uploads have too.
void read_common_options(JsonReader& reader, JobOptions& options) {
  reader.text("name", options.name, kMaxName);
  read_priority(reader, options.priority);
  reader.count("max_rate", options.max_rate, 0, kMaxBytes);
  reader.duration("retry_delay_s", options.retry_delay, kLongest);
  reader.duration("no_progress_timeout_s", options.no_progress_timeout, kLongest);
  reader.duration("maximum_time_s", options.maximum_time, kLongest);
  reader.text("notify", options.notify_command, 64);
  reader.object("connect", [&](JsonReader& connect) { read_connect(connect, options.connect); });
}

void read_options(JsonReader& reader, JobOptions& options) {
  read_common_options(reader, options);
  reader.object("verdict", [&](JsonReader& verdict) { read_verdict_policy(verdict, options.verdict); });
  reader.count("max_file_size", options.max_file_size, 0, kMaxBytes);
  reader.count("parallel_ranges", options.parallel_ranges, 1, 16);
  reader.flag("use_cache", options.use_cache);
  reader.flag("store", options.store);
  reader.flag("redirect_loopback", options.redirect_loopback);
  reader.flag("use_peers", options.use_peers);
  reader.flag("share", options.share);
  reader.flag("offline_ok", options.offline_ok);
}

// [offset, length]; [offset, null]: to the end; [null, length]: the last `length` bytes.
std::optional<ByteRange> range_of(const json& pair) {
  if (!pair.is_array() || pair.size() != 2) return std::nullopt;
  if (pair[0].is_null()) {
    const auto last = whole_number(pair[1]);
    if (!last || *last == 0 || *last > kMaxBytes) return std::nullopt;
    return ByteRange{UINT64_MAX, *last};
  }
  const auto offset = whole_number(pair[0]);
  const auto length = pair[1].is_null() ? std::optional<std::uint64_t>(UINT64_MAX) : whole_number(pair[1]);
  if (!offset || !length || *offset > kMaxBytes || *length == 0) return std::nullopt;
  if (*length != UINT64_MAX && *length > kMaxBytes - *offset) return std::nullopt;
  return ByteRange{*offset, *length};
}

void read_sha256(JsonReader& reader, FileSpec& file) {
  std::string sha256;
  reader.text("sha256", sha256, 128);
  file.sha256 = digest_from_hex(sha256);
  if (reader.has("sha256") && !file.sha256) reader.wrong("sha256", "must be 64 hex digits");
}

void read_file(JsonReader& reader, FileSpec& file) {
  reader.require("url");
  reader.text("url", file.url, origin::kMaxUrl);
  reader.text("destination", file.destination, kMaxPath);
  reader.each("ranges", kMaxRanges, [&](const json& pair, const std::string& path) {
    const auto range = range_of(pair);
    if (range) return file.ranges.push_back(*range);
    reader.wrong(path.substr(path.find("ranges")),
                 "must be [offset, length] with a length from 1 up, [offset, null], or [null, length] for the last "
                 "bytes");
  });
  reader.each("mirrors", JobLimits::kMaxMirrors, [&](const json& url, const std::string& path) {
    const bool text = url.is_string() && url.get_ref<const std::string&>().size() <= origin::kMaxUrl;
    if (text) return file.mirrors.push_back({url.get<std::string>(), "", ""});
    reader.wrong(path.substr(path.find("mirrors")), fmt::format("must be a URL of at most {} bytes", origin::kMaxUrl));
  });
  read_sha256(reader, file);
  reader.text("minisign_signature", file.minisign_signature, kMaxMinisign);
  reader.finish();
}

void read_files(JsonReader& reader, std::optional<std::string>& error, std::vector<FileSpec>& files) {
  reader.each("files", kMaxFiles, [&](const json& value, const std::string& path) {
    JsonReader file(value, path, error);
    read_file(file, files.emplace_back());
  });
}

void read_upload_options(JsonReader& reader, UploadOptions& upload) {
  reader.text("transaction", upload.transaction, 128);
  std::string protocol = "auto";
  reader.text("protocol", protocol, 8);
  if (const auto wish = origin::protocol_wish_from_name(protocol))
    upload.protocol = *wish;
  else
    reader.wrong("protocol", "must be one of \"auto\", \"tus\", \"bits\", \"put\"");
  reader.flag("reply", upload.reply);
  reader.flag("spool", upload.spool);
  reader.flag("overwrite", upload.overwrite);
}

// Reads the whole body with `read(reader, error)`.
template <class Read>
Status read_body(std::string_view body, Read read) {
  const auto value = parse_bounded(body, kMaxJsonDepth, kMaxJsonValues);
  if (!value) return tl::unexpected<Error>(value.error());
  std::optional<std::string> error;
  JsonReader reader(*value, "", error);
  read(reader, error);
  reader.finish();
  if (error) return fail(ErrorCode::invalid_argument, "read the request's body", *error);
  return {};
}

template <class T, class Read>
Result<T> read_into(std::string_view body, Read read) {
  T target{};
  const Status done =
      read_body(body, [&](JsonReader& reader, std::optional<std::string>& error) { read(reader, error, target); });
  if (!done) return tl::unexpected<Error>(done.error());
  return target;
}

}  // namespace

Result<CreateRequest> parse_create(std::string_view body) {
  return read_into<CreateRequest>(body, [](JsonReader& reader, auto& error, CreateRequest& request) {
    read_options(reader, request.options);
    read_files(reader, error, request.files);
    reader.flag("start", request.start);
  });
}

Result<UploadRequest> parse_upload(std::string_view body) {
  return read_into<UploadRequest>(body, [](JsonReader& reader, auto& error, UploadRequest& request) {
    read_common_options(reader, request.options);
    read_upload_options(reader, request.options.upload.emplace());
    reader.require("files");
    reader.each("files", kMaxFiles, [&](const json& value, const std::string& path) {
      JsonReader file(value, path, error);
      FileSpec& spec = request.files.emplace_back();
      file.require("url");
      file.text("url", spec.url, origin::kMaxUrl);
      file.text("name", request.names.emplace_back(), kMaxName);
      read_sha256(file, spec);
      file.finish();
    });
    reader.flag("start", request.start);
  });
}

Result<std::vector<FileSpec>> parse_files(std::string_view body) {
  return read_into<std::vector<FileSpec>>(body, [](JsonReader& reader, auto& error, std::vector<FileSpec>& files) {
    reader.require("files");
    read_files(reader, error, files);
  });
}

Result<JobChange> parse_change(std::string_view body) {
  return read_into<JobChange>(body, [](JsonReader& reader, auto&, JobChange& change) {
    read_given(reader, "name", change.name, [&](auto& value) { reader.text("name", value, kMaxName); });
    read_given(reader, "priority", change.priority, [&](auto& value) { read_priority(reader, value); });
    read_given(reader, "max_rate", change.max_rate,
               [&](auto& value) { reader.count("max_rate", value, 0, kMaxBytes); });
    read_given(reader, "retry_delay_s", change.retry_delay,
               [&](auto& value) { reader.duration("retry_delay_s", value, kLongest); });
    read_given(reader, "no_progress_timeout_s", change.no_progress_timeout,
               [&](auto& value) { reader.duration("no_progress_timeout_s", value, kLongest); });
    read_given(reader, "maximum_time_s", change.maximum_time,
               [&](auto& value) { reader.duration("maximum_time_s", value, kLongest); });
    read_given(reader, "notify", change.notify_command, [&](auto& value) { reader.text("notify", value, 64); });
  });
}

Result<VerdictRequest> parse_verdict(std::string_view body) {
  return read_into<VerdictRequest>(body, [](JsonReader& reader, auto&, VerdictRequest& verdict) {
    reader.require("valid");
    reader.flag("valid", verdict.valid);
    reader.text("reason", verdict.reason, kMaxReason);
  });
}

Result<std::string> parse_retarget(std::string_view body) {
  return read_into<std::string>(body, [](JsonReader& reader, auto&, std::string& url) {
    reader.require("url");
    reader.text("url", url, origin::kMaxUrl);
  });
}

Result<std::vector<unsigned>> parse_descriptors(std::string_view body) {
  return read_into<std::vector<unsigned>>(body, [](JsonReader& reader, auto&, std::vector<unsigned>& indices) {
    reader.require("files");
    reader.each("files", kMaxDescriptors, [&](const json& value, const std::string& path) {
      const auto index = whole_number(value);
      if (!index || *index >= kMaxFiles) return reader.wrong(path, "must be the index of a file");
      indices.push_back(static_cast<unsigned>(*index));
    });
    if (indices.empty()) reader.wrong("files", "must have 1 to 64 elements");
  });
}

Result<bool> parse_pin(std::string_view body) {
  return read_into<bool>(body, [](JsonReader& reader, auto&, bool& pinned) {
    reader.require("pinned");
    reader.flag("pinned", pinned);
  });
}

}  // namespace larder::agent
