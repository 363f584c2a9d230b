#include "agent/cli/put/reply_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "agent/cli/place/destination.h"
#include "agent/cli/place/hand_over.h"
#include "agent/cli/place/place.h"
#include "agent/cli/place/write_error.h"
#include "base/io/write_all.h"

namespace larder::agent {
namespace {

Result<Place> find_reply_place(const std::string& path) {
  const std::string doing = "write the reply to " + path;
  Place place;
  place.name = name_of(path);
  if (place.name.empty() || place.name == "." || place.name == "..")
    return fail(ErrorCode::invalid_argument, doing, "it names a directory");
  const std::string directory = directory_of(path);
  UniqueFd opened(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened)
    return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::permission_denied, doing,
                fmt::format("{}: {}", directory, std::strerror(errno)));
  struct stat facts {};
  if (::fstatat(opened.get(), place.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISLNK(facts.st_mode))
      return fail(ErrorCode::already_exists, doing, "it is a link, which is not followed; name the file itself");
    if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::already_exists, doing, "it is no regular file");
    place.existing = facts;
  } else if (errno != ENOENT) {
    return fail(ErrorCode::permission_denied, doing, std::strerror(errno));
  }
  place.directory = std::make_shared<const Directory>(Directory{std::move(opened), directory});
  return place;
}

Status write_piece(int file, std::string_view bytes, const std::string& path) {
  const int error = write_all(file, as_bytes(bytes));
  if (error == 0) return {};
  return tl::unexpected(error_of_write(error, "write the reply to " + path));
}

}  // namespace

Status check_reply_file(const std::string& path) {
  const auto place = find_reply_place(path);
  if (!place) return tl::unexpected(place.error());
  return try_to_create(*place, path);
}

Status write_reply_file(const std::string& path, const std::string& key, const ReadReply& read) {
  auto place = find_reply_place(path);
  if (!place) return tl::unexpected(place.error());
  auto staged = StagedFile::create(std::move(*place), path, key);
  if (!staged) return tl::unexpected(staged.error());
  const int fd = staged->descriptor();
  for (bool more = true; more;) {
    const auto got = read([&](std::string_view bytes) { return write_piece(fd, bytes, path); });
    if (!got) return tl::unexpected(got.error());
    more = *got;
  }
  std::vector<StagedFile> files;
  files.push_back(std::move(*staged));
  return publish(files);
}

}  // namespace larder::agent
