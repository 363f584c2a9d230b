// Publication on a thread of its own, while more files are staged. A named pipe in the place of a hidden file holds it:
// opening that for its sync waits until a test opens the other end.
#include "agent/cli/get/local_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "agent/cli/place/destination.h"
#include "tests/unit/client/fake_agent.h"

namespace larder::agent {
namespace {

constexpr unsigned kFiles = 30;

class LocalFilesTest : public ::testing::Test {
 protected:
  LocalFilesTest() {
    for (unsigned i = 0; i < kFiles; ++i) {
      plan.request.files.push_back({"http://e/" + std::to_string(i), destination(i), "", "", {}});
      agent.put(i, bytes(i));
    }
    JobView job;
    job.id = "1";
    job.state = "transferring";
    for (unsigned i = 0; i < kFiles; ++i) {
      FileView file;
      file.index = i;
      file.state = "transferring";
      job.files.push_back(file);
    }
    EXPECT_TRUE(follower.open_new(job, "0"));
    files = std::make_unique<LocalFiles>(plan);
    files->set_job("1");
  }

  [[nodiscard]] std::string destination(unsigned i) const { return directory / ("out" + std::to_string(i)); }
  static std::string bytes(unsigned i) { return "content of " + std::to_string(i); }
  // The agent says that they are there.
  void transferred(unsigned from, unsigned to) {
    for (unsigned i = from; i < to; ++i) {
      FileView& file = const_cast<FileView&>(*follower.file(i));
      file.state = "transferred";
      file.size = bytes(i).size();
      file.content = "c" + std::to_string(i);
      files->observe(file);
    }
  }
  Status finish() {
    const_cast<JobView&>(follower.job()).state = "transferred";
    return files->finish(client, follower, now);
  }
  Status step_until_idle() {
    for (;;) {
      const auto worked = files->step(client, follower, now);
      if (!worked) return tl::unexpected(worked.error());
      if (!*worked) return {};
    }
  }
  void stage(unsigned from, unsigned to) {
    transferred(from, to);
    ASSERT_TRUE(step_until_idle());  // begins to wait for more
    now += LocalFiles::kBatchAfter;
    ASSERT_TRUE(step_until_idle());
    for (unsigned i = from; i < to; ++i) EXPECT_TRUE(is_hidden(i)) << i;
  }
  // The hidden files that are staged are on their way, and go no further than this one.
  void publish_up_to(unsigned held) {
    const std::string hidden = hidden_name(held);
    ASSERT_TRUE(std::filesystem::remove(hidden));
    ASSERT_EQ(::mkfifo(hidden.c_str(), 0600), 0);
    now += LocalFiles::kPublishAfter;
    ASSERT_TRUE(step_until_idle());
  }
  UniqueFd let_go(unsigned held) { return UniqueFd(::open(hidden_name(held).c_str(), O_WRONLY | O_CLOEXEC)); }
  Status step_until_published(unsigned i) {
    while (files->written()[i].empty())
      if (const auto stepped = files->step(client, follower, now); !stepped) return tl::unexpected(stepped.error());
    return {};
  }
  [[nodiscard]] std::string hidden_name(unsigned i) const { return temporary_name(destination(i), plan_key(plan)); }
  [[nodiscard]] bool is_hidden(unsigned i) const { return std::filesystem::exists(hidden_name(i)); }
  [[nodiscard]] bool is_in_place(unsigned i) const { return std::filesystem::exists(destination(i)); }
  [[nodiscard]] std::size_t hidden_files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
      if (entry.path().filename().string().starts_with(".")) ++count;
    return count;
  }

  test::TempDirectory directory;
  FakeAgent agent;
  GetPlan plan;
  Client client{agent.socket_path()};
  JobFollower follower{client, "1"};
  std::unique_ptr<LocalFiles> files;
  SteadyTime now{std::chrono::hours(1)};
};

TEST_F(LocalFilesTest, PublishesWhatIsStagedAfterAWhile) {
  stage(0, 12);
  EXPECT_FALSE(is_in_place(0));
  now += LocalFiles::kPublishAfter;
  ASSERT_TRUE(step_until_published(11));
  for (unsigned i = 0; i < 12; ++i) {
    EXPECT_EQ(test::read_file(destination(i)), bytes(i));
    EXPECT_EQ(files->written()[i], destination(i));
  }
  EXPECT_EQ(hidden_files(), 0U);
}

TEST_F(LocalFilesTest, StagesMoreWhileABatchIsOnItsWay) {
  stage(0, 12);
  publish_up_to(5);
  stage(12, 24);
  now += 2 * LocalFiles::kPublishAfter;
  ASSERT_TRUE(step_until_idle());
  EXPECT_FALSE(is_in_place(0)) << "all are synced before the first is renamed";
  EXPECT_FALSE(is_in_place(12)) << "one batch at a time";
  EXPECT_TRUE(files->written()[0].empty()) << "not before it is there";
  const UniqueFd held = let_go(5);
  ASSERT_TRUE(step_until_published(0));
  ASSERT_TRUE(step_until_published(23));
  for (unsigned i = 0; i < 24; ++i) {
    if (i == 5) continue;  // the pipe
    EXPECT_EQ(test::read_file(destination(i)), bytes(i));
  }
}

// What is on its way is no longer the follower's: news of such a file changes nothing.
TEST_F(LocalFilesTest, NewsOfAFileOnItsWayChangesNothing) {
  stage(0, 12);
  publish_up_to(5);
  FileView other = *follower.file(3);
  other.state = "transferring";
  other.content = "another";
  files->observe(other);
  other.state = "transferred";
  files->observe(other);
  const UniqueFd held = let_go(5);
  ASSERT_TRUE(step_until_published(3));
  ASSERT_TRUE(step_until_idle());
  EXPECT_EQ(test::read_file(destination(3)), bytes(3));
  EXPECT_EQ(hidden_files(), 0U);
}

// One destination cannot be replaced. What was renamed before it is in place and told, the rest is not there, and
// nothing is lost: where the cause is gone they are published.
TEST_F(LocalFilesTest, AFailureInABatchIsToldAndHoldsBackWhatCameAfter) {
  stage(0, 12);
  std::filesystem::create_directory(destination(5));
  test::write_file(destination(5) + "/x", "in the way");
  now += LocalFiles::kPublishAfter;
  const auto failed = step_until_published(11);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::disk_error);
  EXPECT_NE(failed.error().text().find(destination(5)), std::string::npos) << failed.error().text();
  for (unsigned i = 0; i < 12; ++i) {
    EXPECT_EQ(files->written()[i].empty(), i >= 5) << i;
    EXPECT_EQ(is_in_place(i), i <= 5) << i;  // 5 is what was in the way
  }
  EXPECT_EQ(hidden_files(), 0U);
  std::filesystem::remove_all(destination(5));
  ASSERT_TRUE(finish());
  for (unsigned i = 0; i < 12; ++i) EXPECT_EQ(test::read_file(destination(i)), bytes(i));
}

TEST_F(LocalFilesTest, FinishWaitsForTheBatchAndPublishesTheRest) {
  stage(0, 12);
  publish_up_to(5);
  transferred(12, 24);
  std::thread other_end([this] { static_cast<void>(let_go(5)); });
  const auto finished = finish();
  other_end.join();
  ASSERT_TRUE(finished) << finished.error().text();
  for (unsigned i = 0; i < 24; ++i) EXPECT_TRUE(is_in_place(i)) << i;
  EXPECT_EQ(hidden_files(), 0U);
}

// The error of one batch is told, and its files are published with the rest once that is possible.
TEST_F(LocalFilesTest, FinishTellsTheErrorOfABatchUnderWay) {
  stage(0, 12);
  std::filesystem::create_directory(destination(3));
  publish_up_to(5);
  transferred(12, 24);
  std::thread other_end([this] { static_cast<void>(let_go(5)); });
  const auto failed = finish();
  other_end.join();
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().text().find(destination(3)), std::string::npos) << failed.error().text();
  std::filesystem::remove(destination(3));
  ASSERT_TRUE(finish());
  for (unsigned i = 0; i < 24; ++i) EXPECT_EQ(test::read_file(destination(i)), bytes(i)) << i;
  EXPECT_EQ(hidden_files(), 0U);
}

TEST_F(LocalFilesTest, GoneMidwayItLeavesFilesThatAreWholeOrNone) {
  stage(0, 12);
  publish_up_to(5);
  stage(12, 20);
  std::thread other_end([this] { static_cast<void>(let_go(5)); });
  files.reset();
  other_end.join();
  for (unsigned i = 0; i < 12; ++i) {
    if (i == 5) continue;  // the pipe
    EXPECT_EQ(test::read_file(destination(i)), bytes(i)) << "it was waited for";
  }
  for (unsigned i = 12; i < 20; ++i) EXPECT_FALSE(is_in_place(i)) << "it was only staged";
  EXPECT_EQ(hidden_files(), 0U);
}

// What came with the answer to the creation is used, where it is still the file's content.
TEST_F(LocalFilesTest, UsesADescriptorThatCameUnasked) {
  const auto given = [](const std::string& bytes) {
    UniqueFd fd(::memfd_create("given", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return fd;
  };
  for (const bool same : {true, false}) {
    const unsigned index = same ? 0 : 1;
    transferred(index, index + 1);
    FileView file = *follower.file(index);
    if (!same) file.content = "another";
    std::string bytes_given = bytes(index);
    bytes_given[0] = 'X';
    files->take_content(file, given(bytes_given));
    ASSERT_TRUE(finish());
    EXPECT_EQ(test::read_file(destination(index)), same ? bytes_given : bytes(index));
  }
}

TEST_F(LocalFilesTest, RefusesFilesInAnotherOrder) {
  agent.shuffle();
  transferred(0, 12);
  ASSERT_TRUE(step_until_idle());
  now += LocalFiles::kBatchAfter;
  const auto staged = step_until_idle();
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, ErrorCode::agent_answer_invalid);
  EXPECT_EQ(files->written()[0], "");
}

TEST_F(LocalFilesTest, GoWhereTheOriginNamesThem) {
  for (const unsigned i : {0U, 1U, 2U}) plan.request.files[i].remote_name = true;
  const auto named = [this](unsigned i, const std::string& name) {
    const_cast<FileView&>(*follower.file(i)).file_name = name;
  };
  named(0, "../../x/.same");
  named(1, "same");
  transferred(0, 4);
  EXPECT_FALSE(files->refused());
  named(0, "another");  // what is staged lies beside the first
  ASSERT_TRUE(finish());
  EXPECT_EQ(files->written()[0], directory / "_.._x_.same") << "the agent sends no path, and if it did";
  EXPECT_EQ(files->written()[1], directory / "same");
  EXPECT_EQ(files->written()[2], destination(2)) << "no name was given";
  EXPECT_EQ(test::read_file(directory / "same"), bytes(1));
}

TEST_F(LocalFilesTest, OfOneNameAreNumbered) {
  for (const unsigned i : {0U, 1U, 2U}) {
    plan.request.files[i].remote_name = true;
    const_cast<FileView&>(*follower.file(i)).file_name = "same";
  }
  transferred(0, 3);
  ASSERT_TRUE(finish());
  EXPECT_EQ(files->written()[2], directory / "same.2");
  EXPECT_EQ(test::read_file(directory / "same.1"), bytes(1));
}

TEST_F(LocalFilesTest, ReplaceNothingByTheOriginsNameUnlessTold) {
  test::write_file(directory / "there", "mine");
  ASSERT_EQ(::symlink("nowhere", (directory / "link").c_str()), 0);
  for (const unsigned i : {0U, 1U}) plan.request.files[i].remote_name = true;
  const_cast<FileView&>(*follower.file(0)).file_name = "there";
  files->observe(*follower.file(0));
  ASSERT_TRUE(files->refused());
  EXPECT_EQ(files->refused()->code, ErrorCode::already_exists);
  const_cast<FileView&>(*follower.file(1)).file_name = "link";
  plan.overwrite = true;
  files = std::make_unique<LocalFiles>(plan);
  files->set_job("1");
  transferred(0, 2);
  EXPECT_FALSE(files->refused());
  ASSERT_TRUE(finish());
  EXPECT_EQ(test::read_file(directory / "there"), bytes(0));
  EXPECT_EQ(test::read_file(directory / "nowhere"), bytes(1)) << "links lead to their target, as ever";
}

}  // namespace
}  // namespace larder::agent
