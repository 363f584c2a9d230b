// Descriptors of callers and snapshots of them. The file system of the test clones (xfs, btrfs) or does not (ext4,
// tmpfs): what must hold holds on both.
#include "agent/uploads/source_shelf.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/io/log.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

class SourceShelfTest : public testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::off);
    start();
  }
  void start() { shelf_ = std::make_unique<SourceShelf>(directory_ / "shelf", loop_.runtime(), disk_); }
  UniqueFd open_file(const std::string& text) {
    std::ofstream(path_) << text;
    return UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  }
  origin::SourceIdentity put(const std::string& id, const std::string& text) {
    UniqueFd file = open_file(text);
    const auto identity = *check_descriptor(file.get());
    EXPECT_TRUE(shelf_->put(id, 7, std::move(file)));
    return identity;
  }
  Result<SourceShelf::Kept> open(const std::string& id, const origin::SourceIdentity& expected, bool was_snapshot,
                                 bool copy) {
    std::optional<Result<SourceShelf::Kept>> opened;
    shelf_->open_source(id, expected, was_snapshot, copy,
                        [&](Result<SourceShelf::Kept> kept) { opened = std::move(kept); });
    EXPECT_FALSE(opened) << "answered within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return opened.has_value(); }));
    return std::move(*opened);
  }
  static std::string text_of(const SourceShelf::Kept& kept) {
    std::array<std::byte, 64> bytes{};
    const auto got = kept.file->read(0, bytes);
    return got ? std::string(reinterpret_cast<const char*>(bytes.data()), *got) : got.error().text();
  }
  bool left(const std::string& name) { return std::filesystem::exists(directory_ / ("shelf/" + name)); }
  void wait_for_disk() {
    bool done = false;
    // Behind what was removed: the shelf's own thread takes one after the other.
    const auto last = put("last", "x");
    shelf_->open_source("last", last, false, true, [&](const Result<SourceShelf::Kept>&) { done = true; });
    ASSERT_TRUE(loop_.wait_for([&] { return done; }));
  }

  larder::test::TempDirectory directory_;
  std::string path_ = directory_ / "source";
  larder::test::VirtualLoop loop_;
  WorkerPool disk_{"disk", 1, 16};
  std::unique_ptr<SourceShelf> shelf_;
};

TEST_F(SourceShelfTest, a_source_is_given_in_place_or_as_a_snapshot) {
  const auto identity = put("j.0", "hello");
  const auto kept = open("j.0", identity, false, false);
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_EQ(text_of(*kept), "hello");
  EXPECT_EQ(kept->snapshot, left("j.0"));
  EXPECT_EQ(kept->identity, *kept->file->identity());
}

TEST_F(SourceShelfTest, a_copy_stays_as_it_is_and_outlives_the_process) {
  const auto identity = put("j.0", "hello");
  const auto kept = open("j.0", identity, false, true);
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_TRUE(kept->snapshot);
  std::ofstream(path_) << "changed";
  EXPECT_EQ(text_of(*kept), "hello");
  start();
  const auto again = open("j.0", identity, true, true);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(text_of(*again), "hello");
  EXPECT_FALSE(left("j.0.new"));
}

TEST_F(SourceShelfTest, a_copy_is_made_from_another_file_system_too) {
  // /dev/shm is a file system of its own where it is mounted; else the copy is an ordinary one.
  const std::string elsewhere = "/dev/shm/larder-shelf-" + std::to_string(::getpid());
  const std::string text(3'000'000, 'x');
  std::ofstream(elsewhere) << text;
  UniqueFd file(::open(elsewhere.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(elsewhere.c_str());
  if (!file) GTEST_SKIP() << "no /dev/shm";
  const auto identity = *check_descriptor(file.get());
  ASSERT_TRUE(shelf_->put("j.0", 7, std::move(file)));
  const auto kept = open("j.0", identity, false, true);
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_TRUE(kept->snapshot);
  EXPECT_EQ(kept->file->identity()->size, text.size());
}

TEST_F(SourceShelfTest, two_copies_of_one_file_run_one_after_the_other) {
  const auto identity = put("j.0", std::string(2'000'000, 'y'));
  std::vector<Result<SourceShelf::Kept>> opened;
  for (int i = 0; i < 2; ++i)
    shelf_->open_source("j.0", identity, false, true,
                        [&](Result<SourceShelf::Kept> kept) { opened.push_back(std::move(kept)); });
  ASSERT_TRUE(loop_.wait_for([&] { return opened.size() == 2; }));
  for (const auto& kept : opened) ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_EQ(opened[1]->identity, *opened[1]->file->identity()) << "nobody writes to it any more";
}

TEST_F(SourceShelfTest, a_source_that_changed_before_its_copy_is_refused) {
  const auto identity = put("j.0", "hello");
  std::ofstream(path_, std::ios::app) << ", world";
  const auto kept = open("j.0", identity, false, true);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ErrorCode::source_changed) << kept.error().text();
  EXPECT_FALSE(left("j.0"));
  EXPECT_FALSE(left("j.0.new"));
}

TEST_F(SourceShelfTest, a_source_of_an_earlier_process_is_asked_for_again) {
  const auto identity = put("j.0", "hello");
  start();
  for (const bool was_snapshot : {false, true}) {
    const auto kept = open("j.0", identity, was_snapshot, false);
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, ErrorCode::not_found);
  }
}

TEST_F(SourceShelfTest, a_snapshot_that_is_gone_is_made_again_from_the_descriptor) {
  const auto identity = put("j.0", "hello");
  const auto kept = open("j.0", identity, true, true);
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_EQ(text_of(*kept), "hello");
}

TEST_F(SourceShelfTest, one_user_holds_so_many_and_others_have_a_reserve) {
  for (std::size_t i = 0; i < SourceShelf::kMaxOfUser; ++i)
    ASSERT_TRUE(shelf_->put("j." + std::to_string(i), 7, open_file("x"))) << i;
  const Status refused = shelf_->put("one more", 7, open_file("x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(shelf_->put("another's", 8, open_file("x")));
  // Beside another user the first one's part is smaller (FairPlaces).
  for (const int i : {0, 1, 2, 3, 4, 5, 6, 7}) shelf_->drop("j." + std::to_string(i));
  EXPECT_TRUE(shelf_->put("one more", 7, open_file("x")));
}

TEST_F(SourceShelfTest, what_is_dropped_leaves_nothing) {
  const auto identity = put("j.0", "hello");
  ASSERT_TRUE(open("j.0", identity, false, true));
  std::ofstream(shelf_->reply_file("j.0")) << "reply";
  shelf_->drop("j.0");
  wait_for_disk();
  EXPECT_FALSE(left("j.0"));
  EXPECT_FALSE(left("j.0.reply"));
  EXPECT_FALSE(shelf_->holds("j.0"));
}

TEST_F(SourceShelfTest, files_of_jobs_that_are_gone_are_removed_at_the_start) {
  for (const char* name : {"a.0", "a.0.reply", "gone.0", "gone.0.reply", "a.0.new"})
    std::ofstream(directory_ / (std::string("shelf/") + name)) << "x";
  shelf_->drop_all_but({"a.0"});
  wait_for_disk();
  EXPECT_TRUE(left("a.0"));
  EXPECT_TRUE(left("a.0.reply"));
  EXPECT_FALSE(left("gone.0"));
  EXPECT_FALSE(left("gone.0.reply"));
  EXPECT_FALSE(left("a.0.new")) << "a copy that a crash cut off";
}

}  // namespace
}  // namespace larder::agent
