#include "cache/write/content_file.h"

namespace larder::cache {

Status PrefixDirectories::make(std::size_t prefix) {
  if (states_[prefix] != State::unknown) return {};
  if (Status made = files_.make_directories(layout_.prefix_directory(prefix)); !made) return made;
  // The entry is synced even if the directory existed: its maker may have crashed before syncing it.
  State expected = State::unknown;
  if (states_[prefix].compare_exchange_strong(expected, State::made)) unsynced_ = true;
  return {};
}

Status PrefixDirectories::sync_entries() {
  if (!unsynced_.exchange(false)) return {};
  std::array<bool, kPrefixes> made{};
  for (std::size_t i = 0; i < kPrefixes; ++i) made[i] = states_[i] == State::made;
  if (Status synced = files_.sync_directory(layout_.contents_directory()); !synced) {
    unsynced_ = true;
    return synced;
  }
  for (std::size_t i = 0; i < kPrefixes; ++i) {
    if (made[i]) states_[i] = State::durable;
  }
  return {};
}

ContentFile::ContentFile(std::shared_ptr<PrefixDirectories> directories, ContentId id,
                         std::optional<std::uint64_t> size, bool exists)
    : directories_(std::move(directories)),
      id_(std::move(id)),
      size_(size),
      exists_(exists),
      entry_unsynced_(!exists) {}

Result<File*> ContentFile::open() {
  if (!opened_) {
    const std::lock_guard lock(opening_);
    if (!opened_) {
      auto made = make();
      if (!made) return tl::unexpected(made.error());
      file_ = std::move(*made);
      opened_ = true;
    }
  }
  return file_.get();
}

Result<std::unique_ptr<File>> ContentFile::make() {
  FileSystem& files = directories_->files();
  const std::string path = directories_->layout().content_path(id_);
  if (dropped_) return fail(ErrorCode::not_found, "write content " + id_, "it was dropped");
  if (exists_) return files.open(path, OpenMode::write);
  if (Status directory = directories_->make(prefix_of(id_)); !directory) return tl::unexpected(directory.error());
  auto file = files.open(path, OpenMode::create);
  if (!file) return file;
  Status sized = size_ ? (*file)->truncate(*size_) : Status();
  // The content may have been dropped since the first test, before there was a file to remove: remove it here.
  if (sized && dropped_) sized = fail(ErrorCode::not_found, "write content " + id_, "it was dropped");
  if (sized) return file;
  static_cast<void>(files.remove(path));  // on failure maintenance removes it: it has no record
  return tl::unexpected(sized.error());
}

}  // namespace larder::cache
