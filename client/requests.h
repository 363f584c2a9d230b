// Requests of the command line to the agent, and their JSON. No other file of client/ writes JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime/clock.h"
#include "base/text/units.h"
#include "client/views.h"

namespace larder::agent {

struct FileRequest {
  std::string url, destination, sha256, minisign_signature;
  std::vector<ByteRange> ranges;     // length UINT64_MAX: to the end; offset UINT64_MAX: the last `length` bytes
  bool stream = false;               // the destination is written to, not replaced
  bool remote_name = false;          // uses the origin's name of the file, if any, in the destination's directory
  std::vector<std::string> mirrors;  // tried in turn if `url` fails
  // Credentials by netrc for the hosts of `url` and `mirrors`: sent as the user info of each URL, never shown.
  struct Credentials {
    std::string user, password;
  };
  std::optional<Credentials> credentials;
  std::vector<std::optional<Credentials>> mirror_credentials;  // as `mirrors`; may be shorter
};

struct JobRequest {
  std::string name;
  std::string priority = "foreground";
  bool start = true;
  std::string minisign_public_key, minisign_signature, hook;
  bool app_verdict = false;
  std::uint64_t max_rate = 0, max_file_size = 0;
  unsigned parallel_ranges = 1;
  bool use_cache = true, store = true, redirect_loopback = false;
  bool use_peers = true, share = true, offline_ok = false;
  std::optional<Duration> retry_delay, no_progress_timeout, maximum_time;
  std::string notify;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string user, password, proxy, proxy_user, proxy_password;
  std::string ca_certificates;  // PEM text
  std::string client_certificate, client_key, client_key_password;
  std::string http;                // "any", "1.0", "1.1", "2"; empty: the agent's default
  std::vector<std::string> notes;  // for the user; not sent
  std::vector<FileRequest> files;
};

// What becomes of each of `job.files`, whose other members are those of downloads: `url` and `sha256`.
struct UploadRequest {
  JobRequest job;
  std::vector<std::string> names;  // of the files, for the receiver; as `job.files`
  std::string transaction;         // empty: the job's own
  std::string protocol;            // "tus", "bits", "put"; empty: as the server says
  bool reply = false, spool = false, overwrite = false;
};

struct JobChangeRequest {  // only members that are set are sent
  std::optional<std::string> name, priority, notify;
  std::optional<std::uint64_t> max_rate;
  std::optional<Duration> retry_delay, no_progress_timeout, maximum_time;
};

[[nodiscard]] std::string job_body(const JobRequest& request);
[[nodiscard]] std::string upload_body(const UploadRequest& request);
[[nodiscard]] std::string files_body(const std::vector<FileRequest>& files);
[[nodiscard]] std::string change_body(const JobChangeRequest& change);
[[nodiscard]] std::string verdict_body(bool valid, const std::string& reason);
[[nodiscard]] std::string retarget_body(const std::string& url);
[[nodiscard]] std::string pin_body(bool pinned);
[[nodiscard]] std::string indices_body(const std::vector<unsigned>& indices);
// Returns the output of `larder get --json`.
[[nodiscard]] std::string get_report(const JobView& job, const std::vector<std::string>& written,
                                     const std::optional<Error>& error);
// Returns the output of `larder put --json`; `reply_file`: where the application's reply was written, empty: nowhere.
[[nodiscard]] std::string put_report(const JobView& job, const std::string& reply_file,
                                     const std::optional<Error>& error);
// Returns `url` with its user info replaced by these credentials, percent-encoded.
[[nodiscard]] std::string with_credentials(const std::string& url, const FileRequest::Credentials& credentials);
// {"error": {"code", "message"}} for --json callers.
[[nodiscard]] std::string error_report(const Error& error);

}  // namespace larder::agent
