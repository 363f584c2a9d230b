// A directory as the way to the application: the rules, the files, and the watching of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "inbox/deliver/directory_hand_over.h"
#include "inbox/deliver/directory_rules.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

using testing::HasSubstr;

TEST(DirectoryRules, EveryPlaceBeforeAndAfterTheFileWasSeen) {
  using Step = DirectoryStep;
  EXPECT_EQ(directory_step(Place::nowhere, false), Step::put_there);
  EXPECT_EQ(directory_step(Place::nowhere, true), Step::lost);
  for (const bool was_ready : {false, true}) {
    EXPECT_EQ(directory_step(Place::ready, was_ready), Step::wait);
    EXPECT_EQ(directory_step(Place::done, was_ready), Step::took);
    EXPECT_EQ(directory_step(Place::reject, was_ready), Step::refused);
  }
}

TEST(DirectoryRules, ANameFitsAndIsCutAtACharacter) {
  EXPECT_EQ(delivered_name("id", "report.pdf"), "id.report.pdf");
  EXPECT_EQ(delivered_name("id", ""), "id");
  const std::string long_name(300, 'x');
  EXPECT_EQ(delivered_name("id", long_name).size(), 255U);
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "ä";
  const std::string cut = delivered_name("id", umlauts);
  EXPECT_EQ(cut.size(), 255U);
  EXPECT_EQ(cut.substr(0, 5), "id.ä");
  EXPECT_EQ(delivered_name("idx", umlauts).size(), 254U) << "half a character would be none";
}

std::string text_of(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class DirectoryFilesTest : public testing::Test {
 protected:
  DirectoryFilesTest() {
    std::filesystem::create_directory(place_);
    ::chmod(place_.c_str(), 02770);
    std::ofstream(content_) << "bytes";
  }
  test::TempDirectory directory_;
  const std::string place_ = directory_ / "builds";
  const std::string content_ = directory_ / "content";
  DirectoryFiles files_{place_};
};

TEST_F(DirectoryFilesTest, ADirectoryThatIsMissingIsSaid) {
  const auto prepared = DirectoryFiles(directory_ / "none").prepare();
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().text(), HasSubstr("there is no such directory; make it"));
  EXPECT_FALSE(DirectoryFiles(content_).prepare()) << "a file is none";
}

TEST_F(DirectoryFilesTest, ItsPlacesAreMadeWithItsMode) {
  ASSERT_TRUE(files_.prepare());
  ASSERT_TRUE(files_.prepare()) << "at each start";
  for (const char* name : {"ready", "done", "reject"}) {
    struct stat info {};
    ASSERT_EQ(::stat((place_ + "/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 02770U) << name;
  }
}

TEST_F(DirectoryFilesTest, AFileIsFoundWhereItLies) {
  ASSERT_TRUE(files_.prepare());
  EXPECT_EQ(files_.find("id.name").value(), Place::nowhere);
  ASSERT_TRUE(files_.put(content_, "id.name"));
  EXPECT_EQ(files_.find("id.name").value(), Place::ready);
  EXPECT_EQ(text_of(place_ + "/ready/id.name"), "bytes");
  for (const auto& [name, place] : {std::pair("done", Place::done), std::pair("reject", Place::reject)}) {
    std::filesystem::rename(place_ + "/ready/id.name", place_ + "/" + name + "/id.name");
    EXPECT_EQ(files_.find("id.name").value(), place);
    std::filesystem::rename(place_ + "/" + name + "/id.name", place_ + "/ready/id.name");
  }
}

TEST_F(DirectoryFilesTest, NothingIsWrittenOver) {
  ASSERT_TRUE(files_.prepare());
  std::ofstream(place_ + "/ready/id.name") << "what is there";
  EXPECT_TRUE(files_.put(content_, "id.name")) << "put there before, by a process that ended";
  EXPECT_EQ(text_of(place_ + "/ready/id.name"), "what is there");
}

TEST_F(DirectoryFilesTest, TheGroupMayRead) {
  ASSERT_TRUE(files_.prepare());
  ::chmod(content_.c_str(), 0600);
  ASSERT_TRUE(files_.put(content_, "id.name"));
  struct stat info {};
  ASSERT_EQ(::stat((place_ + "/ready/id.name").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(DirectoryFilesTest, AContentThatIsMissingIsSaid) {
  ASSERT_TRUE(files_.prepare());
  EXPECT_THAT(files_.put(directory_ / "none", "id").error().text(), HasSubstr("No such file"));
}

// /dev/shm is another file system than that of temporary directories, where there is one.
TEST_F(DirectoryFilesTest, AnotherFileSystemGetsACopy) {
  struct stat here {
  }, there{};
  if (::stat("/dev/shm", &there) != 0 || ::access("/dev/shm", W_OK) != 0 || ::stat(place_.c_str(), &here) != 0 ||
      here.st_dev == there.st_dev) {
    GTEST_SKIP() << "there is no second file system to write to";
  }
  char other[] = "/dev/shm/larder-inbox-XXXXXX";
  ASSERT_NE(::mkdtemp(other), nullptr);
  const DirectoryFiles files{other};
  ASSERT_TRUE(files.prepare());
  ASSERT_TRUE(files.put(content_, "id.name"));
  ASSERT_TRUE(files.put(content_, "id.name"));
  EXPECT_EQ(text_of(std::string(other) + "/ready/id.name"), "bytes");
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(other) + "/ready")) {
    entries += entry.exists() ? 1U : 0U;
  }
  EXPECT_EQ(entries, 1U) << "the copy's own name is gone";
  std::filesystem::remove_all(other);
}

class DirectoryHandOverTest : public DirectoryFilesTest {
 protected:
  DirectoryHandOverTest() { EXPECT_TRUE(files_.prepare()); }
  ~DirectoryHandOverTest() override { pool_.reset(); }

  void begin(const std::string& id) {
    UploadRow row;
    row.id = id;
    row.name = "name";
    hand_over_.begin(row, false, [this, id](AttemptEnd what) { ended_[id] = std::move(what); });
  }
  // Lets one look go by.
  void look() {
    loop_.advance(DirectoryHandOver::kInterval);
    settle();
  }
  void settle() {
    bool done = false;
    ASSERT_TRUE(pool_->submit([&] { loop_.post([&] { done = true; }); }));
    ASSERT_TRUE(loop_.wait_for([&] { return done; }));
    loop_.run_ready();
  }
  [[nodiscard]] bool lies_in(const char* place, const std::string& id) const {
    return std::filesystem::exists(place_ + "/" + place + "/" + id + ".name");
  }
  void move(const std::string& id, const char* to) const {
    std::filesystem::rename(place_ + "/ready/" + id + ".name", place_ + "/" + to + "/" + id + ".name");
  }

  test::VirtualLoop loop_;
  std::unique_ptr<WorkerPool> pool_ = std::make_unique<WorkerPool>("files", 1, 64);
  DirectoryHandOver hand_over_{place_, [this](const std::string&) { return content_; }, loop_.runtime(), *pool_};
  std::map<std::string, AttemptEnd> ended_;
};

TEST_F(DirectoryHandOverTest, WhereTheApplicationMovesItIsItsAnswer) {
  begin("a");
  begin("b");
  settle();
  settle();
  ASSERT_TRUE(lies_in("ready", "a") && lies_in("ready", "b"));
  look();
  EXPECT_TRUE(ended_.empty());
  move("a", "done");
  move("b", "reject");
  look();
  EXPECT_EQ(ended_.at("a").kind, AttemptEnd::Kind::took);
  EXPECT_EQ(ended_.at("b").kind, AttemptEnd::Kind::refused);
  EXPECT_EQ(loop_.timers(), 0U) << "nothing is looked for any more";
}

TEST_F(DirectoryHandOverTest, WhatWasMovedBeforeThisProcessBeganIsNotPutThereAgain) {
  std::ofstream(place_ + "/done/a.name") << "bytes";
  begin("a");
  settle();
  EXPECT_EQ(ended_.at("a").kind, AttemptEnd::Kind::took);
  EXPECT_FALSE(lies_in("ready", "a"));
}

TEST_F(DirectoryHandOverTest, AFileThatWasDeletedIsToldAgain) {
  begin("a");
  settle();
  std::filesystem::remove(place_ + "/ready/a.name");
  look();
  EXPECT_EQ(ended_.at("a").kind, AttemptEnd::Kind::again);
  EXPECT_THAT(ended_.at("a").result, HasSubstr("did not come to done/"));
}

TEST_F(DirectoryHandOverTest, ADirectoryThatWentIsSaidAndTriedAgain) {
  std::filesystem::remove_all(place_);
  begin("a");
  settle();
  EXPECT_EQ(ended_.at("a").kind, AttemptEnd::Kind::again);
  EXPECT_THAT(ended_.at("a").result, HasSubstr("No such file"));
}

}  // namespace
}  // namespace larder::inbox
