#include "agent/cli/put/put_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/cli/show/progress.h"
#include "base/text/text.h"
#include "base/text/units.h"
#include "client/job_follower.h"

namespace larder::agent {
namespace {

// The agent adds ".NUMBER" where a transaction has several files; the whole has 128 characters at most.
constexpr std::size_t kMaxTransaction = 120;

std::string escaped_segment(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = is_letter(c) || is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool is_of(const std::optional<Error>& error, std::span<const ErrorCode> codes) {
  return error && std::find(codes.begin(), codes.end(), error->code) != codes.end();
}

using enum ErrorCode;
// The same command cannot do better: the request, the file or the server's word is the cause.
constexpr std::array kOfTheRequest = {
    unauthorized,   proxy_unauthorized, certificate_rejected, tls_failed,     forbidden_url,           http_fatal,
    too_large,      too_many_redirects, redirect_forbidden,   source_changed, rejected_by_application, digest_mismatch,
    already_exists, invalid_argument};

}  // namespace

std::string sent_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

Result<std::vector<std::string>> target_urls(const std::string& url, const std::vector<std::string>& names,
                                             std::string_view protocol) {
  const std::size_t end = std::min(url.find_first_of("?#"), url.size());
  const bool is_folder = end > 0 && url[end - 1] == '/';
  const bool own_url = protocol == "put" || protocol == "bits";
  if (names.size() > 1 && !is_folder && protocol != "tus")
    return fail(invalid_argument, "put several files to " + printable(url),
                "each would replace the one before; a URL that ends in / takes several, and so does --protocol tus");
  std::vector<std::string> urls;
  for (const std::string& name : names) {
    if (is_folder && own_url && std::count(names.begin(), names.end(), name) > 1)
      return fail(invalid_argument, "put several files to " + printable(url),
                  fmt::format("two of them are called {}; put them one by one, with --name", printable(name)));
    urls.push_back(is_folder && own_url ? url.substr(0, end) + escaped_segment(name) + url.substr(end) : url);
  }
  return urls;
}

Status check_transaction(std::string_view id) {
  const bool visible =
      std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (!id.empty() && id.size() <= kMaxTransaction && visible) return {};
  return fail(invalid_argument, "use that --transaction",
              fmt::format("an id has 1 to {} visible ASCII characters, without blanks, \" and \\", kMaxTransaction));
}

std::string put_job_name(const std::vector<std::string>& names) {
  std::string text = "put " + (names.empty() ? std::string() : printable(names.front()).substr(0, 60));
  if (names.size() > 1) text += fmt::format(" and {} more", names.size() - 1);
  return text;
}

bool upload_worth_going_on(const JobView& job) {
  if (is_gone(job.state)) return false;
  return job.state != "error" || !is_of(job.error, kOfTheRequest);
}

bool upload_worth_keeping(const JobView& job) {
  if (is_of(job.error, kOfTheRequest)) return false;
  return std::any_of(job.files.begin(), job.files.end(), [](const FileView& file) {
    const bool unknown = file.error && file.error->code == outcome_unknown;
    return unknown || (file.state != "transferred" && file.bytes > 0);
  });
}

std::string put_summary(const std::string& name, const JobView& job, Duration took) {
  std::string text = render_summary(name, job.bytes, took, {});
  std::uint64_t resent = 0;
  for (const FileView& file : job.files) resent += file.resent;
  if (resent > 0) text += fmt::format("  sent again {}", format_bytes(resent));
  const bool confirmed = !job.files.empty() && std::all_of(job.files.begin(), job.files.end(),
                                                           [](const FileView& file) { return file.confirmed; });
  return text + (confirmed ? "  digest confirmed" : "");
}

}  // namespace larder::agent
