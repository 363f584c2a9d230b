// The options of `larder get` and `larder job create` as typed, and their meaning. Pure but for the reader of files.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/get/get_plan.h"
#include "agent/cli/place/destination.h"
#include "base/result.h"

namespace larder::agent {

struct RequestOptions {  // of get, job create
  std::vector<std::string> urls;
  std::string list_file, sha256, minisign_key, minisign_signature_file, hook, priority, rate, max_size;
  std::vector<std::string> headers;
  std::string header_file, user_file, proxy, proxy_user_file, ca_file, certificate_file, key_file, key_password_file;
  std::string http, ranges, retry_for, retry_delay, maximum_time, notify, name;
  unsigned parallel = 1;
  bool no_cache = false, no_store = false, redirect_loopback = false, app_verdict = false, suspended = false;
  bool no_peers = false, no_share = false, offline_ok = false;
  std::vector<std::string> mirrors;
  bool netrc = false;
  std::string netrc_file;
  std::string home;  // directory in which --netrc looks for .netrc
};

struct GetOptions {
  RequestOptions request;
  std::string output, directory, check_command, working_directory;
  bool json = false, quiet = false, remote_name = false, overwrite = false;
};

// Returns the text of a file, or of standard input for "-".
using FileReader = std::function<Result<std::string>(const std::string& path)>;
[[nodiscard]] Result<std::string> read_text_file(const std::string& path);  // at most 16 MiB

[[nodiscard]] Result<JobRequest> make_request(const RequestOptions& options, const FileReader& read,
                                              std::vector<ListedFile>& listed);
[[nodiscard]] Result<GetPlan> make_plan(const GetOptions& options, const FileReader& read);
// Completes a plan whose destinations are judged: refuses options that exclude each other, and names the job.
[[nodiscard]] Status complete_plan(GetPlan& plan);

// Parses "0-99,200-299,900-": inclusive, as in HTTP; an open end is the end of the file. "-100" is the last 100 bytes,
// with offset UINT64_MAX.
[[nodiscard]] Result<std::vector<ByteRange>> parse_ranges(std::string_view text);
// Parses "Name: value".
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_header(std::string_view text);
// Parses "user:password" on the first line.
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_user(std::string_view text, const std::string& source);

}  // namespace larder::agent
