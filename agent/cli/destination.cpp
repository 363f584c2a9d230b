#include "agent/cli/destination.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <sstream>

#include "agent/cli/progress.h"
#include "base/digest.h"
#include "origin/url.h"

namespace larder::agent {
namespace {

// At most `bytes` bytes, never half a UTF-8 sequence.
std::string shortened(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
  return text;
}

std::string joined(const std::string& directory, const std::string& name) {
  if (name.starts_with('/')) return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

bool looks_like_sha256(const std::string& text) {
  return digest_from_hex(text).has_value();
}

Result<ListedFile> parse_list_line(const std::string& line, const std::string& where) {
  std::istringstream words(line);
  ListedFile file;
  std::string word;
  words >> file.url;
  if (words >> word) {
    if (looks_like_sha256(word)) {
      file.sha256 = word;
      words >> word;
    }
    if (words || file.sha256.empty()) file.name = word;
    if (!file.sha256.empty() && file.name == file.sha256) file.name.clear();
  }
  if (words >> word)
    return fail(ErrorCode::invalid_argument, "read " + where, "there is more than \"URL [sha256] [name]\"");
  if (file.name.size() == 64 && file.sha256.empty())
    return fail(ErrorCode::invalid_argument, "read " + where, "its second word looks like a SHA-256 but is not hex");
  return file;
}

}  // namespace

std::string safe_name(std::string_view name) {
  std::string out;
  for (const char c : printable(name)) out += c == '/' || c == '\\' ? '_' : c;
  while (out.starts_with('.')) out.erase(0, 1);  // neither hidden nor "." nor ".."
  while (!out.empty() && (out.back() == ' ')) out.pop_back();
  while (out.starts_with(' ') || out.starts_with('-')) out.erase(0, 1);  // "-rf" is an option to most programs
  // Room for the temporary name's own letters around it.
  out = shortened(std::move(out), kMaxName - 32);
  return out.empty() ? "index" : out;
}

std::string name_from_url(const std::string& url) {
  const auto parsed = origin::parse_url(url);
  return parsed ? safe_name(parsed->file_name()) : "index";
}

std::string temporary_name(const std::string& destination, std::string_view key) {
  const std::string suffix = fmt::format(".larder-{}", key);
  const std::string name = shortened(name_of(destination), kMaxName - suffix.size() - 1);
  return joined(directory_of(destination), "." + name + suffix);
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

Result<std::vector<ListedFile>> parse_list(std::string_view text, const std::string& source) {
  std::vector<ListedFile> files;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto newline = text.find('\n');
    std::string line(text.substr(0, newline));
    text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string::npos || line[first] == '#') continue;
    auto file = parse_list_line(line, fmt::format("line {} of {}", number, source));
    if (!file) return tl::unexpected(file.error());
    if (files.size() == kMaxListed)
      return fail(ErrorCode::limit_exceeded, "read " + source,
                  fmt::format("it has more than {} files; split it", kMaxListed));
    files.push_back(std::move(*file));
  }
  return files;
}

Status choose_destinations(const DestinationOptions& options, const std::vector<ListedFile>& listed,
                           std::vector<FileRequest>& files) {
  const std::string doing = "choose where the files go";
  if (!options.output.empty() && files.size() != 1)
    return fail(ErrorCode::invalid_argument, doing, "-o takes one URL; give a directory with -d for several");
  if (!options.output.empty() && !options.directory.empty())
    return fail(ErrorCode::invalid_argument, doing, "-o and -d exclude each other");
  const std::string directory =
      options.directory.empty() ? options.working_directory : joined(options.working_directory, options.directory);
  std::map<std::string, std::string> taken;  // destination -> URL
  for (std::size_t i = 0; i < files.size(); ++i) {
    FileRequest& file = files[i];
    if (options.output == kStandardOutput) {
      file.destination = kStandardOutput;
      return {};
    }
    std::string name = options.output;
    if (name.empty() && i < listed.size()) name = listed[i].name;
    if (name.empty()) name = name_from_url(file.url);
    if (name.find('\0') != std::string::npos || name.ends_with('/'))
      return fail(ErrorCode::invalid_argument, doing,
                  fmt::format("\"{}\" is not the name of a file; -d names a directory", printable(name)));
    file.destination = options.output.empty() ? joined(directory, name) : joined(options.working_directory, name);
    const auto [other, is_new] = taken.emplace(file.destination, file.url);
    if (!is_new)
      return fail(ErrorCode::invalid_argument, doing,
                  fmt::format("{} and {} would both be written to {}; name them in a list (--from)", other->second,
                              file.url, file.destination));
  }
  return {};
}

namespace {

Status check_directory(const std::string& directory, const std::string& doing) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0)
    return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::permission_denied, doing,
                fmt::format("{}: {}; make the directory first", directory, std::strerror(errno)));
  if (!S_ISDIR(info.st_mode)) return fail(ErrorCode::invalid_argument, doing, directory + " is not a directory");
  if (::access(directory.c_str(), W_OK | X_OK) != 0)
    return fail(ErrorCode::permission_denied, doing, fmt::format("{}: {}", directory, std::strerror(errno)));
  return {};
}

// In a directory that is good.
Status check_place(const std::string& destination, const std::string& doing) {
  struct stat info {};
  if (name_of(destination).size() > kMaxName)
    return fail(ErrorCode::invalid_argument, doing, "the name is too long (255 bytes at most)");
  if (::lstat(destination.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) return {};
  if (S_ISDIR(info.st_mode))
    return fail(ErrorCode::already_exists, doing, "it is a directory; -d names a directory to put files into");
  return fail(ErrorCode::already_exists, doing,
              "it is not a regular file and would be replaced; `-o -` writes to standard output");
}

}  // namespace

Status check_destination(const std::string& destination) {
  return check_destinations({FileRequest{.url = {}, .destination = destination}});
}

Status check_destinations(const std::vector<FileRequest>& files) {
  std::string good;  // most are in one directory
  for (const FileRequest& file : files) {
    if (file.destination == kStandardOutput) continue;
    const std::string doing = "write " + file.destination;
    std::string directory = directory_of(file.destination);
    if (directory != good) {
      if (auto checked = check_directory(directory, doing); !checked) return checked;
      good = std::move(directory);
    }
    if (auto checked = check_place(file.destination, doing); !checked) return checked;
  }
  return {};
}

}  // namespace larder::agent
