#include "agent/jobs/store/job_values.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

TEST(job_values, headers_go_there_and_back) {
  const std::vector<origin::Header> headers = {{"X-A", "1: 2"}, {"X-B", ""}, {"X-A", "again"}};
  EXPECT_EQ(decode_headers(encode_headers(headers)), headers);
  EXPECT_EQ(decode_headers(""), std::vector<origin::Header>());
  EXPECT_FALSE(decode_headers("X-A: no end"));
  EXPECT_FALSE(decode_headers("no colon\n"));
}

TEST(job_values, mirrors_go_there_and_back) {
  const std::vector<Mirror> mirrors = {{"http://a/", "", ""}, {"http://b/", "u", "p:w x"}, {"http://c/", "", "p"}};
  EXPECT_EQ(decode_mirrors(encode_mirrors(mirrors)), mirrors);
  EXPECT_EQ(decode_mirrors(""), std::vector<Mirror>());
  for (const char* bad : {"http://a/", "http://a/\n\n", "http://a/\nu\np", "http://a/\nu\np\nhttp://b/\n"})
    EXPECT_FALSE(decode_mirrors(bad)) << bad;
}

TEST(job_values, ranges_go_there_and_back) {
  const std::vector<ByteRange> ranges = {{0, 1}, {UINT64_MAX - 1, 1}, {5, UINT64_MAX}, {UINT64_MAX, 100}};
  EXPECT_EQ(decode_ranges(encode_ranges(ranges)), ranges);
  EXPECT_EQ(decode_ranges(""), std::vector<ByteRange>());
  for (const char* bad : {"1", "1+", "1+2", "+2,", "1+-2,", "1+2,x", "1+99999999999999999999,"}) {
    EXPECT_FALSE(decode_ranges(bad)) << bad;
  }
}

TEST(job_values, errors_go_there_and_back) {
  Error error{ErrorCode::http_transient, "fetch\nhttp://host/", "503\nbusy", std::chrono::seconds(120)};
  const auto decoded = decode_error(encode_error(error));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->code, error.code);
  EXPECT_EQ(decoded->doing, "fetch http://host/");
  EXPECT_EQ(decoded->detail, error.detail);
  EXPECT_EQ(decoded->retry_after, error.retry_after);
  error.retry_after.reset();
  EXPECT_FALSE(decode_error(encode_error(error))->retry_after);
  for (const char* bad : {"", "x", "no_such_code\n-\na\nb", "internal\nsoon\na\nb", "internal\n-\na"}) {
    EXPECT_FALSE(decode_error(bad)) << bad;
  }
}

TEST(job_values, versions_go_there_and_back) {
  const cache::Version full{"http://host/a", 12, "\"e\"", "Sun, 06 Nov 1994 08:49:37 GMT"};
  EXPECT_EQ(decode_version(encode_version(full)), full);
  const cache::Version bare{"http://host/a", std::nullopt, "", ""};
  EXPECT_EQ(decode_version(encode_version(bare)), bare);
  for (const char* bad : {"", "1\n2\n3", "x\n\n\nhttp://h/"}) EXPECT_FALSE(decode_version(bad)) << bad;
}

}  // namespace
}  // namespace larder::agent
