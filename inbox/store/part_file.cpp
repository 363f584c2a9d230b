#include "inbox/store/part_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace larder::inbox {
namespace {

constexpr std::uint64_t kWriteBackEach = 8 * kMiB;  // so that the sync at the end has little left to do
constexpr std::size_t kReadEach = 1 * kMiB;

}  // namespace

Result<bool> unfinish(FileSystem& files, const StorePaths& paths, std::string_view id) {
  if (const auto facts = files.stat(paths.content(id)); !facts) {
    if (facts.error().code == ErrorCode::not_found) return false;
    return tl::unexpected(facts.error());
  }
  if (Status moved = files.rename(paths.content(id), paths.part(id)); !moved) return tl::unexpected(moved.error());
  if (Status synced = files.sync_directory(paths.parts()); !synced) return tl::unexpected(synced.error());
  return true;
}

Result<std::unique_ptr<PartFile>> PartFile::open(FileSystem& files, StorePaths paths, std::string id,
                                                 std::uint64_t offset, std::optional<KnownHash> known) {
  const std::string path = paths.part(id);
  auto opened = files.open(path, OpenMode::write);
  if (!opened && opened.error().code == ErrorCode::not_found) {
    const auto back = unfinish(files, paths, id);
    if (!back) return tl::unexpected(back.error());
    if (*back) opened = files.open(path, OpenMode::write);
  }
  const bool make = !opened && opened.error().code == ErrorCode::not_found && offset == 0;
  if (make) opened = files.open(path, OpenMode::create);
  if (!opened) {
    if (opened.error().code != ErrorCode::not_found) return tl::unexpected(opened.error());
    return fail(ErrorCode::content_damaged, "go on with upload " + id,
                fmt::format("{} is missing, although {} bytes of it were received; upload it again", path, offset));
  }
  const auto facts = (*opened)->stat();
  if (!facts) return tl::unexpected(facts.error());
  if (facts->size < offset) {
    return fail(ErrorCode::content_damaged, "go on with upload " + id,
                fmt::format("{} has {} bytes, although {} were received; upload it again", path, facts->size, offset));
  }
  std::unique_ptr<PartFile> part(new PartFile(files, std::move(paths), std::move(id), std::move(*opened)));
  // One that is there with offset 0 may have a name that no sync has reached yet.
  part->new_name_ = offset == 0;
  part->kept_ = part->end_ = part->written_back_ = offset;
  if (known && known->offset == offset) {
    part->kept_hash_ = std::move(known->hash);
    part->kept_hashed_ = offset;
    part->hash_ = part->kept_hash_.copy();
    part->hashed_ = offset;
  }
  if (facts->size > offset) {
    if (Status cut = part->file_->truncate(offset); !cut) return tl::unexpected(cut.error());
  }
  return part;
}

Status PartFile::append(Bytes bytes) {
  const bool hashes = hashed_ == end_;
  if (Status written = file_->write_at(end_, bytes); !written) return written;
  end_ += bytes.size();
  if (hashes) {
    hash_.update(bytes);
    hashed_ = end_;
  }
  if (end_ - written_back_ >= kWriteBackEach) {
    file_->start_writeback({written_back_, end_ - written_back_});
    written_back_ = end_;
  }
  return {};
}

Status PartFile::sync() {
  if (Status synced = file_->sync(); !synced) return synced;
  if (!new_name_) return {};
  if (Status synced = files_.sync_directory(paths_.parts()); !synced) return synced;
  new_name_ = false;
  return {};
}

void PartFile::keep() {
  kept_ = end_;
  kept_hash_ = hash_.copy();
  kept_hashed_ = hashed_;
}

Status PartFile::cut() {
  if (Status cut = file_->truncate(kept_); !cut) return cut;
  end_ = kept_;
  written_back_ = std::min(written_back_, kept_);
  hash_ = kept_hash_.copy();
  hashed_ = kept_hashed_;
  return {};
}

Result<bool> PartFile::hash_more(std::uint64_t limit) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kReadEach, end_ - hashed_)));
  while (hashed_ < end_ && limit > 0) {
    const std::uint64_t wanted = std::min({static_cast<std::uint64_t>(buffer.size()), end_ - hashed_, limit});
    const std::span<std::byte> into(buffer.data(), static_cast<std::size_t>(wanted));
    const auto got = file_->read_at(hashed_, into);
    if (!got) return tl::unexpected(got.error());
    if (*got < wanted) {
      return fail(ErrorCode::content_damaged, "hash upload " + id_, "its file is shorter than what was received");
    }
    hash_.update(into);
    hashed_ += wanted;
    limit -= wanted;
  }
  return hashed_ == end_;
}

Digest PartFile::digest() const {
  return hash_.copy().finish();
}

Status PartFile::finish() {
  if (Status synced = file_->sync(); !synced) return synced;
  if (!renamed_) {
    if (Status renamed = files_.rename(paths_.part(id_), paths_.content(id_)); !renamed) return renamed;
    renamed_ = true;
  }
  return files_.sync_directory(paths_.contents());
}

std::optional<KnownHash> PartFile::known_hash() const {
  if (kept_hashed_ != kept_) return std::nullopt;
  return KnownHash{kept_, kept_hash_.copy()};
}

}  // namespace larder::inbox
