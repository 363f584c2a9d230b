#include "client/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error_table.h"
#include "base/text/text.h"

namespace larder::agent {
namespace {

using nlohmann::json;

constexpr std::string_view kDefaultPriority = "normal";  // the API's default

// Text from file names may not be UTF-8: invalid bytes become replacement characters.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void put(json& into, const char* name, const std::string& value) {
  if (!value.empty()) into[name] = value;
}

void put(json& into, const char* name, const std::optional<Duration>& value) {
  if (value) into[name] = std::chrono::duration<double>(*value).count();
}

json ranges_of(const std::vector<ByteRange>& ranges) {
  json list = json::array();
  for (const ByteRange& range : ranges) {
    json offset = range.offset == UINT64_MAX ? json(nullptr) : json(range.offset);
    json length = range.length == UINT64_MAX ? json(nullptr) : json(range.length);
    list.push_back(json::array({std::move(offset), std::move(length)}));
  }
  return list;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = is_letter(c) || is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

json mirrors_of(const FileRequest& file) {
  json list = json::array();
  for (std::size_t i = 0; i < file.mirrors.size(); ++i) {
    const bool known = i < file.mirror_credentials.size() && file.mirror_credentials[i];
    list.push_back(known ? with_credentials(file.mirrors[i], *file.mirror_credentials[i]) : file.mirrors[i]);
  }
  return list;
}

json files_of(const std::vector<FileRequest>& files) {
  json list = json::array();
  for (const FileRequest& file : files) {
    json one = {{"url", file.credentials ? with_credentials(file.url, *file.credentials) : file.url}};
    if (!file.mirrors.empty()) one["mirrors"] = mirrors_of(file);
    put(one, "destination", file.destination);
    put(one, "sha256", file.sha256);
    put(one, "minisign_signature", file.minisign_signature);
    if (!file.ranges.empty()) one["ranges"] = ranges_of(file.ranges);
    list.push_back(std::move(one));
  }
  return list;
}

json connect_of(const JobRequest& request) {
  json connect = json::object();
  if (!request.headers.empty()) {
    json headers = json::array();
    for (const auto& [name, value] : request.headers) headers.push_back(json::array({name, value}));
    connect["headers"] = std::move(headers);
  }
  put(connect, "user", request.user);
  put(connect, "password", request.password);
  put(connect, "proxy", request.proxy);
  put(connect, "proxy_user", request.proxy_user);
  put(connect, "proxy_password", request.proxy_password);
  put(connect, "ca_certificates", request.ca_certificates);
  put(connect, "client_certificate", request.client_certificate);
  put(connect, "client_key", request.client_key);
  put(connect, "client_key_password", request.client_key_password);
  put(connect, "http", request.http);
  return connect;
}

json verdict_of(const JobRequest& request) {
  json verdict = json::object();
  if (!request.minisign_public_key.empty()) {
    json minisign = {{"public_key", request.minisign_public_key}};
    put(minisign, "signature", request.minisign_signature);
    verdict["minisign"] = std::move(minisign);
  }
  put(verdict, "hook", request.hook);
  if (request.app_verdict) verdict["app"] = true;
  return verdict;
}

// Members that jobs of both kinds have. Defaults are left out, since an agent of another release refuses members that
// it does not know.
json common_of(const JobRequest& request) {
  json body = json::object();
  if (request.priority != kDefaultPriority) body["priority"] = request.priority;
  if (!request.start) body["start"] = false;
  put(body, "name", request.name);
  if (json connect = connect_of(request); !connect.empty()) body["connect"] = std::move(connect);
  if (request.max_rate > 0) body["max_rate"] = request.max_rate;
  put(body, "retry_delay_s", request.retry_delay);
  put(body, "no_progress_timeout_s", request.no_progress_timeout);
  put(body, "maximum_time_s", request.maximum_time);
  put(body, "notify", request.notify);
  return body;
}

json error_of(const Error& error) {
  return {{"code", error_info(error.code).name}, {"message", error.text()}};
}

json figures_of(const FiguresView& figures) {
  return {{"origin", figures.origin}, {"peers", figures.peers}, {"cache", figures.cache}, {"wasted", figures.wasted}};
}

json reported_file(const FileView& file, const std::string& written) {
  json one = {{"index", file.index}, {"url", file.url}, {"state", file.state}, {"figures", figures_of(file.figures)}};
  one["written"] = written.empty() ? json(nullptr) : json(written);
  one["size"] = file.size ? json(*file.size) : json(nullptr);
  put(one, "sha256", file.actual_sha256);
  put(one, "verdict", file.verdict);
  put(one, "verdict_reason", file.verdict_reason);
  put(one, "note", file.note);
  put(one, "file_name", file.file_name);
  if (!file.mirrors.empty()) {
    one["mirrors"] = file.mirrors;
    one["mirror"] = file.mirror;
  }
  one["not_shared"] = nullptr;
  if (const auto& why = file.not_shared) {
    one["not_shared"] = {{"reason", why->reason}, {"text", why->text}, {"machine", why->machine}};
    one["not_shared"]["key"] = why->key.empty() ? json(nullptr) : json(why->key);
  }
  one["restarts"] = file.restarts;
  one["offline_age_s"] = file.offline_age_s ? json(*file.offline_age_s) : json(nullptr);
  one["error"] = file.error ? error_of(*file.error) : json(nullptr);
  return one;
}

}  // namespace

std::string job_body(const JobRequest& request) {
  json body = common_of(request);
  if (!request.files.empty()) body["files"] = files_of(request.files);
  if (json verdict = verdict_of(request); !verdict.empty()) body["verdict"] = std::move(verdict);
  if (request.max_file_size > 0) body["max_file_size"] = request.max_file_size;
  if (request.parallel_ranges > 1) body["parallel_ranges"] = request.parallel_ranges;
  if (!request.use_cache) body["use_cache"] = false;
  if (!request.store) body["store"] = false;
  if (request.redirect_loopback) body["redirect_loopback"] = true;
  if (!request.use_peers) body["use_peers"] = false;
  if (!request.share) body["share"] = false;
  if (request.offline_ok) body["offline_ok"] = true;
  return dump(body);
}

std::string upload_body(const UploadRequest& request) {
  json body = common_of(request.job);
  json files = json::array();
  for (std::size_t i = 0; i < request.job.files.size(); ++i) {
    const FileRequest& file = request.job.files[i];
    json one = {{"url", file.credentials ? with_credentials(file.url, *file.credentials) : file.url}};
    if (i < request.names.size()) put(one, "name", request.names[i]);
    put(one, "sha256", file.sha256);
    files.push_back(std::move(one));
  }
  body["files"] = std::move(files);
  put(body, "transaction", request.transaction);
  put(body, "protocol", request.protocol);
  if (request.reply) body["reply"] = true;
  if (request.spool) body["spool"] = true;
  if (request.overwrite) body["overwrite"] = true;
  return dump(body);
}

std::string files_body(const std::vector<FileRequest>& files) {
  return dump({{"files", files_of(files)}});
}

std::string change_body(const JobChangeRequest& change) {
  json body = json::object();
  if (change.name) body["name"] = *change.name;
  if (change.priority) body["priority"] = *change.priority;
  if (change.notify) body["notify"] = *change.notify;
  if (change.max_rate) body["max_rate"] = *change.max_rate;
  put(body, "retry_delay_s", change.retry_delay);
  put(body, "no_progress_timeout_s", change.no_progress_timeout);
  put(body, "maximum_time_s", change.maximum_time);
  return dump(body);
}

std::string verdict_body(bool valid, const std::string& reason) {
  json body = {{"valid", valid}};
  put(body, "reason", reason);
  return dump(body);
}

std::string retarget_body(const std::string& url) {
  return dump({{"url", url}});
}
std::string pin_body(bool pinned) {
  return dump({{"pinned", pinned}});
}
std::string indices_body(const std::vector<unsigned>& indices) {
  return dump({{"files", indices}});
}

std::string get_report(const JobView& job, const std::vector<std::string>& written, const std::optional<Error>& error) {
  json files = json::array();
  for (const FileView& file : job.files)
    files.push_back(reported_file(file, file.index < written.size() ? written[file.index] : std::string()));
  return dump({{"job", job.id},
               {"state", job.state},
               {"figures", figures_of(job.figures)},
               {"files", std::move(files)},
               {"error", error ? error_of(*error) : json(nullptr)}});
}

std::string put_report(const JobView& job, const std::string& reply_file, const std::optional<Error>& error) {
  json files = json::array();
  for (const FileView& file : job.files) {
    json one = {{"index", file.index},        {"url", file.url},
                {"name", file.name},          {"state", file.state},
                {"bytes", file.bytes},        {"sent", file.sent},
                {"resent", file.resent},      {"protocol", file.protocol},
                {"source", file.source},      {"transaction", file.transaction},
                {"confirmed", file.confirmed}};
    one["size"] = file.size ? json(*file.size) : json(nullptr);
    put(one, "sha256", file.actual_sha256);
    one["error"] = file.error ? error_of(*file.error) : json(nullptr);
    files.push_back(std::move(one));
  }
  return dump({{"job", job.id},
               {"state", job.state},
               {"files", std::move(files)},
               {"reply", reply_file.empty() ? json(nullptr) : json(reply_file)},
               {"error", error ? error_of(*error) : json(nullptr)}});
}

std::string with_credentials(const std::string& url, const FileRequest::Credentials& credentials) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const auto start = scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", start), url.size());
  const auto at = url.rfind('@', end);
  const auto host = at == std::string::npos || at < start || at > end ? start : at + 1;
  return url.substr(0, start) + percent_encoded(credentials.user) + ":" + percent_encoded(credentials.password) + "@" +
         url.substr(host);
}

std::string error_report(const Error& error) {
  return dump({{"error", error_of(error)}});
}

}  // namespace larder::agent
