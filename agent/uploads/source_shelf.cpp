#include "agent/uploads/source_shelf.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/io/log.h"

namespace larder::agent {
namespace {

using Opened = Result<SourceShelf::Kept>;

}  // namespace

SourceShelf::SourceShelf(std::string directory, Runtime runtime, WorkerPool& disk)
    : directory_(std::move(directory)), runtime_(runtime), disk_(disk) {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
    log::warn("directory of uploads not made path={}: {}", directory_, std::system_category().message(errno));
}

void SourceShelf::look_at(std::vector<int> descriptors, std::shared_ptr<const void> owner,
                          UniqueFunction<void(Result<std::vector<origin::SourceIdentity>>)> done) {
  using Looked = Result<std::vector<origin::SourceIdentity>>;
  auto answer = alive_.guard(
      [done = std::move(done)](const std::shared_ptr<Looked>& looked) mutable { done(std::move(*looked)); });
  submit(disk_, std::make_shared<Task>([descriptors = std::move(descriptors), owner = std::move(owner),
                                        &executor = runtime_.executor, answer = std::move(answer)]() mutable {
           auto looked = std::make_shared<Looked>(std::vector<origin::SourceIdentity>());
           for (const int descriptor : descriptors) {
             auto source = check_descriptor(descriptor);
             if (!source) {
               *looked = tl::unexpected<Error>(source.error());
               break;
             }
             (*looked)->push_back(*source);
           }
           owner.reset();
           executor.post([answer = std::move(answer), looked]() mutable { answer(looked); });
         }));
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

SourceShelf::~SourceShelf() {
  for (auto& [id, stop] : copying_) *stop = true;
}

void SourceShelf::open_source(const std::string& file_id, const origin::SourceIdentity& expected, bool was_snapshot,
                              bool copy, UniqueFunction<void(Result<Kept>)> done) {
  auto& stop = copying_[file_id];
  if (!stop) stop = std::make_shared<std::atomic<bool>>(false);
  SnapshotWish wish{nullptr, expected, snapshot_file(file_id), copy, stop};
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
  submit(copy ? copies_ : disk_, std::make_shared<Task>(std::move(work)));
}

// A full queue is tried again until it takes the work.
void SourceShelf::submit(WorkerPool& pool, std::shared_ptr<Task> work) {
  if (pool.submit([work] { (*work)(); })) return;
  runtime_.timers.after(std::chrono::milliseconds(50), alive_.guard([this, &pool, work] { submit(pool, work); }));
}

// Behind a copy of the same file, which ends soon; and a large file takes a moment to be removed.
void SourceShelf::drop(const std::string& file_id) {
  sources_.erase(file_id);
  if (const auto copying = copying_.find(file_id); copying != copying_.end()) {
    *copying->second = true;
    copying_.erase(copying);
  }
  submit(copies_, std::make_shared<Task>([snapshot = snapshot_file(file_id), reply = reply_file(file_id)] {
           for (const std::string& path : {snapshot, reply}) {
             ::unlink(path.c_str());
             ::unlink((path + ".new").c_str());
           }
         }));
}

// The names are read at once, so that no file of a job that is made later is among them.
void SourceShelf::drop_all_but(std::vector<std::string> file_ids) {
  std::sort(file_ids.begin(), file_ids.end());
  std::vector<std::string> left;
  if (DIR* open = ::opendir(directory_.c_str()); open != nullptr) {
    while (const dirent* entry = ::readdir(open)) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string id = name.ends_with(".reply") ? name.substr(0, name.size() - 6) : name;
      if (!std::binary_search(file_ids.begin(), file_ids.end(), id)) left.push_back(directory_ + "/" + name);
    }
    ::closedir(open);
  }
  submit(copies_, std::make_shared<Task>([left = std::move(left)] {
           for (const std::string& path : left) ::unlink(path.c_str());
         }));
}

}  // namespace larder::agent
