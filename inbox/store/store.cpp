#include "inbox/store/store.h"

#include <algorithm>
#include <set>
#include <utility>

namespace larder::inbox {
namespace {

constexpr std::uint64_t kHashEach = 64 * kMiB;  // then another upload's work may have the worker
constexpr std::chrono::seconds kSpaceAge{1};

// Runs `work` on a worker and posts its result.
template <class T, class Work>
void run(WorkerPool& pool, Executor& loop, Work work, UniqueFunction<void(T)> done) {
  auto shared = std::make_shared<UniqueFunction<void(T)>>(std::move(done));
  const bool queued = pool.submit([&loop, work = std::move(work), shared]() mutable {
    loop.post([shared, result = T(work())]() mutable { (*shared)(std::move(result)); });
  });
  if (queued) return;
  loop.post([shared]() mutable {
    (*shared)(T(fail(ErrorCode::busy, "use the disk of the inbox", "too much waits for it already; try again later")));
  });
}

bool is_missing(const Error& error) {
  return error.code == ErrorCode::not_found;
}

// True: it is there.
Result<bool> restore_part(FileSystem& files, const StorePaths& paths, const ExpectedFile& expected) {
  const std::string path = paths.part(expected.id);
  // It was finished, perhaps, and the row did not become durable.
  if (const auto back = unfinish(files, paths, expected.id); !back) return tl::unexpected(back.error());
  auto file = files.open(path, OpenMode::write);
  if (!file) {
    if (!is_missing(file.error())) return tl::unexpected(file.error());
    return expected.bytes == 0;  // made with the first bytes
  }
  const auto facts = (*file)->stat();
  if (!facts) return tl::unexpected(facts.error());
  if (facts->size < expected.bytes) return false;
  if (facts->size == expected.bytes) return true;
  if (Status cut = (*file)->truncate(expected.bytes); !cut) return tl::unexpected(cut.error());
  if (Status synced = (*file)->sync(); !synced) return tl::unexpected(synced.error());
  return true;
}

Status remove_files(FileSystem& files, const StorePaths& paths, const std::string& id) {
  for (const std::string& path : {paths.part(id), paths.reply(id), paths.new_reply(id), paths.said_reply(id)})
    if (Status removed = files.remove(path); !removed) return removed;
  return files.remove(paths.content(id));
}

// Never half there: it gets its name when it is whole.
Status write_reply(FileSystem& files, const StorePaths& paths, const std::string& id, const std::string& body) {
  const std::string aside = paths.new_reply(id);
  if (Status removed = files.remove(aside); !removed) return removed;
  auto file = files.open(aside, OpenMode::create);
  if (!file) return tl::unexpected<Error>(file.error());
  if (Status written = (*file)->write_at(0, as_bytes(body)); !written) return written;
  if (Status synced = (*file)->sync(); !synced) return synced;
  if (Status renamed = files.rename(aside, paths.reply(id)); !renamed) return renamed;
  return files.sync_directory(paths.replies());
}

Result<OpenReply> open_to_read(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::read);
  if (!file) return tl::unexpected<Error>(file.error());
  const auto facts = (*file)->stat();
  if (!facts) return tl::unexpected<Error>(facts.error());
  return OpenReply{std::move(*file), facts->size};
}

Result<bool> match_one(FileSystem& files, const StorePaths& paths, const ExpectedFile& expected) {
  switch (expected.kind) {
    case ExpectedFile::Kind::part:
      return restore_part(files, paths, expected);
    case ExpectedFile::Kind::content: {
      const auto facts = files.stat(paths.content(expected.id));
      if (!facts && !is_missing(facts.error())) return tl::unexpected(facts.error());
      // A crash may have brought its old name back beside the new one.
      if (Status removed = files.remove(paths.part(expected.id)); !removed) return tl::unexpected(removed.error());
      return facts && facts->size == expected.bytes;
    }
    case ExpectedFile::Kind::none:
      break;
  }
  if (Status removed = remove_files(files, paths, expected.id); !removed) return tl::unexpected(removed.error());
  return true;
}

Result<std::vector<std::string>> match_all(FileSystem& files, const StorePaths& paths,
                                           const std::vector<ExpectedFile>& expected) {
  std::vector<std::string> missing;
  for (const ExpectedFile& one : expected) {
    const auto right = match_one(files, paths, one);
    if (!right) return tl::unexpected(right.error());
    if (!*right) missing.push_back(one.id);
  }
  return missing;
}

Result<std::vector<std::string>> list_ids(FileSystem& files, const StorePaths& paths) {
  std::set<std::string> ids;
  const auto part = [&](const std::string& name) {
    if (auto id = id_of_part(name)) ids.insert(std::move(*id));
    return true;
  };
  const auto content = [&](const std::string& name) {
    if (is_upload_id(name)) ids.insert(name);
    return true;
  };
  const auto reply = [&](const std::string& name) {
    if (auto id = id_of_reply(name)) ids.insert(std::move(*id));
    return true;
  };
  if (Status listed = files.list(paths.replies(), reply); !listed) return tl::unexpected(listed.error());
  if (Status listed = files.list(paths.parts(), part); !listed) return tl::unexpected(listed.error());
  if (Status listed = files.list(paths.contents(), content); !listed) return tl::unexpected(listed.error());
  return std::vector<std::string>(ids.begin(), ids.end());
}

// A new directory lasts when the one that names it was synced.
Status make_and_sync(FileSystem& files, const StorePaths& paths) {
  for (const std::string& path : {paths.parts(), paths.contents(), paths.replies()}) {
    if (Status made = files.make_directories(path); !made) return made;
  }
  return files.sync_directory(paths.directory());
}

// One step after the other, so that other work gets its turn between them.
struct Hashing {
  WorkerPool& pool;
  Executor& loop;
  std::weak_ptr<const char> store;
  std::shared_ptr<PartFile> file;
  UniqueFunction<void(Result<Digest>)> done;
};

void hash_on(std::shared_ptr<Hashing> hashing) {
  run<Result<bool>>(
      hashing->pool, hashing->loop, [file = hashing->file] { return file->hash_more(kHashEach); },
      [hashing](Result<bool> ready) {
        if (!ready) return hashing->done(tl::unexpected<Error>(ready.error()));
        if (*ready) return hashing->done(hashing->file->digest());
        if (!hashing->store.expired()) hash_on(hashing);
      });
}

}  // namespace

void Part::append(std::vector<Buffer> pieces, std::shared_ptr<PartHasher> digest, StatusDone done) {
  run<Status>(
      pool_, loop_,
      [file = file_, pieces = std::move(pieces), digest = std::move(digest)]() -> Status {
        for (const Buffer& piece : pieces) {
          if (Status appended = file->append(piece.bytes()); !appended) return appended;
          if (digest) digest->update(piece.bytes());
        }
        return {};
      },
      std::move(done));
}

void Part::sync(StatusDone done) {
  run<Status>(
      pool_, loop_, [file = file_] { return file->sync(); }, std::move(done));
}

void Part::cut(StatusDone done) {
  run<Status>(
      pool_, loop_, [file = file_] { return file->cut(); }, std::move(done));
}

void Part::hash(UniqueFunction<void(Result<Digest>)> done) {
  hash_on(std::make_shared<Hashing>(Hashing{pool_, loop_, store_, file_, std::move(done)}));
}

void Part::finish(StatusDone done) {
  run<Status>(
      pool_, loop_, [file = file_] { return file->finish(); }, std::move(done));
}

void Store::make_directories(StatusDone done) {
  run<Status>(
      pool_, loop_, [&files = files_, paths = paths_] { return make_and_sync(files, paths); }, std::move(done));
}

void Store::open(std::string id, std::uint64_t offset, std::optional<KnownHash> known,
                 UniqueFunction<void(Result<std::unique_ptr<Part>>)> done) {
  using Opened = Result<std::unique_ptr<PartFile>>;
  run<Opened>(
      pool_, loop_,
      [&files = files_, paths = paths_, id = std::move(id), offset, known = std::move(known)]() mutable {
        return PartFile::open(files, std::move(paths), std::move(id), offset, std::move(known));
      },
      [&pool = pool_, &loop = loop_, alive = alive_.watch(), done = std::move(done)](Opened opened) mutable {
        if (!opened) return done(tl::unexpected(opened.error()));
        done(std::make_unique<Part>(pool, loop, alive, std::move(*opened)));
      });
}

void Store::put_reply(std::string id, std::string body, StatusDone done) {
  run<Status>(
      pool_, loop_,
      [&files = files_, paths = paths_, id = std::move(id), body = std::move(body)] {
        return write_reply(files, paths, id, body);
      },
      std::move(done));
}

void Store::open_reply(std::string id, UniqueFunction<void(Result<OpenReply>)> done) {
  run<Result<OpenReply>>(
      pool_, loop_, [&files = files_, path = paths_.reply(id)] { return open_to_read(files, path); }, std::move(done));
}

void Store::remove(std::vector<std::string> ids, StatusDone done) {
  run<Status>(
      pool_, loop_,
      [&files = files_, paths = paths_, ids = std::move(ids)]() -> Status {
        for (const std::string& id : ids) {
          if (Status removed = remove_files(files, paths, id); !removed) return removed;
        }
        return {};
      },
      std::move(done));
}

void Store::match(std::vector<ExpectedFile> expected, UniqueFunction<void(Result<std::vector<std::string>>)> done) {
  run<Result<std::vector<std::string>>>(
      pool_, loop_,
      [&files = files_, paths = paths_, expected = std::move(expected)] { return match_all(files, paths, expected); },
      std::move(done));
}

void Store::list(UniqueFunction<void(Result<std::vector<std::string>>)> done) {
  run<Result<std::vector<std::string>>>(
      pool_, loop_, [&files = files_, paths = paths_] { return list_ids(files, paths); }, std::move(done));
}

void Store::space(SteadyTime now, UniqueFunction<void(Result<DiskSpace>)> done) {
  if (space_ && now - space_->first < kSpaceAge) {
    loop_.post([space = space_->second, done = std::move(done)]() mutable { done(space); });
    return;
  }
  if (!space_) space_ = std::make_shared<std::pair<SteadyTime, DiskSpace>>(now - kSpaceAge, DiskSpace{});
  run<Result<DiskSpace>>(
      pool_, loop_, [&files = files_, path = paths_.directory()] { return files.space(path); },
      [kept = space_, now, done = std::move(done)](Result<DiskSpace> space) mutable {
        if (space) *kept = {now, *space};
        done(std::move(space));
      });
}

}  // namespace larder::inbox
