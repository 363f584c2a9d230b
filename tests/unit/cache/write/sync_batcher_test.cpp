// What is durable when a request is answered, and whose error it is. A gate in the disk holds a sync, so that what
// comes meanwhile is one batch for certain.
#include "cache/write/sync_batcher.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/fault_file_system.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::cache {
namespace {

using test::DiskCall;

// Syncs wait before it while it is closed, and are told as they begin.
class Gate {
 public:
  void pass(const std::string& call) {
    std::unique_lock lock(mutex_);
    calls_.push_back(call);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    waiting_ = false;
  }
  void close() { set(false); }
  void open() { set(true); }
  void await_somebody() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [this] { return waiting_; }));
  }
  std::vector<std::string> take_calls() {
    const std::lock_guard lock(mutex_);
    return std::exchange(calls_, {});
  }

 private:
  void set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true, waiting_ = false;
  std::vector<std::string> calls_;
};

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

class GatedFile final : public File {
 public:
  GatedFile(std::unique_ptr<File> real, std::string name, Gate& gate)
      : real_(std::move(real)), name_(std::move(name)), gate_(gate) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
    return real_->read_at(offset, buffer);
  }
  Status write_at(std::uint64_t offset, Bytes bytes) override { return real_->write_at(offset, bytes); }
  Status truncate(std::uint64_t size) override { return real_->truncate(size); }
  Status sync() override {
    gate_.pass("file " + name_);
    return real_->sync();
  }
  void start_writeback(ByteRange range) override { real_->start_writeback(range); }
  Result<FileStat> stat() override { return real_->stat(); }
  [[nodiscard]] int descriptor() const override { return real_->descriptor(); }

 private:
  std::unique_ptr<File> real_;
  std::string name_;
  Gate& gate_;
};

class GatedFileSystem final : public FileSystem {
 public:
  GatedFileSystem(FileSystem& real, Gate& gate) : real_(real), gate_(gate) {}
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto file = real_.open(path, mode);
    if (!file) return file;
    return std::make_unique<GatedFile>(std::move(*file), last_part(path).substr(0, 4), gate_);
  }
  Status rename(const std::string& from, const std::string& to) override { return real_.rename(from, to); }
  Status remove(const std::string& path) override { return real_.remove(path); }
  Status make_directories(const std::string& path) override { return real_.make_directories(path); }
  Result<FileStat> stat(const std::string& path) override { return real_.stat(path); }
  Status list(const std::string& path, const std::function<bool(const std::string& name)>& each) override {
    return real_.list(path, each);
  }
  Status sync_directory(const std::string& path) override {
    gate_.pass("directory " + last_part(path));
    return real_.sync_directory(path);
  }
  Status sync_all(const std::string& path) override {
    gate_.pass("all");
    return real_.sync_all(path);
  }
  Result<DiskSpace> space(const std::string& path) override { return real_.space(path); }

 private:
  FileSystem& real_;
  Gate& gate_;
};

using Calls = std::vector<std::string>;

class SyncBatcherTest : public ::testing::Test {
 protected:
  // `name`: the four digits that its id begins with; the first two are its directory.
  std::shared_ptr<ContentFile> content(const std::string& name) {
    return std::make_shared<ContentFile>(directories, name + std::string(kContentIdLength - name.size(), '0'), 4096,
                                         false);
  }
  std::shared_ptr<ContentFile> written(const std::string& name) {
    auto made = content(name);
    auto file = made->open();
    EXPECT_TRUE(file);
    EXPECT_TRUE((*file)->write_at(0, Bytes(reinterpret_cast<const std::byte*>(name.data()), name.size())));
    return made;
  }
  void request(const std::string& label, const std::shared_ptr<ContentFile>& file) {
    ++asked;
    batcher->request(file, [this, label](Result<FileStat> result) {
      done.push_back(label);
      if (!result) failed[label] = result.error().code;
      if (result) sizes[label] = result->size;
    });
  }
  void all_done() {
    EXPECT_TRUE(loop.wait_for([this] { return done.size() == asked; }));
    EXPECT_EQ(done.size(), asked);
  }
  // One sync is under way and goes no further.
  void hold(const std::shared_ptr<ContentFile>& first) {
    gate.close();
    request("held", first);
    gate.await_somebody();
  }
  void release() {
    gate.open();
    all_done();
  }

  test::TempDirectory directory, graveyard;
  std::unique_ptr<FileSystem> real = make_posix_file_system();
  test::FaultFileSystem disk{*real, graveyard.path()};
  Gate gate;
  GatedFileSystem gated{disk, gate};
  std::shared_ptr<PrefixDirectories> directories =
      std::make_shared<PrefixDirectories>(gated, ContentLayout(directory.path()));
  test::VirtualLoop loop;
  std::unique_ptr<SyncBatcher> batcher = std::make_unique<SyncBatcher>(loop, directories);
  std::size_t asked = 0;
  std::vector<std::string> done;
  std::map<std::string, ErrorCode> failed;
  std::map<std::string, std::uint64_t> sizes;
};

TEST_F(SyncBatcherTest, OneFileIsSyncedWithItsWayThere) {
  request("a", written("aa01"));
  all_done();
  EXPECT_TRUE(failed.empty());
  EXPECT_EQ(sizes["a"], 4096U);
  EXPECT_EQ(gate.take_calls(), (Calls{"file aa01", "directory aa", "directory contents"}));
  const auto next = written("aa02");
  request("b", next);
  all_done();
  EXPECT_EQ(gate.take_calls(), (Calls{"file aa02", "directory aa"})) << "the directory's own entry is durable";
  request("c", next);
  all_done();
  EXPECT_EQ(gate.take_calls(), (Calls{"file aa02"}));
}

TEST_F(SyncBatcherTest, WhatWasAnsweredSurvivesACrash) {
  hold(written("aa01"));
  for (const char* name : {"aa02", "bb01", "cc01"}) request(name, written(name));
  release();
  EXPECT_TRUE(failed.empty());
  batcher.reset();
  const std::string path = directories->layout().content_path("bb01" + std::string(28, '0'));
  disk.crash(nullptr);
  EXPECT_EQ(test::read_file(path).substr(0, 4), "bb01");
}

TEST_F(SyncBatcherTest, ManyTakeOneSyncAndAreAnsweredInOrder) {
  hold(written("aa01"));
  gate.take_calls();
  Calls order{"held"};
  for (int i = 0; i < 300; ++i) {
    order.push_back("f" + std::to_string(i));
    request(order.back(),
            i % 3 == 2 ? content("bb" + std::to_string(100 + i)) : written("cc" + std::to_string(100 + i)));
  }
  release();
  EXPECT_EQ(done, order);
  EXPECT_TRUE(failed.empty());
  EXPECT_EQ(gate.take_calls(), (Calls{"directory aa", "directory contents", "all"}));
  EXPECT_EQ(sizes["f2"], 4096U) << "made for its sync";
  // Now a stream is gathered; the last of it is answered all the same.
  request("late", written("dd01"));
  all_done();
  EXPECT_FALSE(failed.contains("late"));
}

TEST_F(SyncBatcherTest, SegmentsOfOneContentTakeOneSyncOfIt) {
  const auto first = written("aa01"), file = written("bb01");
  hold(first);
  for (const char* label : {"1", "2", "3"}) request(label, file);
  release();
  EXPECT_EQ(done, (Calls{"held", "1", "2", "3"}));
  const Calls calls = gate.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "file bb01"), 1);
}

// The bytes of the second request came after the sync of the first had begun.
TEST_F(SyncBatcherTest, ASyncUnderWayIsNotTakenForOneThatIsAskedMeanwhile) {
  const auto file = written("aa01");
  hold(file);
  request("again", file);
  loop.run_ready();
  EXPECT_TRUE(done.empty());
  release();
  const Calls calls = gate.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "file aa01"), 2);
}

TEST_F(SyncBatcherTest, AFailureIsLaidAtTheRightDoor) {
  hold(written("aa01"));
  for (const char* name : {"bb01", "bb02", "cc01", "cc02"}) request(name, written(name));
  disk.fail_all(ErrorCode::disk_error, DiskCall::sync_all);
  disk.fail_nth(2, ErrorCode::disk_full, DiskCall::sync);  // "held" is the first, bb02 the third
  release();
  EXPECT_EQ(failed, (std::map<std::string, ErrorCode>{{"bb02", ErrorCode::disk_full}}));
  EXPECT_EQ(done, (Calls{"held", "bb01", "bb02", "cc01", "cc02"}));
}

TEST_F(SyncBatcherTest, AContentThatWasDroppedFailsAlone) {
  hold(written("aa01"));
  const auto gone = content("bb01");
  gone->mark_dropped();
  request("gone", gone);
  for (const char* name : {"cc01", "cc02", "cc03"}) request(name, written(name));
  release();
  EXPECT_EQ(failed, (std::map<std::string, ErrorCode>{{"gone", ErrorCode::not_found}}));
}

// A request that found no place would wait until the next one, and its download with it.
TEST_F(SyncBatcherTest, QuestionsLeaveThePlaceOfTheWork) {
  std::promise<void> begun, end;
  EXPECT_TRUE(batcher->ask_thread([&begun, ended = end.get_future().share()] {
    begun.set_value();
    ended.wait();
  }));
  begun.get_future().wait();
  bool answered = false;
  EXPECT_TRUE(batcher->ask_thread([&answered] { answered = true; }));
  EXPECT_FALSE(batcher->ask_thread([] {})) << "one waits already";
  request("a", written("aa01"));
  end.set_value();
  all_done();
  EXPECT_TRUE(failed.empty());
  batcher.reset();
  EXPECT_TRUE(answered);
}

TEST_F(SyncBatcherTest, ADirectoryThatFailsIsTriedAgain) {
  const auto old = written("aa01");
  request("old", old);
  all_done();
  const auto first = written("bb01"), second = written("bb02");
  for (const std::uint64_t which : {0U, 1U}) {  // the files' directory; the one that holds it
    disk.fail_nth(which, ErrorCode::disk_error, DiskCall::sync_directory);
    request("first", first);
    all_done();
    EXPECT_EQ(failed, (std::map<std::string, ErrorCode>{{"first", ErrorCode::disk_error}})) << which;
    EXPECT_TRUE(first->entry_unsynced());
    failed.clear();
  }
  // Of several at once only those whose entry is new.
  hold(old);
  disk.fail_all(ErrorCode::disk_error, DiskCall::sync_all);
  disk.fail_all(ErrorCode::disk_error, DiskCall::sync_directory);
  for (const auto& [label, file] : {std::pair{"old", old}, {"first", first}, {"second", second}}) request(label, file);
  release();
  EXPECT_EQ(failed,
            (std::map<std::string, ErrorCode>{{"first", ErrorCode::disk_error}, {"second", ErrorCode::disk_error}}));
  disk.heal();
  failed.clear();
  gate.take_calls();
  request("second", second);
  all_done();
  EXPECT_TRUE(failed.empty());
  EXPECT_EQ(gate.take_calls(), (Calls{"file bb02", "directory bb", "directory contents"}));
  EXPECT_FALSE(second->entry_unsynced());
}

TEST_F(SyncBatcherTest, EndsWithWhatWasAskedDoneAndAnswersAfterwards) {
  hold(written("aa01"));
  for (const char* name : {"bb01", "cc01", "dd01"}) request(name, written(name));
  std::thread ending([this] { batcher.reset(); });
  gate.open();
  ending.join();
  EXPECT_TRUE(done.empty());
  loop.run_ready();
  EXPECT_EQ(done, (Calls{"held", "bb01", "cc01", "dd01"}));
  EXPECT_TRUE(failed.empty());
}

TEST_F(SyncBatcherTest, MayEndBeforeTheLoopHearsOfIt) {
  {
    test::VirtualLoop short_lived;
    SyncBatcher other(short_lived, directories);
    other.request(written("aa01"), [](const Result<FileStat>&) { FAIL() << "its loop never ran"; });
  }
  EXPECT_TRUE(done.empty());
}

}  // namespace
}  // namespace larder::cache
