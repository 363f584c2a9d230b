// Walks the table of docs/destination.md: every row has a case here, and every case a row.
#include "agent/cli/place/place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "agent/cli/place/destination.h"
#include "base/error_table.h"
#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

namespace fs = std::filesystem;
constexpr uid_t kStranger = 65534;

bool is_root() {
  return ::geteuid() == 0;
}

struct Outcome {
  std::optional<PlaceKind> kind;     // none: refused
  std::optional<ErrorCode> refused;  // with this
  std::string path;                  // where it really is; empty: not looked at
  std::string skipped;               // why the case cannot be had here
};
Outcome becomes(PlaceKind kind, std::string path = {}) {
  return {kind, std::nullopt, std::move(path), {}};
}
Outcome refused(ErrorCode code) {
  return {std::nullopt, code, {}, {}};
}

// A directory with everything in it, and what a destination in it has to become.
struct Scene {
  explicit Scene(std::string made_in) : at(std::move(made_in)) {}
  [[nodiscard]] std::string path(const std::string& name) const { return at + "/" + name; }
  std::string file(const std::string& name, const std::string& text = "old") const {
    std::ofstream(path(name)) << text;
    return path(name);
  }
  std::string link(const std::string& name, const std::string& target) const {
    fs::create_symlink(target, path(name));
    return path(name);
  }
  std::string directory(const std::string& name, mode_t mode = 0755) const {
    fs::create_directory(path(name));
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }
  std::string at;
};

struct Case {
  std::function<std::string(const Scene&)> make;  // the destination; empty: cannot be had here
  std::function<Outcome(const Scene&)> expected;
  bool as_stranger = false;  // judged by another user than the one who made it; needs root
  bool needs_root = false;
};

using enum PlaceKind;
const std::map<std::string, Case>& cases() {
  static const std::map<std::string, Case> all = {
      {"nothing, in a directory that may be written",
       {[](const Scene& s) { return s.path("new"); }, [](const Scene& s) { return becomes(file, s.path("new")); }}},
      {"nothing, in a directory that may not be written",
       {[](const Scene& s) { return s.directory("closed", 0555) + "/new"; },
        [](const Scene&) { return refused(ErrorCode::permission_denied); }, true}},
      {"nothing, in a directory that is not there",
       {[](const Scene& s) { return s.path("none/new"); }, [](const Scene&) { return refused(ErrorCode::not_found); }}},
      {"nothing, in a file system that takes no files (`/proc`)",
       {[](const Scene&) { return "/proc/larder-new"; },
        [](const Scene&) { return refused(ErrorCode::permission_denied); }}},
      {"a file",
       {[](const Scene& s) { return s.file("old"); }, [](const Scene& s) { return becomes(file, s.path("old")); }}},
      {"a file with several names (hard links)",
       {[](const Scene& s) {
          fs::create_hard_link(s.file("first"), s.path("second"));
          return s.path("second");
        },
        [](const Scene& s) { return becomes(file, s.path("second")); }}},
      {"a file that may not be written",
       {[](const Scene& s) {
          ::chmod(s.at.c_str(), 0777);
          ::chmod(s.file("fixed").c_str(), 0444);
          return s.path("fixed");
        },
        [](const Scene&) { return refused(ErrorCode::permission_denied); }, true}},
      {"a file that may be written, in a directory that may not",
       {[](const Scene& s) {
          const std::string closed = s.directory("closed");
          s.file("closed/open");
          ::chmod((closed + "/open").c_str(), 0666);
          ::chmod(closed.c_str(), 0555);
          return closed + "/open";
        },
        [](const Scene& s) { return becomes(in_place, s.path("closed/open")); }, true}},
      {"a file that is a mount point",
       {[](const Scene& s) {
          const std::string on = s.file("on"), of = s.file("of");
          return ::mount(of.c_str(), on.c_str(), nullptr, MS_BIND, nullptr) == 0 ? on : std::string();
        },
        [](const Scene& s) { return becomes(in_place, s.path("on")); }, false, true}},
      {"another user's file in a directory where anybody may put files (sticky, as `/tmp`)",
       {[](const Scene& s) {
          const std::string shared = s.directory("shared", 01777);
          s.file("shared/bait");
          ::chmod((shared + "/bait").c_str(), 0666);
          return ::chown((shared + "/bait").c_str(), kStranger, kStranger) == 0 ? shared + "/bait" : std::string();
        },
        [](const Scene&) { return refused(ErrorCode::permission_denied); }, false, true}},
      {"a directory",
       {[](const Scene& s) { return s.directory("d"); },
        [](const Scene&) { return refused(ErrorCode::already_exists); }}},
      {"a link to a file",
       {[](const Scene& s) {
          s.directory("real");
          s.file("real/old");
          return s.link("link", "real/old");
        },
        [](const Scene& s) { return becomes(file, s.path("real/old")); }}},
      {"a link to nothing",
       {[](const Scene& s) {
          s.directory("real");
          return s.link("link", s.path("real/new"));
        },
        [](const Scene& s) { return becomes(file, s.path("real/new")); }}},
      {"a link to a directory",
       {[](const Scene& s) {
          s.directory("real");
          return s.link("link", "real");
        },
        [](const Scene&) { return refused(ErrorCode::already_exists); }}},
      {"a link to a directory, with a name behind it",
       {[](const Scene& s) {
          s.directory("real");
          return s.link("link", "./real/") + "/new";
        },
        [](const Scene& s) { return becomes(file, s.path("real/new")); }}},
      {"anything with a slash behind its name",
       {[](const Scene& s) {
          s.directory("real");
          return s.link("link", "real") + "/";
        },
        [](const Scene&) { return refused(ErrorCode::invalid_argument); }}},
      {"a chain of links",
       {[](const Scene& s) {
          s.link("link0", "end");
          for (int i = 1; i < 40; ++i)
            s.link("link" + std::to_string(i),
                   "../" + fs::path(s.at).filename().string() + "/link" + std::to_string(i - 1));
          return s.path("link39");
        },
        [](const Scene& s) { return becomes(file, s.path("end")); }}},
      {"links in a circle",
       {[](const Scene& s) {
          s.link("a", "b");
          return s.link("b", "a");
        },
        [](const Scene&) { return refused(ErrorCode::invalid_argument); }}},
      {"another user's link in a directory where anybody may put files",
       {[](const Scene& s) {
          s.directory("shared", 01777);
          s.file("target");
          const std::string link = s.link("shared/link", s.path("target"));
          return ::lchown(link.c_str(), kStranger, kStranger) == 0 ? link : std::string();
        },
        [](const Scene&) { return refused(ErrorCode::permission_denied); }, false, true}},
      {"`-` or `/dev/stdout`",
       {[](const Scene&) { return "/dev/stdout"; }, [](const Scene&) { return becomes(standard_output); }}},
      {"what is the same file as standard output",
       {[](const Scene& s) {
          const int out = ::open(s.path("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
          ::dup2(out, STDOUT_FILENO);
          return s.link("link", "out");
        },
        [](const Scene&) { return becomes(standard_output); }}},
      {"`/dev/fd/N`, `/proc/self/fd/N`, `/dev/stderr`",
       {[](const Scene& s) {
          ::dup2(::open(s.path("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 77);
          return s.link("link", "/dev/fd/77");
        },
        [](const Scene&) { return becomes(descriptor); }}},
      {"a descriptor that is closed or only read from",
       {[](const Scene&) {
          ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 78);
          return "/proc/self/fd/78";
        },
        [](const Scene&) { return refused(ErrorCode::disk_error); }}},
      {"a named pipe",
       {[](const Scene& s) {
          ::mkfifo(s.path("pipe").c_str(), 0600);
          return s.link("link", "pipe");
        },
        [](const Scene& s) { return becomes(stream, s.path("pipe")); }}},
      {"a character device (`/dev/null`, a terminal)",
       {[](const Scene& s) { return s.link("link", "/dev/full"); },
        [](const Scene&) { return becomes(stream, "/dev/full"); }}},
      {"a block device",
       {[](const Scene& s) {
          const bool made = ::mknod(s.path("block").c_str(), S_IFBLK | 0600, ::makedev(7, 250)) == 0;
          return made ? s.path("block") : std::string();
        },
        [](const Scene&) { return refused(ErrorCode::already_exists); }, false, true}},
      {"a socket",
       {[](const Scene& s) {
          sockaddr_un address{};
          address.sun_family = AF_UNIX;
          std::strncpy(address.sun_path, s.path("socket").c_str(), sizeof(address.sun_path) - 1);
          const UniqueFd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const bool bound = ::bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
          return bound ? s.path("socket") : std::string();
        },
        [](const Scene&) { return refused(ErrorCode::already_exists); }}},
  };
  return all;
}

std::string difference(const std::string& destination, const Outcome& wanted) {
  const auto place = PlaceFinder().find_place(destination);
  Status judged = check_destination(destination);
  if (wanted.refused) {
    if (place && judged) return "it was not refused";
    const ErrorCode code = judged ? place.error().code : judged.error().code;
    return code == *wanted.refused ? "" : "refused as " + std::string(error_info(code).name);
  }
  if (!place) return place.error().text();
  if (!judged) return judged.error().text();
  if (place->kind != *wanted.kind) return "another kind: " + std::to_string(static_cast<int>(place->kind));
  if (!wanted.path.empty() && place->path() != wanted.path) return "it is at " + place->path();
  return {};
}

// In a process of its own, which may give up its rights and change its descriptors.
std::string judge_in_child(const Case& c, const std::string& directory) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::strerror(errno);
  const pid_t child = ::fork();
  if (child == 0) {
    const Scene scene(directory);
    std::string said = "skipped";
    const bool mounts = !c.needs_root || ::unshare(CLONE_NEWNS) == 0;
    if (mounts && c.needs_root) ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    const std::string destination = mounts ? c.make(scene) : std::string();
    if (c.as_stranger &&
        (::setresgid(kStranger, kStranger, kStranger) != 0 || ::setresuid(kStranger, kStranger, kStranger) != 0))
      said = "cannot become another user";
    else if (!destination.empty())
      said = difference(destination, c.expected(scene));
    (void)!::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said(4096, '\0');
  const ssize_t size = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  said.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return status == 0 ? said : "the child failed";
}

TEST(Place, IsWhatTheTableSays) {
  for (const auto& [name, c] : cases()) {
    SCOPED_TRACE(name);
    if ((c.as_stranger || c.needs_root) && !is_root()) continue;
    test::TempDirectory directory;
    ::chmod(directory.path().c_str(), 0755);
    const std::string said = judge_in_child(c, fs::canonical(directory.path()));
    if (said == "skipped") {
      std::fprintf(stderr, "not permitted here: %s\n", name.c_str());
      continue;
    }
    EXPECT_EQ(said, "");
  }
}

TEST(Place, HasACaseForEachRowOfThePage) {
  std::ifstream page(DESTINATION_PAGE);
  ASSERT_TRUE(page);
  std::set<std::string> rows, known;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ") || line.starts_with("| what the destination")) continue;
    rows.insert(line.substr(2, line.find(" |", 2) - 2));
  }
  for (const auto& [name, c] : cases()) known.insert(name);
  EXPECT_EQ(rows, known);
}

TEST(Place, IsNotTheWorkOfALinkOnTheWayThere) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  test::TempDirectory directory;
  const Scene scene(directory.path());
  scene.directory("shared", 01777);
  scene.directory("real");
  const std::string link = scene.link("shared/way", scene.path("real"));
  EXPECT_TRUE(check_destination(link + "/new")) << "one's own";
  ASSERT_EQ(::lchown(link.c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(check_destination(link + "/new").error().code, ErrorCode::permission_denied);
}

// A link's own text may end with a slash as well: then a directory is meant, and none is made.
TEST(Place, IsNoneWhereALinkNamesADirectoryThatIsNotThere) {
  test::TempDirectory directory;
  const Scene scene(directory.path());
  EXPECT_EQ(check_destination(scene.link("link", "new/")).error().code, ErrorCode::not_found);
  EXPECT_EQ(check_destination(scene.link("other", "none/../new")).error().code, ErrorCode::not_found);
  EXPECT_EQ(check_destination(scene.file("file") + "/x").error().code, ErrorCode::invalid_argument);
}

TEST(Place, IsForOneFileOnly) {
  test::TempDirectory directory;
  const Scene scene(directory.path());
  scene.link("link", "real");
  std::vector<FileRequest> files(2);
  files[0].destination = scene.path("link");
  files[1].destination = scene.path("real");
  const auto judged = judge_destinations(files);
  ASSERT_FALSE(judged);
  EXPECT_EQ(judged.error().code, ErrorCode::invalid_argument);
  files[0].destination = "/dev/stdout";
  files[1].destination = "/proc/self/fd/1";
  EXPECT_FALSE(judge_destinations(files)) << "standard output as well";
}

TEST(Place, OfStandardOutputIsCalledSo) {
  std::vector<FileRequest> files(1);
  files[0].destination = "/dev/stdout";
  ASSERT_TRUE(judge_destinations(files));
  EXPECT_EQ(files[0].destination, kStandardOutput);
  files[0].destination = "/dev/null";
  files[0].stream = false;
  ASSERT_TRUE(judge_destinations(files));
  EXPECT_TRUE(files[0].stream);
}

TEST(Place, IsNoneOfADescriptorThatIsNotOpen) {
  EXPECT_EQ(check_destination("/dev/fd/979").error().code, ErrorCode::disk_error);
  EXPECT_EQ(check_destination("/proc/self/fd/0x").error().code, ErrorCode::permission_denied);
}

TEST(Place, IsJudgedWithoutATrace) {
  test::TempDirectory directory;
  EXPECT_TRUE(check_destination(directory / "new"));
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

}  // namespace
}  // namespace larder::agent
