#include "origin/http/given_headers.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

struct Row {
  const char* name;
  std::string value;
  const char* refused_for;  // null: it is sent
};

constexpr const char* kName = "a name that no header may have";
constexpr const char* kControl = "control characters";
constexpr const char* kOurs = "the agent sets it itself";

TEST(GivenHeaders, AreSentOrRefusedEachForOneReason) {
  const std::string longest(kMaxGivenHeaderName, 'n'), too_long(kMaxGivenHeaderName + 1, 'n');
  const Row rows[] = {
      {"X-Token", "abc def", nullptr},
      {"Accept", "a\tb", nullptr},
      {"Authorization", "Bearer evil", nullptr},
      {"Cookie", "a=b", nullptr},
      {"User-Agent", "x", nullptr},
      {"Ranges", "x", nullptr},
      {"X-A", "", nullptr},
      {longest.c_str(), "x", nullptr},
      {too_long.c_str(), "x", kName},
      {"", "evil", kName},
      {"X A", "evil", kName},
      {"X:", "evil", kName},
      {"X-A\r\nHost", "evil", kName},
      {"X-A", "x\r\nHost: evil", kControl},
      {"X-A", "evil\ny", kControl},
      {"X-A", std::string("evil\0y", 6), kControl},
      {"X-A", "evil\x7f", kControl},
      {"Accept-Encoding", "gzip", kOurs},
      {"Connection", "close", kOurs},
      {"Content-Length", "1", kOurs},
      {"Expect", "100-continue", kOurs},
      {"Host", "evil", kOurs},
      {"If-Match", "*", kOurs},
      {"If-Modified-Since", "evil", kOurs},
      {"If-None-Match", "*", kOurs},
      {"If-Range", "\"evil\"", kOurs},
      {"If-Unmodified-Since", "evil", kOurs},
      {"Keep-Alive", "evil", kOurs},
      {"Proxy-Authorization", "Basic evil", kOurs},
      {"Proxy-Connection", "close", kOurs},
      {"Range", "bytes=0-1", kOurs},
      {"rANGE", "bytes=0-1", kOurs},
      {"TE", "trailers", kOurs},
      {"Trailer", "evil", kOurs},
      {"Transfer-Encoding", "chunked", kOurs},
      {"Upgrade", "h2c", kOurs},
  };
  for (const Row& row : rows) {
    const auto refusal = refusal_of(Header{row.name, row.value});
    ASSERT_EQ(refusal.has_value(), row.refused_for != nullptr) << row.name;
    // Alone it is refused as it is among others.
    EXPECT_EQ(refusal_of(std::vector<Header>{{"X-First", "1"}, {row.name, row.value}}).has_value(), refusal.has_value())
        << row.name;
    if (!refusal) continue;
    EXPECT_NE(refusal->find(row.refused_for), std::string::npos) << row.name << ": " << *refusal;
    EXPECT_EQ(refusal->find("evil"), std::string::npos) << "a value may be a secret: " << *refusal;
  }
}

TEST(GivenHeaders, AreBoundedTogether) {
  const auto of = [](std::size_t number, std::size_t value) {
    return std::vector<Header>(number, Header{"A", std::string(value, 'x')});
  };
  EXPECT_FALSE(refusal_of(std::vector<Header>{}));
  EXPECT_FALSE(refusal_of(of(kMaxGivenHeaders, 1)));
  EXPECT_TRUE(refusal_of(of(kMaxGivenHeaders + 1, 1)));
  // Name, ": ", value and CR LF count.
  EXPECT_FALSE(refusal_of(of(2, kMaxGivenHeaderBytes / 2 - 5)));
  EXPECT_TRUE(refusal_of(of(2, kMaxGivenHeaderBytes / 2 - 4)));
}

}  // namespace
}  // namespace larder::origin
