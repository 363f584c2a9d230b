#include "agent/cli/place/destination.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace larder::agent {
namespace {

TEST(SafeName, NeverLeavesTheDirectory) {
  const struct {
    std::string in, out;
  } cases[] = {
      {"x.iso", "x.iso"},
      {"..", "index"},
      {".", "index"},
      {"", "index"},
      {"../../etc/passwd", "_.._etc_passwd"},
      {"/etc/passwd", "_etc_passwd"},
      {"a\\b", "a_b"},
      {".bashrc", "bashrc"},
      {"...x", "x"},
      {"-rf", "rf"},
      {"  x  ", "x"},
      {std::string("a\0b", 3), "a?b"},
      {"a\nb\x1b[2J", "a?b?[2J"},
      {"\xff\xfe", "??"},
      {"ü.txt", "ü.txt"},
  };
  for (const auto& c : cases) EXPECT_EQ(safe_name(c.in), c.out) << c.in;
}

TEST(SafeName, IsShortEnoughWithoutCuttingACharacter) {
  std::string long_name;
  for (int i = 0; i < 300; ++i) long_name += "ü";
  const std::string name = safe_name(long_name);
  EXPECT_LE(name.size(), kMaxName - 32);
  EXPECT_EQ(name.size() % 2, 0u);
}

TEST(NameFromUrl, TakesTheLastSegmentAndNothingElse) {
  const struct {
    const char *url, *name;
  } cases[] = {
      {"https://example.org/a/x.iso", "x.iso"},
      {"https://example.org/a/x.iso?token=secret#f", "x.iso"},
      {"https://example.org/", "index"},
      {"https://example.org", "index"},
      {"https://example.org/a%2F..%2Fb", "a_.._b"},
      {"https://example.org/%2e%2e", "index"},
      {"https://example.org/%2e%2e%2fetc", "_etc"},
      {"https://example.org/a%00b", "a_b"},
      {"https://example.org/%1b%5b31m", "_[31m"},
      {"not a url", "index"},
  };
  for (const auto& c : cases) {
    const std::string name = name_from_url(c.url);
    EXPECT_EQ(name.find('/'), std::string::npos) << c.url;
    EXPECT_FALSE(name.starts_with('.')) << c.url;
    EXPECT_EQ(name, safe_name(name)) << c.url;
    EXPECT_EQ(name, c.name) << c.url;
  }
}

TEST(TemporaryName, IsHiddenBesideItAndNotTooLong) {
  EXPECT_EQ(temporary_name("/a/x.iso", "12345678"), "/a/.x.iso.larder-12345678");
  EXPECT_EQ(temporary_name("/x.iso", "12345678"), "/.x.iso.larder-12345678");
  const std::string name = name_of(temporary_name("/a/" + std::string(255, 'n'), "12345678"));
  EXPECT_LE(name.size(), kMaxName);
  EXPECT_TRUE(name.starts_with(".n"));
}

TEST(ParseList, ReadsUrlDigestAndName) {
  const std::string digest(64, 'a');
  const auto files = parse_list(
      "# comment\n\nhttps://e/1\n  https://e/2 " + digest + "\r\nhttps://e/3 three\nhttps://e/4 " + digest + " four",
      "list");
  ASSERT_TRUE(files) << files.error().text();
  ASSERT_EQ(files->size(), 4u);
  EXPECT_EQ((*files)[0].url, "https://e/1");
  EXPECT_EQ((*files)[0].name + (*files)[0].sha256, "");
  EXPECT_EQ((*files)[1].sha256, digest);
  EXPECT_EQ((*files)[1].name, "");
  EXPECT_EQ((*files)[2].name, "three");
  EXPECT_EQ((*files)[2].sha256, "");
  EXPECT_EQ((*files)[3].sha256, digest);
  EXPECT_EQ((*files)[3].name, "four");
}

// As editors and pasted pages leave it.
TEST(ParseList, TakesAnyLineEndAndAnyBlank) {
  const std::string digest(64, 'a');
  const auto files = parse_list(
      "https://e/1\r\rhttps://e/2\t" + digest + "\u00A0two\r\n\u00A0\u3000\r\n \uFEFFhttps://e/3 \u200B", "list");
  ASSERT_TRUE(files) << files.error().text();
  ASSERT_EQ(files->size(), 3u);
  EXPECT_EQ((*files)[0].url, "https://e/1");
  EXPECT_EQ((*files)[1].sha256, digest);
  EXPECT_EQ((*files)[1].name, "two");
  EXPECT_EQ((*files)[2].url, "https://e/3");
  EXPECT_EQ(parse_list("https://e/1 a\u3000b", "list")->front().name, "a\u3000b") << "inside a name it is the name's";
}

TEST(ParseList, NamesTheLineThatIsWrong) {
  for (const std::string& line : {std::string("https://e/1 name more"), "https://e/1 " + std::string(64, 'g'),
                                  "https://e/1 " + std::string(64, 'a') + " name more"}) {
    const auto files = parse_list("https://e/0\n" + line + "\n", "list.txt");
    ASSERT_FALSE(files) << line;
    EXPECT_EQ(files.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(files.error().text().find("line 2 of list.txt"), std::string::npos) << files.error().text();
  }
}

TEST(ParseList, IsBounded) {
  std::string text;
  for (std::size_t i = 0; i <= kMaxListed; ++i) text += "https://e/x\n";
  const auto files = parse_list(text, "list");
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, ErrorCode::limit_exceeded);
}

Result<std::vector<std::string>> chosen(DestinationOptions options, std::vector<std::string> urls,
                                        std::vector<ListedFile> listed = {}) {
  options.working_directory = "/work";
  std::vector<FileRequest> files;
  for (const std::string& url : urls) files.push_back({url, "", "", "", {}});
  if (auto status = choose_destinations(options, listed, files); !status) return tl::unexpected(status.error());
  std::vector<std::string> out;
  for (const FileRequest& file : files) out.push_back(file.destination);
  return out;
}

TEST(ChooseDestinations, PutsFilesWhereTheyWereMeant) {
  using V = std::vector<std::string>;
  EXPECT_EQ(chosen({}, {"https://e/a", "https://e/b"}).value(), (V{"/work/a", "/work/b"}));
  EXPECT_EQ(chosen({"out", "", ""}, {"https://e/a"}).value(), (V{"/work/out"}));
  EXPECT_EQ(chosen({"/abs/out", "", ""}, {"https://e/a"}).value(), (V{"/abs/out"}));
  EXPECT_EQ(chosen({"", "sub", ""}, {"https://e/a"}).value(), (V{"/work/sub/a"}));
  EXPECT_EQ(chosen({"", "/sub/", ""}, {"https://e/a"}).value(), (V{"/sub/a"}));
  EXPECT_EQ(chosen({"", "sub", ""}, {"https://e/a"}, {{"https://e/a", "", "renamed"}}).value(),
            (V{"/work/sub/renamed"}));
  EXPECT_EQ(chosen({"-", "", ""}, {"https://e/a"}).value(), (V{"-"}));
}

TEST(ChooseDestinations, RefusesWhatCannotBeMeant) {
  EXPECT_FALSE(chosen({"out", "", ""}, {"https://e/a", "https://e/b"}));
  EXPECT_FALSE(chosen({"out", "dir", ""}, {"https://e/a"}));
  EXPECT_FALSE(chosen({"dir/", "", ""}, {"https://e/a"}));
  const auto twice = chosen({}, {"https://e/a", "https://f/a"});
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().text().find("/work/a"), std::string::npos);
}

TEST(ChooseDestinations, NeedsAWorkingDirectoryForARelativeName) {
  std::vector<FileRequest> files(1);
  files[0].url = "https://e/a";
  DestinationOptions gone;
  gone.output = "x";
  EXPECT_EQ(choose_destinations(gone, {}, files).error().code, ErrorCode::not_found);
  gone.output = "/x";
  EXPECT_TRUE(choose_destinations(gone, {}, files));
  gone.output = "-";
  EXPECT_TRUE(choose_destinations(gone, {}, files));
}

class CheckDestination : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "larder-destination-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(CheckDestination, AllowsNewFilesAndReplacingFiles) {
  std::ofstream(directory_ + "/old") << "x";
  EXPECT_TRUE(check_destination(directory_ + "/new"));
  EXPECT_TRUE(check_destination(directory_ + "/old"));
  EXPECT_TRUE(check_destination("-"));
  EXPECT_TRUE(check_destination("/dev/null")) << "written to, never replaced";
}

TEST_F(CheckDestination, RefusesWhatWouldBeLost) {
  EXPECT_EQ(check_destination(directory_).error().code, ErrorCode::already_exists);
  EXPECT_EQ(check_destination(directory_ + "/none/x").error().code, ErrorCode::not_found);
  EXPECT_FALSE(check_destination(directory_ + "/" + std::string(256, 'n')));
  std::ofstream(directory_ + "/file") << "x";
  EXPECT_FALSE(check_destination(directory_ + "/file/x"));
}

}  // namespace
}  // namespace larder::agent
