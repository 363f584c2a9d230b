#include "cache/write/sync_batcher.h"

#include <unordered_map>

#include "base/io/log.h"

namespace larder::cache {
namespace {

constexpr std::size_t kPlaces = 2;  // in the thread's queue: one for work(), one for ask_thread()

Result<FileStat> stat_of(ContentFile& content) {
  auto file = content.open();
  if (!file) return tl::unexpected(file.error());
  return (*file)->stat();
}

Result<FileStat> sync_one(ContentFile& content) {
  auto file = content.open();
  if (!file) return tl::unexpected(file.error());
  if (Status synced = (*file)->sync(); !synced) return tl::unexpected(synced.error());
  return (*file)->stat();
}

// Returns the directories with a new entry for one of these files.
std::set<std::size_t> new_entries(const std::vector<std::shared_ptr<ContentFile>>& files) {
  std::set<std::size_t> prefixes;
  for (const auto& file : files) {
    if (file->entry_unsynced()) prefixes.insert(prefix_of(file->id()));
  }
  return prefixes;
}

}  // namespace

SyncBatcher::SyncBatcher(Executor& loop, std::shared_ptr<PrefixDirectories> directories)
    : loop_(loop), directories_(std::move(directories)), thread_("larder-sync", 1, kPlaces) {}

SyncBatcher::~SyncBatcher() = default;

void SyncBatcher::request(std::shared_ptr<ContentFile> file, SyncDone done) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(file), std::move(done)});
  if (gathering_ && waiting_.size() >= kGathered) gathered_.notify_one();
  if (running_) return;
  // The queue's place for work() is free: work() clears running_ as its last action.
  running_ = thread_.submit([this] { work(); });
  if (!running_) log::error("the sync thread refused work; waiting={}", waiting_.size());
}

bool SyncBatcher::ask_thread(Task answer) {
  const std::lock_guard lock(mutex_);
  if (asked_) return false;
  asked_ = thread_.submit([this, answer = std::move(answer)]() mutable {
    {
      const std::lock_guard here(mutex_);
      asked_ = false;
    }
    answer();
  });
  return asked_;
}

// Waits for a larger batch while many files arrive: one sync of the file system costs nearly the same for many.
void SyncBatcher::gather(std::unique_lock<std::mutex>& lock, std::size_t last) {
  if (last < kGatherFrom || waiting_.size() >= kGathered) return;
  gathering_ = true;
  gathered_.wait_for(lock, kGatherFor, [this] { return waiting_.size() >= kGathered; });
  gathering_ = false;
}

void SyncBatcher::work() {
  for (std::size_t last = 0;;) {
    std::vector<Waiting> batch;
    {
      std::unique_lock lock(mutex_);
      gather(lock, last);
      if (waiting_.empty()) {
        running_ = false;
        return;
      }
      batch.swap(waiting_);
    }
    last = batch.size();
    // Several segments of one content need one sync.
    Files files;
    std::unordered_map<const ContentFile*, std::size_t> places;
    for (const Waiting& one : batch) {
      if (places.emplace(one.file.get(), files.size()).second) files.push_back(one.file);
    }
    Results results = sync(files);
    loop_.post([batch = std::move(batch), places = std::move(places), results = std::move(results)]() mutable {
      for (Waiting& one : batch) one.done(results[places.at(one.file.get())]);
    });
  }
}

SyncBatcher::Results SyncBatcher::sync(const Files& files) {
  const std::set<std::size_t> prefixes = new_entries(files);
  const std::size_t calls = files.size() + prefixes.size();
  const auto begun = std::chrono::steady_clock::now();  // the real clock, since it measures the disk
  if (choice_.sync_all(calls) && sync_together(files)) {
    choice_.took_all(std::chrono::steady_clock::now() - begun);
    Results results;
    for (const auto& file : files) results.push_back(stat_of(*file));
    return results;
  }
  // Few files, or a failure: one by one, so that each error is reported for its own file.
  Results results = sync_singly(files);
  choice_.took_single(calls, std::chrono::steady_clock::now() - begun);
  return results;
}

bool SyncBatcher::sync_together(const Files& files) {
  // Makes a file that no job has made yet (an empty content), so that it is synced with the others.
  for (const auto& file : files) {
    if (!file->open()) return false;
  }
  if (!directories_->files().sync_all(directories_->layout().contents_directory())) return false;
  for (const auto& file : files) file->entry_synced();
  return true;
}

SyncBatcher::Results SyncBatcher::sync_singly(const Files& files) {
  Results results;
  for (const auto& file : files) results.push_back(sync_one(*file));
  const Status entries = sync_directories(new_entries(files));
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (entries) {
      files[i]->entry_synced();
    } else if (files[i]->entry_unsynced()) {
      results[i] = tl::unexpected(entries.error());
    }
  }
  return results;
}

Status SyncBatcher::sync_directories(const std::set<std::size_t>& prefixes) {
  if (prefixes.empty()) return {};
  for (const std::size_t prefix : prefixes) {
    if (Status synced = directories_->files().sync_directory(directories_->layout().prefix_directory(prefix)); !synced)
      return synced;
  }
  return directories_->sync_entries();
}

}  // namespace larder::cache
