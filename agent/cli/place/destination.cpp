#include "agent/cli/place/destination.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "agent/cli/place/place.h"
#include "agent/cli/show/progress.h"
#include "base/hash/digest.h"
#include "base/text/given_text.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

// Shortens the text to at most `bytes` bytes, without cutting a UTF-8 sequence.
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

Result<ListedFile> parse_list_line(std::string_view line, const std::string& where) {
  const std::vector<std::string_view> words = given_words(line);
  ListedFile file;
  file.url = words.front();
  std::size_t next = 1;
  if (next < words.size() && looks_like_sha256(std::string(words[next]))) file.sha256 = words[next++];
  // The rest is the name, which may contain blanks other than spaces.
  if (next < words.size()) file.name = line.substr(static_cast<std::size_t>(words[next].data() - line.data()));
  if (file.name.find_first_of(" \t\v\f") != std::string::npos)
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
  while (out.starts_with(' ') || out.starts_with('-')) out.erase(0, 1);  // "-rf" is an option for most programs
  // Leaves room for the characters of the temporary name.
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
  for (const std::string_view given : given_lines(text)) {
    ++number;
    const std::string_view line = trim_given(given);
    if (line.empty() || line.front() == '#') continue;
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
  const bool needs_it = options.output.empty() ? !options.directory.starts_with('/')
                                               : !options.output.starts_with('/') && options.output != kStandardOutput;
  if (options.working_directory.empty() && needs_it)
    return fail(ErrorCode::not_found, doing, "the working directory is gone; name an absolute path");
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
    // Files that the origin will name may have one name by their URLs: they get numbers.
    const std::string path = file.destination;
    for (unsigned number = 1; file.remote_name && taken.count(file.destination) > 0; ++number)
      file.destination = fmt::format("{}.{}", path, number);
    const auto [other, is_new] = taken.emplace(file.destination, file.url);
    if (!is_new)
      return fail(ErrorCode::invalid_argument, doing,
                  fmt::format("{} and {} would both be written to {}; name them in a list (--from)", other->second,
                              file.url, file.destination));
  }
  return {};
}

Status check_destination(const std::string& destination) {
  std::vector<FileRequest> one(1);
  one.front().destination = destination;
  return judge_destinations(one);
}

Status judge_destinations(std::vector<FileRequest>& files) {
  PlaceFinder finder;
  std::map<std::pair<std::string, std::string>, std::string> taken;  // directory and name -> destination
  std::shared_ptr<const Directory> tried;                            // most files go to one directory
  for (FileRequest& file : files) {
    const auto place = finder.find_place(file.destination);
    if (!place) return tl::unexpected(place.error());
    file.stream = place->is_written_through();
    if (place->kind == PlaceKind::standard_output) file.destination = kStandardOutput;
    // Descriptors have no directory: their own path() tells them apart.
    const std::pair<std::string, std::string> where =
        place->directory ? std::pair(place->directory->path, place->name) : std::pair(std::string(), place->path());
    const auto [other, is_new] = taken.emplace(where, file.destination);
    if (!is_new)
      return fail(ErrorCode::invalid_argument, "choose where the files go",
                  fmt::format("{} and {} are the same file", other->second, file.destination));
    if (place->kind != PlaceKind::file || place->directory == tried) continue;
    if (auto possible = try_to_create(*place, file.destination); !possible) {
      // An existing file may still be written to.
      if (!place->existing) return possible;
      file.stream = true;
      continue;
    }
    tried = place->directory;
  }
  return {};
}

}  // namespace larder::agent
