#include "agent/uploads/source_shelf.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/io/log.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kCopied = 8 * 1024 * 1024;  // bytes of one copy_file_range

using Opened = Result<SourceShelf::Kept>;

tl::unexpected<Error> failed(std::string_view what, int number) {
  return fail(number == ENOSPC || number == EDQUOT ? ErrorCode::disk_full : ErrorCode::disk_error, "copy the file",
              fmt::format("{}: {}", what, std::system_category().message(number)));
}

Opened open_snapshot(const std::string& path, std::uint64_t size) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return fail(ErrorCode::not_found, "upload the file", "the agent's copy of it is gone");
  if (!file) return failed("the agent's copy cannot be opened", errno);
  auto source = std::make_shared<const SourceFile>(std::move(file));
  const auto identity = source->identity();
  if (!identity) return tl::unexpected(identity.error());
  if (identity->size != size)
    return fail(ErrorCode::source_changed, "upload the file",
                fmt::format("the agent's copy of it has {} bytes, and the file had {}", identity->size, size));
  return SourceShelf::Kept{source, *identity, true};
}

Status check_room(int directory_file, std::uint64_t size) {
  struct statvfs space {};
  if (::fstatvfs(directory_file, &space) != 0) return {};  // the copy itself tells
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free >= size + SourceShelf::kKeepFree) return {};
  return fail(ErrorCode::disk_full, "copy the file",
              fmt::format("it has {}, and of {} free {} are kept; upload it without --spool", format_bytes(size),
                          format_bytes(free), format_bytes(SourceShelf::kKeepFree)));
}

// False: the file system cannot clone.
bool clone(int to, int from) {
  return ::ioctl(to, FICLONE, from) == 0;
}

Status copy_bytes(int to, int from, std::uint64_t size) {
  std::uint64_t done = 0;
  while (done < size) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kCopied, size - done));
    auto in = static_cast<off64_t>(done), out = static_cast<off64_t>(done);
    const ssize_t got = ::copy_file_range(from, &in, to, &out, want, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("its bytes cannot be copied", errno);
    if (got == 0) break;  // it became shorter, which its identity tells
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

// A page that a mapping has dirtied already can be changed again without any time of the file changing. Once it is
// written back the next store changes the time of modification. Only a hint: the digests prove.
void write_back(int file) {
  static_cast<void>(::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE));
}

struct SnapshotWish {
  std::shared_ptr<const SourceFile> from;
  origin::SourceIdentity expected;
  std::string path;
  bool copy = false;
};

// Makes the snapshot under its name, or gives the caller's file. What is there of a crash is written over.
Opened take_snapshot(const SnapshotWish& wish) {
  const SourceShelf::Kept in_place{wish.from, wish.expected, false};
  const std::string hidden = wish.path + ".new";
  UniqueFd to(::open(hidden.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) return wish.copy ? Opened(failed("the agent cannot write its copy", errno)) : Opened(in_place);
  const auto give_up = [&hidden](Opened result) {
    ::unlink(hidden.c_str());
    return result;
  };
  if (!clone(to.get(), wish.from->descriptor())) {
    if (!wish.copy) return give_up(in_place);
    if (Status room = check_room(to.get(), wish.expected.size); !room) return give_up(tl::unexpected(room.error()));
    if (Status copied = copy_bytes(to.get(), wish.from->descriptor(), wish.expected.size); !copied)
      return give_up(tl::unexpected(copied.error()));
  }
  // A change before the end of the copy would be in it in part.
  const auto now = wish.from->identity();
  if (!now) return give_up(tl::unexpected(now.error()));
  if (Status same = origin::check_source("the file", wish.expected, *now); !same)
    return give_up(tl::unexpected(same.error()));
  if (::fsync(to.get()) != 0) return give_up(failed("the agent's copy cannot be written", errno));
  if (::rename(hidden.c_str(), wish.path.c_str()) != 0)
    return give_up(failed("the agent's copy cannot be put in place", errno));
  return open_snapshot(wish.path, wish.expected.size);
}

}  // namespace

SourceShelf::SourceShelf(std::string directory, Runtime runtime, WorkerPool& disk)
    : directory_(std::move(directory)), runtime_(runtime), disk_(disk) {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
    log::warn("directory of uploads not made path={}: {}", directory_, std::system_category().message(errno));
}

Status SourceShelf::put(const std::string& file_id, Owner owner, UniqueFd descriptor) {
  if (holds(file_id)) return {};  // the same file again: the descriptor that is there is as good
  if (!places_.may_take(owner)) {
    return fail(ErrorCode::limit_exceeded, "upload the file",
                fmt::format("you have {} files open for uploads; complete or cancel some", places_.held(owner)));
  }
  sources_[file_id] = {std::make_shared<const SourceFile>(std::move(descriptor)), places_.take_places(owner)};
  return {};
}

void SourceShelf::open_source(const std::string& file_id, const origin::SourceIdentity& expected, bool was_snapshot,
                              bool copy, UniqueFunction<void(Result<Kept>)> done) {
  SnapshotWish wish{nullptr, expected, snapshot_file(file_id), copy};
  const auto found = sources_.find(file_id);
  if (found != sources_.end()) wish.from = found->second.file;
  auto answer = alive_.guard(
      [done = std::move(done)](const std::shared_ptr<Opened>& opened) mutable { done(std::move(*opened)); });
  auto work = [wish, was_snapshot, &executor = runtime_.executor, answer = std::move(answer)]() mutable {
    auto opened = std::make_shared<Opened>(
        fail(ErrorCode::not_found, "upload the file", "its source must be given again: repeat the command"));
    if (was_snapshot) *opened = open_snapshot(wish.path, wish.expected.size);
    const bool gone = !*opened && opened->error().code == ErrorCode::not_found;
    if (gone && wish.from) *opened = take_snapshot(wish);
    if (*opened && !(*opened)->snapshot) write_back(wish.from->descriptor());
    executor.post([answer = std::move(answer), opened]() mutable { answer(opened); });
  };
  submit(std::make_shared<Task>(std::move(work)));
}

// A full queue is tried again until it takes the work.
void SourceShelf::submit(std::shared_ptr<Task> work) {
  if (disk_.submit([work] { (*work)(); })) return;
  runtime_.timers.after(std::chrono::milliseconds(50), alive_.guard([this, work] { submit(work); }));
}

void SourceShelf::drop(const std::string& file_id) {
  sources_.erase(file_id);
  const auto remove = [snapshot = snapshot_file(file_id), reply = reply_file(file_id)] {
    ::unlink(snapshot.c_str());
    ::unlink(reply.c_str());
  };
  if (!disk_.submit(remove)) remove();  // a large file takes a moment to be removed
}

void SourceShelf::drop_all_but(std::vector<std::string> file_ids) {
  std::sort(file_ids.begin(), file_ids.end());
  static_cast<void>(disk_.submit([directory = directory_, file_ids = std::move(file_ids)] {
    DIR* open = ::opendir(directory.c_str());
    if (open == nullptr) return;
    while (const dirent* entry = ::readdir(open)) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string id = name.ends_with(".reply") ? name.substr(0, name.size() - 6) : name;
      if (std::binary_search(file_ids.begin(), file_ids.end(), id)) continue;
      ::unlinkat(::dirfd(open), name.c_str(), 0);
    }
    ::closedir(open);
  }));
}

}  // namespace larder::agent
