// The bytes of the uploads, below one directory (file_names.h). The files follow the ledger: what no row speaks of is
// removed at the start, and what a row speaks of is on the disk before the row says so.
//
// Loop thread. Each call does its work on a worker thread and calls back once, on the loop, never within the call;
// not at all where the loop has ended before; perhaps after the store has gone. ErrorCode::busy: too much waits for the
// workers. The FileSystem, the pool and the loop outlive the store. What runs on a worker touches the FileSystem, which
// outlives the pool.
#pragma once

#include <memory>
#include <vector>

#include "base/hash/buffer.h"
#include "base/io/file_system.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "inbox/store/part_digest.h"
#include "inbox/store/part_file.h"

namespace larder::inbox {

using StatusDone = UniqueFunction<void(Status)>;

// The file of an upload that is being received. Loop thread. One call at a time: the next one after the callback of the
// one before. It may be dropped at any time; a call under way goes on.
class Part {
 public:
  // `store`: expires with the store, and with it the pool may go.
  Part(WorkerPool& pool, Executor& loop, std::weak_ptr<const char> store, std::shared_ptr<PartFile> file)
      : pool_(pool), loop_(loop), store_(std::move(store)), file_(std::move(file)) {}

  // Writes the pieces in their order and adds them to `digest`, where there is one. After an error the part must be
  // cut.
  void append(std::vector<Buffer> pieces, std::shared_ptr<PartHasher> digest, StatusDone done);
  void sync(StatusDone done);
  void cut(StatusDone done);
  void hash(UniqueFunction<void(Result<Digest>)> done);  // of the whole, read again where that is needed
  void finish(StatusDone done);                          // after a hash(): content/ID

  // Between two calls.
  void keep() { file_->keep(); }
  [[nodiscard]] std::uint64_t kept() const { return file_->kept(); }
  [[nodiscard]] std::uint64_t end() const { return file_->end(); }
  [[nodiscard]] std::optional<KnownHash> known_hash() const { return file_->known_hash(); }

 private:
  WorkerPool& pool_;
  Executor& loop_;
  std::weak_ptr<const char> store_;
  std::shared_ptr<PartFile> file_;
};

// A file as a row has it.
struct ExpectedFile {
  enum class Kind {
    part,     // of an upload that is receiving: at least `bytes` of it, and not more after the call
    content,  // of one that is sealed or accepted: exactly `bytes`
    none,     // of one that is over: removed
  };
  std::string id;
  Kind kind = Kind::part;
  std::uint64_t bytes = 0;
};

// A file to be read, which stays as it is while it is open.
struct OpenReply {
  std::shared_ptr<File> file;
  std::uint64_t size = 0;
};

class Store {
 public:
  Store(FileSystem& files, WorkerPool& pool, Executor& loop, std::string directory)
      : files_(files), pool_(pool), loop_(loop), paths_(std::move(directory)) {}

  void make_directories(StatusDone done);
  void open(std::string id, std::uint64_t offset, std::optional<KnownHash> known,
            UniqueFunction<void(Result<std::unique_ptr<Part>>)> done);
  // The application's reply, in place of one that is there. It is durable when `done` comes.
  void put_reply(std::string id, std::string body, StatusDone done);
  void open_reply(std::string id, UniqueFunction<void(Result<OpenReply>)> done);
  // Removes part, content and reply of each. They may come back by a crash; then they are removed at the next start.
  void remove(std::vector<std::string> ids, StatusDone done);

  // Makes the files as the rows have them, after a restart. Returns the ids whose file is missing or too short.
  void match(std::vector<ExpectedFile> expected, UniqueFunction<void(Result<std::vector<std::string>>)> done);
  // The ids that have a file, sorted, each once.
  void list(UniqueFunction<void(Result<std::vector<std::string>>)> done);

  // The answer may be a second old: `now` is of a steady clock.
  void space(SteadyTime now, UniqueFunction<void(Result<DiskSpace>)> done);

  [[nodiscard]] std::string content_path(std::string_view id) const { return paths_.content(id); }
  [[nodiscard]] std::string said_reply_path(std::string_view id) const { return paths_.said_reply(id); }

 private:
  FileSystem& files_;
  WorkerPool& pool_;
  Executor& loop_;
  const StorePaths paths_;
  std::shared_ptr<std::pair<SteadyTime, DiskSpace>> space_;  // the last answer, and when it was asked for
  Alive alive_;
};

}  // namespace larder::inbox
