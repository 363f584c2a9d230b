#include "agent/cli/get/get_options.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "agent/cli/get/mirror_options.h"
#include "base/hash/digest.h"
#include "base/text/given_text.h"
#include "base/text/units.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxTextFile = 16 * 1024 * 1024;
constexpr std::size_t kMaxAuthorities = 512 * kKiB;  // as the API's document bounds connect.ca_certificates
// An interactive download gives up sooner than a background one (14 days).
constexpr std::chrono::minutes kGetRetryFor{10};

tl::unexpected<Error> wrong(std::string what, std::string why) {
  return fail(ErrorCode::invalid_argument, "understand " + what, std::move(why));
}

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// 42 bytes that begin with "Ed", as base64. A file with such a name must be given with its directory: ./RW…
bool is_minisign_key(std::string_view text) {
  const auto bytes = from_base64(text);
  return bytes && bytes->size() == 42 && (*bytes)[0] == std::byte{'E'} && (*bytes)[1] == std::byte{'d'};
}

// The public key is the last line of a .pub file; the text itself is accepted too.
Result<std::string> minisign_key(const std::string& option, const FileReader& read) {
  if (const std::string_view key = trim_given(option); is_minisign_key(key)) return std::string(key);
  auto text = read(option);
  if (!text) return text;
  return std::string(trim_given(given_lines(trim_given(*text)).back()));
}

Status read_into(std::string& into, const std::string& path, const FileReader& read) {
  if (path.empty()) return {};
  auto text = read(path);
  if (!text) return tl::unexpected(text.error());
  into = std::move(*text);
  return {};
}

Status read_user(std::string& user, std::string& password, const std::string& path, const FileReader& read) {
  if (path.empty()) return {};
  auto text = read(path);
  if (!text) return tl::unexpected(text.error());
  auto pair = parse_user(*text, path);
  if (!pair) return tl::unexpected(pair.error());
  std::tie(user, password) = std::move(*pair);
  return {};
}

// Reads with the caller's rights, in the caller's process: the agent gets the text and opens no file. Checks only what
// needs no OpenSSL, whose loading would take a large part of a short command's time; the agent parses the whole.
Status read_authorities(std::string& into, const std::string& path, const FileReader& read) {
  if (path.empty()) return {};
  if (auto status = read_into(into, path, read); !status) return status;
  if (into.size() > kMaxAuthorities)
    return fail(ErrorCode::too_large, "use --ca-file " + path, "a file of authorities has 512 KiB at most");
  if (into.find("PRIVATE KEY-----") != std::string::npos)
    return wrong("--ca-file " + path, "there is a private key in it; give the certificates alone");
  if (into.find("-----BEGIN ") == std::string::npos)
    return wrong("--ca-file " + path, "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)");
  return {};
}

Status add_headers(JobRequest& request, const RequestOptions& options, const FileReader& read) {
  std::vector<std::string> lines;
  for (const std::string& header : options.headers) lines.emplace_back(trim_given(header));
  std::string text;
  if (auto status = read_into(text, options.header_file, read); !status) return status;
  for (const std::string_view given : given_lines(text)) {
    const std::string_view line = trim_given(given);
    if (!line.empty() && line[0] != '#') lines.emplace_back(line);
  }
  for (const std::string& line : lines) {
    auto header = parse_header(line);
    if (!header) return tl::unexpected(header.error());
    request.headers.push_back(std::move(*header));
  }
  return {};
}

Status add_connection(JobRequest& request, const RequestOptions& options, const FileReader& read) {
  if (auto status = add_headers(request, options, read); !status) return status;
  if (auto status = read_user(request.user, request.password, options.user_file, read); !status) return status;
  if (auto status = read_user(request.proxy_user, request.proxy_password, options.proxy_user_file, read); !status)
    return status;
  if (auto status = read_authorities(request.ca_certificates, options.ca_file, read); !status) return status;
  if (auto status = read_into(request.client_certificate, options.certificate_file, read); !status) return status;
  if (auto status = read_into(request.client_key, options.key_file, read); !status) return status;
  if (auto status = read_into(request.client_key_password, options.key_password_file, read); !status) return status;
  request.client_key_password = trim_given(request.client_key_password);
  request.proxy = options.proxy;
  request.http = options.http;
  return {};
}

Status add_verdict(JobRequest& request, const RequestOptions& options, const FileReader& read) {
  request.hook = options.hook;
  request.app_verdict = options.app_verdict;
  if (!options.minisign_key.empty()) {
    auto key = minisign_key(options.minisign_key, read);
    if (!key) return tl::unexpected(key.error());
    request.minisign_public_key = std::move(*key);
  }
  if (options.minisign_key.empty() != options.minisign_signature_file.empty())
    return wrong("the signature", "--minisign-key and --minisign-sig go together");
  return read_into(request.minisign_signature, options.minisign_signature_file, read);
}

Status add_duration(std::optional<Duration>& into, const std::string& text) {
  if (text.empty()) return {};
  auto duration = parse_duration(text);
  if (!duration) return tl::unexpected(duration.error());
  into = *duration;
  return {};
}

Status add_limits(JobRequest& request, const RequestOptions& options) {
  if (!options.rate.empty()) {
    auto rate = parse_rate(options.rate);
    if (!rate) return tl::unexpected(rate.error());
    request.max_rate = *rate;
  }
  if (!options.max_size.empty()) {
    auto size = parse_bytes(options.max_size);
    if (!size) return tl::unexpected(size.error());
    request.max_file_size = *size;
  }
  if (auto status = add_duration(request.no_progress_timeout, options.retry_for); !status) return status;
  if (auto status = add_duration(request.retry_delay, options.retry_delay); !status) return status;
  return add_duration(request.maximum_time, options.maximum_time);
}

Status add_files(JobRequest& request, const RequestOptions& options, const FileReader& read,
                 std::vector<ListedFile>& listed) {
  for (const std::string& url : options.urls) listed.push_back({std::string(trim_given(url)), "", ""});
  if (!options.list_file.empty()) {
    auto text = read(options.list_file);
    if (!text) return tl::unexpected(text.error());
    auto files = parse_list(*text, options.list_file);
    if (!files) return tl::unexpected(files.error());
    listed.insert(listed.end(), files->begin(), files->end());
  }
  if (listed.size() > kMaxListed)
    return fail(ErrorCode::limit_exceeded, "ask for so many files", fmt::format("a job has {} at most", kMaxListed));
  if (!options.sha256.empty() && listed.size() != 1)
    return wrong("--sha256", "it goes with one URL; a list (--from) takes a digest for each");
  std::vector<ByteRange> ranges;
  if (!options.ranges.empty()) {
    auto parsed = parse_ranges(options.ranges);
    if (!parsed) return tl::unexpected(parsed.error());
    ranges = std::move(*parsed);
  }
  for (ListedFile& file : listed) {
    if (!options.sha256.empty()) file.sha256 = trim_given(options.sha256);
    if (!file.sha256.empty() && !digest_from_hex(file.sha256))
      return wrong("the SHA-256 \"" + file.sha256 + "\"", "it has 64 hexadecimal digits");
    if (auto url = origin::parse_url(file.url); !url) return tl::unexpected(url.error());
    FileRequest& asked = request.files.emplace_back();
    asked.url = file.url;
    asked.sha256 = file.sha256;
    asked.ranges = ranges;
  }
  return add_mirrors(request, options);
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  const bool standard_input = path == "-";
  const auto close = [standard_input](std::FILE* file) {
    if (!standard_input) (void)std::fclose(file);
  };
  const std::unique_ptr<std::FILE, decltype(close)> file(standard_input ? stdin : std::fopen(path.c_str(), "re"),
                                                         close);
  if (!file) return fail(ErrorCode::not_found, "read " + path, std::strerror(errno));
  std::string text;
  std::array<char, 16384> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), size);
    if (text.size() > kMaxTextFile) return fail(ErrorCode::too_large, "read " + path, "16 MiB at most");
  }
  if (std::ferror(file.get()) != 0) return fail(ErrorCode::disk_error, "read " + path, std::strerror(errno));
  return text;
}

Result<std::vector<ByteRange>> parse_ranges(std::string_view text) {
  std::vector<ByteRange> ranges;
  const std::string what = fmt::format("the range \"{}\"", text);
  while (true) {
    const auto comma = text.find(',');
    const std::string_view part = trim_given(text.substr(0, comma));
    const auto dash = part.find('-');
    std::uint64_t first = 0, last = 0;
    if (dash == 0) {
      if (!parse_number(part.substr(1), last) || last == 0 || last == UINT64_MAX)
        return wrong(what, "-COUNT is the last COUNT bytes, 1 or more");
      ranges.push_back({UINT64_MAX, last});
    } else {
      if (dash == std::string_view::npos || !parse_number(part.substr(0, dash), first) || first == UINT64_MAX)
        return wrong(what, "a range is FIRST-LAST or FIRST-, counted from 0, or -COUNT for the last bytes");
      const bool open = dash + 1 == part.size();
      if (!open && (!parse_number(part.substr(dash + 1), last) || last < first || last == UINT64_MAX))
        return wrong(what, "a range is FIRST-LAST or FIRST-, counted from 0, LAST not before FIRST");
      ranges.push_back({first, open ? UINT64_MAX : last - first + 1});
    }
    if (comma == std::string_view::npos) return ranges;
    text.remove_prefix(comma + 1);
  }
}

Result<std::pair<std::string, std::string>> parse_header(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 ||
      text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    return wrong("a header", "a header is one line \"Name: value\"");
  const std::string_view name = trim_given(text.substr(0, colon));
  if (name.size() != colon) return wrong("a header", "there is a space before its colon");
  return std::pair{std::string(name), std::string(trim_given(text.substr(colon + 1)))};
}

Result<std::pair<std::string, std::string>> parse_user(std::string_view text, const std::string& source) {
  const std::string_view line = given_lines(text).front();  // blanks may belong to the password
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return wrong(source, "its first line must be user:password");  // the text itself is a secret
  return std::pair{std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))};
}

Result<JobRequest> make_request(const RequestOptions& options, const FileReader& reader,
                                std::vector<ListedFile>& listed) {
  const FileReader read = [&reader](const std::string& path) -> Result<std::string> {
    auto text = reader(path);
    if (!text) return text;
    return without_byte_order_mark(std::move(*text), path);
  };
  JobRequest request;
  request.name = options.name;
  if (!options.priority.empty()) request.priority = options.priority;
  request.start = !options.suspended;
  request.parallel_ranges = options.parallel;
  request.use_cache = !options.no_cache;
  request.store = !options.no_store;
  request.redirect_loopback = options.redirect_loopback;
  request.use_peers = !options.no_peers;
  request.share = !options.no_share;
  request.offline_ok = options.offline_ok;
  request.notify = options.notify;
  if (auto status = add_files(request, options, read, listed); !status) return tl::unexpected(status.error());
  if (auto status = add_netrc(request, options, read); !status) return tl::unexpected(status.error());
  if (auto status = add_connection(request, options, read); !status) return tl::unexpected(status.error());
  if (auto status = add_verdict(request, options, read); !status) return tl::unexpected(status.error());
  if (auto status = add_limits(request, options); !status) return tl::unexpected(status.error());
  return request;
}

Result<GetPlan> make_plan(const GetOptions& options, const FileReader& read) {
  GetPlan plan;
  std::vector<ListedFile> listed;
  auto request = make_request(options.request, read, listed);
  if (!request) return tl::unexpected(request.error());
  plan.request = std::move(*request);
  if (plan.request.files.empty()) return wrong("what to get", "no URL is given; name one, or a list with --from");
  if (options.request.priority.empty()) plan.request.priority = "foreground";
  plan.retry_for_given = plan.request.no_progress_timeout.has_value();
  if (!plan.retry_for_given) plan.request.no_progress_timeout = kGetRetryFor;
  plan.check_command = options.check_command;
  if (!plan.check_command.empty()) plan.request.app_verdict = true;
  plan.json = options.json;
  plan.quiet = options.quiet;
  plan.overwrite = options.overwrite;
  if (options.overwrite && !options.remote_name)
    return wrong("--overwrite", "it goes with -J; else files are replaced");
  if (options.remote_name && !options.output.empty()) return wrong("-J", "it and -o exclude each other");
  for (std::size_t i = 0; options.remote_name && i < listed.size(); ++i)
    plan.request.files[i].remote_name = listed[i].name.empty();
  const DestinationOptions where{options.output, options.directory, options.working_directory};
  if (auto chosen = choose_destinations(where, listed, plan.request.files); !chosen)
    return tl::unexpected(chosen.error());
  if (auto sound = complete_plan(plan); !sound) return tl::unexpected(sound.error());
  return plan;
}

Status complete_plan(GetPlan& plan) {
  for (const FileRequest& file : plan.request.files) {
    const bool standard_output = file.destination == kStandardOutput;
    if (plan.json && standard_output) return wrong("--json", "standard output is taken by the file");
    if (!plan.check_command.empty() && (standard_output || file.stream))
      return wrong("--check", fmt::format("what goes to {} cannot be checked before it is there; give a file with -o",
                                          standard_output ? "standard output" : file.destination));
  }
  plan.request.name = plan_job_name(plan);
  return {};
}

}  // namespace larder::agent
