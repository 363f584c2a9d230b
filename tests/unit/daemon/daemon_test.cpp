#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "agent/daemon/idle.h"
#include "base/process/state_lock.h"
#include "base/process/systemd.h"

namespace larder::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

SteadyTime at(int second) {
  return SteadyTime{} + seconds(100000 + second);
}

TEST(IdleWatch, EndsAfterTheLimitWithoutJobsAndClients) {
  IdleWatch idle(minutes(10));
  Activity activity;
  activity.last_request = at(0);
  EXPECT_FALSE(idle.is_over(activity, at(0)));
  EXPECT_FALSE(idle.is_over(activity, at(599)));
  EXPECT_TRUE(idle.is_over(activity, at(600)));
}

TEST(IdleWatch, CountsFromTheLastWorkOfAnyKind) {
  const std::function<void(Activity&)> kinds[] = {[](Activity& a) { a.jobs = 1; }, [](Activity& a) { a.transfers = 1; },
                                                  [](Activity& a) { a.connections = 1; }};
  for (const auto& kind : kinds) {
    IdleWatch idle(minutes(10));
    Activity busy, quiet;
    busy.last_request = quiet.last_request = at(0);
    kind(busy);
    EXPECT_FALSE(idle.is_over(busy, at(700)));
    EXPECT_FALSE(idle.is_over(quiet, at(1200)));
    EXPECT_TRUE(idle.is_over(quiet, at(1300)));
  }
}

TEST(IdleWatch, NeverEndsWithoutALimit) {
  IdleWatch idle;
  EXPECT_FALSE(idle.is_over({}, at(1000000)));
}

TEST(IdleWatch, LooksOftenEnoughForAShortLimit) {
  EXPECT_EQ(IdleWatch(minutes(10)).check_interval(seconds(5)), Duration(seconds(5)));
  EXPECT_LT(IdleWatch(seconds(1)).check_interval(seconds(5)), Duration(seconds(1)));
}

class Directory : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "larder-daemon-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  std::string path_;
};

using StateLockTest = Directory;

TEST_F(StateLockTest, IsHeldByOneAndNamesIt) {
  const auto first = StateLock::acquire(path_, "larderd");
  ASSERT_TRUE(first) << first.error().text();
  const auto second = StateLock::acquire(path_, "larderd");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::busy);
  EXPECT_NE(second.error().text().find("process " + std::to_string(::getpid())), std::string::npos);
}

TEST_F(StateLockTest, IsFreeAgainAfterwards) {
  { ASSERT_TRUE(StateLock::acquire(path_, "larderd")); }
  EXPECT_TRUE(StateLock::acquire(path_, "larderd"));
}

TEST_F(StateLockTest, MakesTheDirectory) {
  EXPECT_TRUE(StateLock::acquire(path_ + "/a/b", "larderd"));
  EXPECT_TRUE(std::filesystem::is_directory(path_ + "/a/b"));
}

TEST_F(StateLockTest, RecordsItsSocketForTheOwnerAlone) {
  const auto lock = StateLock::acquire(path_, "larderd");
  ASSERT_TRUE(lock->record_socket("/run/user/1/larder/api.sock"));
  ASSERT_TRUE(lock->record_socket("/tmp/elsewhere/api.sock")) << "the one of the start before is replaced";
  std::ifstream record(path_ + "/socket");
  std::string line;
  ASSERT_TRUE(std::getline(record, line));
  EXPECT_EQ(line, "/tmp/elsewhere/api.sock");
  struct stat info {};
  ASSERT_EQ(::stat((path_ + "/socket").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_TRUE(lock->record_socket("relative/api.sock"));
  std::ifstream again(path_ + "/socket");
  ASSERT_TRUE(std::getline(again, line));
  EXPECT_TRUE(line.starts_with('/')) << line;
}

TEST_F(StateLockTest, RefusesADirectoryThatOthersMayWrite) {
  ASSERT_EQ(::chmod(path_.c_str(), 0777), 0);
  const auto lock = StateLock::acquire(path_, "larderd");
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().text().find("chmod"), std::string::npos);
}

// Which descriptors a process was passed cannot be said of one that runs already: numbers 3 and up are the test's own
// files. What is held to here is whose they are, and that no child is told of them.
class PassedSocket : public testing::Test {
 protected:
  static void pass(const std::string& process, const char* count) {
    ::setenv("LISTEN_PID", process.c_str(), 1);
    ::setenv("LISTEN_FDS", count, 1);
    ::setenv("LISTEN_FDNAMES", "api", 1);
  }
  void TearDown() override {
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) EXPECT_EQ(::getenv(name), nullptr) << name;
  }
};

TEST_F(PassedSocket, IsTakenOnce) {
  const int held = ::open("/dev/null", O_RDONLY);  // something is at 3, whatever it is
  if (held != 3) {
    ::close(held);
    GTEST_SKIP() << "descriptor 3 is in use here";
  }
  pass(std::to_string(::getpid()), "1");
  ServiceManager manager;
  EXPECT_EQ(manager.take_socket(), 3);
  EXPECT_NE(::fcntl(3, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(manager.take_socket(), std::nullopt);
  ::close(held);
}

TEST_F(PassedSocket, OfAnotherProcessOrWithoutSenseIsNotTaken) {
  pass("1", "1");
  EXPECT_EQ(ServiceManager().take_socket(), std::nullopt);
  for (const char* count : {"0", "-1", "x", "", "65", "99999999999999999999"}) {
    pass(std::to_string(::getpid()), count);
    EXPECT_EQ(ServiceManager().take_socket(), std::nullopt) << count;
  }
  EXPECT_EQ(ServiceManager().take_socket(), std::nullopt) << "without a word";
}

class Notified : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const bool abstract = GetParam();
    name_ = abstract ? "@larder-test-" + std::to_string(::getpid()) : "/tmp/larder-test-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (abstract) address.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  void TearDown() override {
    ::close(fd_);
    if (!GetParam()) ::unlink(name_.c_str());
    ::unsetenv("NOTIFY_SOCKET");
  }
  std::string heard() {
    std::array<char, 256> text{};
    const ssize_t size = ::recv(fd_, text.data(), text.size(), 0);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
  }
  std::string name_;
  int fd_ = -1;
};
INSTANTIATE_TEST_SUITE_P(Kinds, Notified, testing::Bool());

TEST_P(Notified, HearsEveryMessage) {
  ServiceManager manager;
  manager.ready("well");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=well\n");
  manager.reloading();
  EXPECT_EQ(heard().find("RELOADING=1\nMONOTONIC_USEC="), 0u);
  manager.stopping();
  EXPECT_EQ(heard().find("STOPPING=1\n"), 0u);
  manager.alive();
  EXPECT_EQ(heard(), "WATCHDOG=1\n");
}

TEST_P(Notified, IsNotInheritedByHooks) {
  ServiceManager manager;
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
}

TEST(ServiceManager, KeepsQuietWithoutOne) {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceManager manager;
  manager.ready("nobody hears it");
  EXPECT_FALSE(manager.watchdog_interval());
}

TEST(ServiceManager, SaysItIsAliveTwiceInTheInterval) {
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  EXPECT_EQ(ServiceManager().watchdog_interval(), Duration(seconds(30)));
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager().watchdog_interval());
}

}  // namespace
}  // namespace larder::agent
