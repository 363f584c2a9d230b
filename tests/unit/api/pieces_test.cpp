// The small parts: range header, metrics, content source, listening sockets, admins.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "agent/api/handlers/admins.h"
#include "agent/api/handlers/metrics.h"
#include "agent/api/http/content_source.h"
#include "agent/api/http/range_header.h"
#include "base/io/unix_socket.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;

std::string range(std::string_view header, std::uint64_t size) {
  const auto parsed = parse_range(header, size);
  if (std::holds_alternative<WholeContent>(parsed)) return "whole";
  if (std::holds_alternative<Unsatisfiable>(parsed)) return "416";
  const auto& part = std::get<ByteRange>(parsed);
  return std::to_string(part.offset) + "+" + std::to_string(part.length);
}

TEST(RangeHeader, Parse) {
  EXPECT_EQ(range("bytes=0-0", 10), "0+1");
  EXPECT_EQ(range("bytes=2-5", 10), "2+4");
  EXPECT_EQ(range("bytes=2-", 10), "2+8");
  EXPECT_EQ(range("bytes=2-99", 10), "2+8");
  EXPECT_EQ(range("bytes=-3", 10), "7+3");
  EXPECT_EQ(range("bytes=-99", 10), "0+10");
  EXPECT_EQ(range("bytes=9-99999999999999999999999", 10), "9+1");
  EXPECT_EQ(range("bytes=10-", 10), "416");
  EXPECT_EQ(range("bytes=99999999999999999999999-", 10), "416");
  EXPECT_EQ(range("bytes=-0", 10), "416");
  EXPECT_EQ(range("bytes=0-", 0), "416");
  EXPECT_EQ(range("bytes=-1", 0), "416");
  for (const char* odd : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "items=0-1",
                          "bytes=0 - 1", "bytes=--1", "bytes=+1-2", "Bytes=0-1"})
    EXPECT_EQ(range(odd, 10), "whole") << odd;
}

TEST(Metrics, ShowsTheFigures) {
  MetricsFacts facts;
  facts.totals.bytes = {1, 2, 3, 4};
  facts.totals.files_transferred = 5;
  facts.totals.jobs[JobState::error] = 6;
  facts.cache.records = 7;
  facts.server.answers = {{200, 8}, {404, 9}};
  facts.version = "1.0\"\\";
  facts.threads = {{"http", true}, {"disk", false}};
  facts.resident_bytes = process_memory();
  const std::string page = render_metrics(facts);
  for (const char* line :
       {"larder_bytes_total{source=\"origin\"} 1\n", "larder_bytes_total{source=\"wasted\"} 4\n",
        "larder_files_total{result=\"transferred\"} 5\n", "larder_jobs{state=\"error\"} 6\n",
        "larder_jobs{state=\"queued\"} 0\n", "larder_cache_records 7\n", "larder_api_requests_total{code=\"404\"} 9\n",
        "larder_thread_standstill{thread=\"http\"} 1\n", "larder_thread_standstill{thread=\"disk\"} 0\n",
        "larder_build_info{version=\"1.0\\\"\\\\\"} 1\n", "# TYPE larder_bytes_total counter\n"})
    EXPECT_THAT(page, HasSubstr(line));
  EXPECT_GT(facts.resident_bytes, 100'000U);
  // Every sample has its family's lines before it, and names are there once.
  std::size_t families = 0;
  for (std::size_t at = page.find("# TYPE "); at != std::string::npos; at = page.find("# TYPE ", at + 1)) {
    const std::string name = page.substr(at + 7, page.find(' ', at + 7) - at - 7);
    EXPECT_NE(page.find("# HELP " + name + " "), std::string::npos);
    EXPECT_EQ(page.find("# TYPE " + name + " ", at + 1), std::string::npos) << name;
    ++families;
  }
  EXPECT_GE(families, 15U);
}

class Content : public testing::Test {
 protected:
  // Reads the whole body; an error as "error CODE".
  std::string read(const std::string& bytes, ByteRange part, std::size_t* largest = nullptr) {
    const auto source = make_content_source(std::make_shared<test::FakeLease>(bytes), part, loop_, loop_, disk_);
    std::string text;
    bool done = false;
    while (!done) {
      bool came = false;
      source->next([&](Result<Buffer> piece) {
        came = true;
        if (!piece) text = "error " + std::to_string(static_cast<int>(piece.error().code));
        done = !piece || piece->empty();
        if (piece && largest) *largest = std::max(*largest, piece->size());
        if (piece) text.append(reinterpret_cast<const char*>(piece->bytes().data()), piece->size());
      });
      EXPECT_TRUE(loop_.wait_for([&] { return came; }));
    }
    return text;
  }
  larder::test::VirtualLoop loop_;
  WorkerPool disk_{"disk", 1, 16};
};

TEST_F(Content, IsReadInPieces) {
  std::string bytes(3 * kContentPiece + 17, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 / 3);
  std::size_t largest = 0;
  EXPECT_EQ(read(bytes, {0, bytes.size()}, &largest), bytes);
  EXPECT_EQ(largest, kContentPiece);
  EXPECT_EQ(read(bytes, {100, kContentPiece + 1}), bytes.substr(100, kContentPiece + 1));
  EXPECT_EQ(read(bytes, {0, 0}), "");
}

TEST_F(Content, ThatBecameShorterIsAnError) {
  EXPECT_EQ(read("0123456789", {5, 10}), "error " + std::to_string(static_cast<int>(ErrorCode::content_damaged)));
}

TEST_F(Content, ABusyDiskOnlyDelays) {
  WorkerPool full("full", 1, 0);  // takes nothing
  const auto source = make_content_source(std::make_shared<test::FakeLease>("x"), {0, 1}, loop_, loop_, full);
  bool came = false;
  source->next([&](Result<Buffer>) { came = true; });
  loop_.advance(std::chrono::milliseconds(55));
  EXPECT_EQ(loop_.timers(), 1U);  // asks again
  source->cancel();
  loop_.advance(std::chrono::seconds(1));
  EXPECT_EQ(loop_.timers(), 0U);
  EXPECT_FALSE(came);
}

class Sockets : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return directory_ / "run/api.sock"; }
  static ErrorCode code(const Result<UnixListener>& listener) {
    return listener ? ErrorCode::internal : listener.error().code;
  }
  larder::test::TempDirectory directory_;
};

TEST_F(Sockets, MadeWithModeAndRemovedAtTheEnd) {
  {
    const auto listener = UnixListener::open(path(), 0620);
    ASSERT_TRUE(listener) << listener.error().text();
    struct stat info {};
    ASSERT_EQ(::stat(path().c_str(), &info), 0);
    EXPECT_TRUE(S_ISSOCK(info.st_mode));
    EXPECT_EQ(info.st_mode & 0777U, 0620U);
    ASSERT_EQ(::stat((directory_ / "run").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0755U);
  }
  EXPECT_NE(::access(path().c_str(), F_OK), 0);
}

TEST_F(Sockets, ALivingAgentIsNotReplaced) {
  const auto first = UnixListener::open(path(), 0600);
  ASSERT_TRUE(first);
  const auto second = UnixListener::open(path(), 0600);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::already_exists);
  EXPECT_THAT(second.error().text(), HasSubstr("another process already listens there"));
  EXPECT_EQ(::access(path().c_str(), F_OK), 0) << "the loser removed the winner's socket";
  // Even where its lock was deleted.
  ::unlink((path() + ".lock").c_str());
  EXPECT_EQ(code(UnixListener::open(path(), 0600)), ErrorCode::already_exists);
  EXPECT_EQ(::access(path().c_str(), F_OK), 0);
}

TEST_F(Sockets, ADeadAgentsSocketIsReplaced) {
  ASSERT_EQ(::mkdir((directory_ / "run").c_str(), 0755), 0);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(dead);
  EXPECT_TRUE(UnixListener::open(path(), 0600));
}

TEST_F(Sockets, WhatIsNoSocketStays) {
  ASSERT_EQ(::mkdir((directory_ / "run").c_str(), 0755), 0);
  larder::test::write_file(path(), "precious");
  const auto listener = UnixListener::open(path(), 0600);
  EXPECT_EQ(code(listener), ErrorCode::already_exists);
  EXPECT_EQ(larder::test::read_file(path()), "precious");
}

TEST_F(Sockets, ALongPathIsNamed) {
  const auto listener = UnixListener::open("/tmp/" + std::string(120, 'x') + "/api.sock", 0600);
  EXPECT_EQ(code(listener), ErrorCode::invalid_argument);
  EXPECT_THAT(listener.error().text(), HasSubstr("shorter runtime directory"));
}

// A socket as a service manager makes it: listening at the path, blocking.
class PassedSockets : public Sockets {
 protected:
  void SetUp() override { ASSERT_EQ(::mkdir((directory_ / "run").c_str(), 0755), 0); }
  [[nodiscard]] static int make(const std::string& path, bool listening = true, int type = SOCK_STREAM) {
    const int made = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    if (listening) {
      EXPECT_EQ(::listen(made, 5), 0);
    }
    return made;
  }
  [[nodiscard]] int connect() const {
    const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    const int result = ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ::close(made);
    return result;
  }
};

TEST_F(PassedSockets, OutliveTheAgentAndLoseNobodyWhoConnectsInBetween) {
  const int managers = make(path());
  for (int start = 0; start < 2; ++start) {
    if (start == 1) {
      EXPECT_EQ(connect(), 0) << "the first agent's end closed the socket or took its file away";
    }
    const auto listener = UnixListener::adopt(UniqueFd(::fcntl(managers, F_DUPFD_CLOEXEC, 0)), path(), 0620);
    ASSERT_TRUE(listener) << listener.error().text();
    struct stat info {};
    ASSERT_EQ(::stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0620U);
    const int none = ::accept(listener->descriptor(), nullptr, nullptr);
    EXPECT_EQ(none < 0, start == 0) << "the one who connected while no agent ran waits for the next one";
    if (none >= 0) ::close(none);
    EXPECT_NE(::fcntl(listener->descriptor(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(code(UnixListener::adopt(UniqueFd(::fcntl(managers, F_DUPFD_CLOEXEC, 0)), path(), 0620)),
              ErrorCode::already_exists);
  }
  ::close(managers);
}

TEST_F(PassedSockets, OfAnotherKindOrPlaceAreRefusedWithWhatToDo) {
  const std::string other = directory_ / "run/other.sock", idle = directory_ / "run/idle.sock";
  const std::string datagrams = directory_ / "run/datagrams.sock";
  const std::pair<int, const char*> odd[] = {{make(other), "a socket at"},
                                             {make(idle, false), "something else"},
                                             {make(datagrams, false, SOCK_DGRAM), "something else"},
                                             {::open("/dev/null", O_RDWR | O_CLOEXEC), "something else"}};
  for (const auto& [passed, wanted] : odd) {
    const auto listener = UnixListener::adopt(UniqueFd(passed), path(), 0666);
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(listener.error().text(), HasSubstr(wanted));
    EXPECT_THAT(listener.error().text(), HasSubstr("ListenStream=" + path()));
    EXPECT_LT(::fcntl(passed, F_GETFD), 0) << "not closed";
  }
  EXPECT_EQ(::access(other.c_str(), F_OK), 0) << "somebody else's socket was removed";
}

TEST(AdminsOfTheConfiguration, AreFoundByNameAndNumber) {
  const Admins admins = Admins::resolve({"4711", "no-such-user-here", "daemon"});
  EXPECT_TRUE(admins.caller(0).admin);
  EXPECT_TRUE(admins.caller(::geteuid()).admin);
  EXPECT_TRUE(admins.caller(4711).admin);
  EXPECT_TRUE(admins.caller(1).admin);  // daemon, on Debian
  EXPECT_FALSE(admins.caller(4712).admin);
  EXPECT_EQ(admins.caller(4712).uid, 4712U);
}

}  // namespace
}  // namespace larder::agent
