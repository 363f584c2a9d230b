#include "agent/cli/get/mirror_options.h"

#include <fmt/format.h>

#include <string_view>

#include "agent/cli/get/netrc.h"
#include "base/text/given_text.h"
#include "base/text/text.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

tl::unexpected<Error> wrong(const std::string& what, std::string why) {
  return fail(ErrorCode::invalid_argument, "understand " + what, std::move(why));
}

std::optional<FileRequest::Credentials> credentials_for(const std::vector<NetrcEntry>& entries,
                                                        const std::string& text) {
  const auto url = origin::parse_url(text);
  if (!url || !url->password.empty()) return std::nullopt;
  const NetrcEntry* entry = netrc_entry(entries, url->host, url->user);
  if (entry == nullptr) return std::nullopt;
  return FileRequest::Credentials{entry->login, entry->password};
}

}  // namespace

Status add_mirrors(JobRequest& request, const RequestOptions& options) {
  if (options.mirrors.empty()) return {};
  if (request.files.size() != 1) return wrong("--mirror", "it goes with one URL");
  FileRequest& file = request.files.front();
  if (file.sha256.empty())
    return wrong(
        "--mirror",
        "it needs --sha256: of two servers each may have another file under the same name, and only the digest "
        "tells which is the one that you mean");
  if (options.mirrors.size() > kMaxMirrors)
    return fail(ErrorCode::limit_exceeded, "ask for so many mirrors",
                fmt::format("a file has {} at most", kMaxMirrors));
  for (const std::string& given : options.mirrors) {
    std::string mirror(trim_given(given));
    if (auto url = origin::parse_url(mirror); !url) return tl::unexpected(url.error());
    file.mirrors.push_back(std::move(mirror));
  }
  return {};
}

Status add_netrc(JobRequest& request, const RequestOptions& options, const FileReader& read) {
  const bool named = !options.netrc_file.empty();
  if (!named && !options.netrc) return {};
  if (!options.user_file.empty()) return wrong("--netrc", "it and --user-file exclude each other");
  if (!named && options.home.empty()) {
    request.notes.emplace_back("there is no home directory to look for .netrc in");
    return {};
  }
  const std::string path = named ? options.netrc_file : options.home + "/.netrc";
  auto text = read(path);
  if (!text && named) return tl::unexpected(text.error());
  if (!text) {  // as curl does: continue without passwords
    request.notes.push_back("without passwords: " + text.error().text());
    return {};
  }
  const auto entries = parse_netrc(*text, path);
  if (!entries) return tl::unexpected(entries.error());
  if (auto warning = netrc_warning(path)) request.notes.push_back(std::move(*warning));
  for (FileRequest& file : request.files) {
    file.credentials = credentials_for(*entries, file.url);
    for (const std::string& mirror : file.mirrors) file.mirror_credentials.push_back(credentials_for(*entries, mirror));
  }
  return {};
}

}  // namespace larder::agent
