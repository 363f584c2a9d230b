#include "peer/group/identity_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/io/log.h"

namespace larder::peer {
namespace {

constexpr const char* kGroup = "group";
constexpr const char* kBook = "book";
constexpr const char* kNextKey = "next-key";
constexpr const char* kStartEpoch = "start-epoch";
constexpr std::string_view kUnfinished = ".new";
constexpr std::uint64_t kMaxFile = 4 * kMiB;

// Checks that only the agent's user may access the path.
Status check_private(const struct stat& facts, const std::string& path, bool directory) {
  const std::string doing = "use " + path;
  if (facts.st_uid != ::geteuid()) {
    return fail(ErrorCode::permission_denied, doing,
                fmt::format("it belongs to user {}, not to the agent's user {}; chown it", facts.st_uid, ::geteuid()));
  }
  if ((facts.st_mode & 077) == 0) return {};
  return fail(
      ErrorCode::permission_denied, doing,
      fmt::format("other users may get at it (mode {:04o}): keys may have been copied. chmod {} it; if somebody "
                  "may have read it, leave the group and join it anew",
                  facts.st_mode & 07777U, directory ? "700" : "600"));
}

Error about(const Error& error, const std::string& path, std::string_view what_next) {
  return {error.code, "use " + path, fmt::format("{}; {}", error.detail, what_next), std::nullopt};
}

constexpr std::string_view kGroupAdvice =
    "restore it from a backup, or move the file away and join the group again with a new invitation";
constexpr std::string_view kBookAdvice =
    "restore it from a backup, or move the file away: then open invitations are void and the list of machines is empty";
constexpr std::string_view kNextKeyAdvice = "remove the file and join again with a new invitation";

}  // namespace

IdentityStore::IdentityStore(FileSystem& files, const std::string& state_directory)
    : files_(files), directory_(state_directory + "/identity") {}

std::string IdentityStore::path(const char* name) const {
  return directory_ + "/" + name;
}

Status IdentityStore::check_directory() const {
  struct stat facts {};
  if (::lstat(directory_.c_str(), &facts) != 0) {
    return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::disk_error, "use " + directory_,
                std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
  }
  if (!S_ISDIR(facts.st_mode)) return fail(ErrorCode::disk_error, "use " + directory_, "it is no directory");
  return check_private(facts, directory_, true);
}

Result<std::optional<std::vector<std::byte>>> IdentityStore::read(const char* name) {
  const std::string where = path(name);
  auto file = files_.open(where, OpenMode::read);
  if (!file && file.error().code == ErrorCode::not_found) return std::optional<std::vector<std::byte>>();
  if (!file) return tl::unexpected<Error>(file.error());
  struct stat facts {};
  if (::fstat((*file)->descriptor(), &facts) != 0)
    return fail(ErrorCode::disk_error, "inspect " + where, std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
  if (auto checked = check_private(facts, where, false); !checked) return tl::unexpected<Error>(checked.error());
  if (!S_ISREG(facts.st_mode) || static_cast<std::uint64_t>(facts.st_size) > kMaxFile)
    return fail(ErrorCode::content_damaged, "use " + where, "it is no file of an identity");
  std::vector<std::byte> bytes(static_cast<std::size_t>(facts.st_size));
  const auto got = (*file)->read_at(0, bytes);
  if (!got) return tl::unexpected<Error>(got.error());
  bytes.resize(*got);
  return std::optional<std::vector<std::byte>>(std::move(bytes));
}

Status IdentityStore::replace(const char* name, Bytes bytes) {
  if (auto made = files_.make_directories(directory_); !made) return made;
  if (auto checked = check_directory(); !checked) return checked;
  const std::string where = path(name);
  const std::string beside = where + std::string(kUnfinished);
  if (auto removed = files_.remove(beside); !removed) return removed;  // left by a run that crashed
  {
    auto file = files_.open(beside, OpenMode::create);
    if (!file) return tl::unexpected<Error>(file.error());
    if (auto wrote = (*file)->write_at(0, bytes); !wrote) return wrote;
    if (auto synced = (*file)->sync(); !synced) return synced;
  }
  if (auto renamed = files_.rename(beside, where); !renamed) return renamed;
  return files_.sync_directory(directory_);
}

Status IdentityStore::remove(const char* name) {
  return files_.remove(path(name));
}

Result<Stored> IdentityStore::load() {
  if (auto checked = check_directory(); !checked) {
    if (checked.error().code == ErrorCode::not_found) return Stored{};
    return tl::unexpected<Error>(checked.error());
  }
  Stored stored;
  const auto group = read(kGroup);
  if (!group) return tl::unexpected<Error>(group.error());
  if (*group) {
    auto identity = decode_identity(**group);
    if (!identity) return tl::unexpected<Error>(about(identity.error(), path(kGroup), kGroupAdvice));
    stored.identity = std::move(*identity);
  }
  const auto book = read(kBook);
  if (!book) return tl::unexpected<Error>(book.error());
  if (*book && stored.identity && stored.identity->is_authority()) {
    auto decoded = decode_book(**book, stored.identity->group.authority_pem);
    if (!decoded) return tl::unexpected<Error>(about(decoded.error(), path(kBook), kBookAdvice));
    if (*decoded) stored.book = std::move(**decoded);
  } else if (*book) {
    if (auto removed = remove(kBook); !removed) return tl::unexpected<Error>(removed.error());
  }
  const auto next = read(kNextKey);
  if (!next) return tl::unexpected<Error>(next.error());
  if (*next) {
    auto key = decode_next_key(**next);
    if (!key) return tl::unexpected<Error>(about(key.error(), path(kNextKey), kNextKeyAdvice));
    // In a group the key has been used, or the group was made without it.
    if (!stored.identity)
      stored.next_key = *key;
    else if (auto removed = remove(kNextKey); !removed)
      return tl::unexpected<Error>(removed.error());
  }
  return stored;
}

Status IdentityStore::apply(const IdentityChange& change) {
  if (change.leave) {
    // The group's file first: load() deletes the other files where it is missing.
    for (const char* name : {kGroup, kBook, kNextKey}) {
      if (auto removed = remove(name); !removed) return removed;
    }
    return files_.sync_directory(directory_);
  }
  if (change.next_key) {
    if (auto wrote = replace(kNextKey, encode_next_key(*change.next_key)); !wrote) return wrote;
  }
  // Before the group's file: a crash in a revocation must not leave the closed invitations open.
  if (change.book) {
    if (auto wrote = replace(kBook, encode_book(*change.book, change.authority_pem)); !wrote) return wrote;
  }
  if (change.identity) {
    if (auto wrote = replace(kGroup, encode_identity(*change.identity)); !wrote) return wrote;
  }
  if (change.drop_next_key) {
    if (auto removed = remove(kNextKey); !removed) return removed;
  }
  return {};
}

Result<std::uint64_t> IdentityStore::next_start_epoch(WallTime now) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  std::uint64_t next = static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 1));
  if (auto made = files_.make_directories(directory_); !made) return tl::unexpected<Error>(made.error());
  if (auto checked = check_directory(); !checked) return tl::unexpected<Error>(checked.error());
  const auto bytes = read(kStartEpoch);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  if (*bytes) {
    const auto last = decode_start_epoch(**bytes);
    if (!last)
      log::warn("start epoch taken from the clock file={} error=\"{}\"", path(kStartEpoch), last.error().text());
    else if (*last < UINT64_MAX)
      next = std::max(next, *last + 1);
  }
  if (auto wrote = replace(kStartEpoch, encode_start_epoch(next)); !wrote) return tl::unexpected<Error>(wrote.error());
  return next;
}

}  // namespace larder::peer
