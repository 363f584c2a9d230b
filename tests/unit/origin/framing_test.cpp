// Where a body ends, and who said so.
#include <gtest/gtest.h>

#include "base/text/units.h"
#include "origin/rules/edition.h"
#include "origin/rules/response_check.h"

namespace larder::origin {
namespace {

AnswerContext context(const char* effective_url = "http://h/x") {
  AnswerContext context;
  context.url = "http://h/x";
  context.effective_url = effective_url;
  context.now = from_unix_ns(1'780'000'000'000'000'000);
  return context;
}

HttpHead answer(std::vector<Header> headers, int version = 11, int status = 200) {
  HttpHead head;
  head.status = status;
  head.version = version;
  head.headers = std::move(headers);
  head.headers.emplace_back("etag", "\"a\"");
  return head;
}

TEST(Framing, TheEndIsAnnouncedOrThereIsNone) {
  const Header chunked = {"transfer-encoding", "chunked"}, length = {"content-length", "5"};
  struct Row {
    const char* name;
    HttpHead head;
    const char* url;
    bool announced;
  };
  const Row rows[] = {
      {"a length", answer({length}), "http://h/x", true},
      {"a length of HTTP/1.0", answer({length}, 10), "http://h/x", true},
      {"an empty body", answer({{"content-length", "0"}}), "http://h/x", true},
      {"chunks", answer({chunked}), "http://h/x", true},
      {"chunks in capitals", answer({{"transfer-encoding", "Chunked"}}), "http://h/x", true},
      {"chunks and a length", answer({chunked, length}), "http://h/x", true},
      {"chunks of HTTP/1.0", answer({chunked}, 10), "http://h/x", true},
      {"nothing", answer({}), "http://h/x", false},
      {"nothing, HTTP/1.0", answer({}, 10), "http://h/x", false},
      {"keep-alive", answer({{"connection", "keep-alive"}}), "http://h/x", false},
      {"identity", answer({{"transfer-encoding", "identity"}}), "http://h/x", false},
      {"an empty coding", answer({{"transfer-encoding", ""}}), "http://h/x", false},
      // libcurl does not tell whether a close alert came.
      {"nothing, over TLS", answer({}), "https://h/x", false},
      {"HTTP/2", answer({}, 20), "https://h/x", true},
      {"HTTP/2 in plain text", answer({}, 20), "http://h/x", false},
  };
  for (const Row& row : rows) {
    const auto accepted = check_response(row.head, Asked{}, context(row.url));
    ASSERT_TRUE(accepted) << row.name << ": " << accepted.error().text();
    EXPECT_EQ(accepted->edition.end_announced, row.announced) << row.name;
    EXPECT_EQ(accepted->edition.shareable(), row.announced) << row.name;
    if (row.announced) continue;
    EXPECT_EQ(accepted->edition.privacy, Privacy::end_not_announced) << row.name;
  }
}

TEST(Framing, AKnownSizeIsAnEnd) {
  const cache::Version expected{"http://h/x", 5, "\"a\"", ""};
  const auto whole = check_response(answer({}, 10), Asked{&expected, false, 0, std::nullopt, false}, context());
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->edition.end_announced);
  EXPECT_EQ(whole->length, 5U) << "and the body is held against it";
  const auto part =
      check_response(answer({{"content-range", "bytes 0-0/*"}}, 11, 206), Asked{nullptr, true, 0, 1, false}, context());
  ASSERT_TRUE(part);
  EXPECT_TRUE(part->edition.end_announced);
}

TEST(Edition, TellsWhatALaterAnswerIsHeldAgainst) {
  const auto edition = [](std::vector<Header> headers) {
    HttpHead head;
    head.status = 200;
    head.headers = std::move(headers);
    return edition_of(head, 5, context("https://cdn.example:8443/y"));
  };
  EXPECT_EQ(edition({{"content-type", " Text/HTML ; charset=utf-8"}}).media_type, "text/html");
  EXPECT_EQ(edition({{"content-type", std::string(300, 'x')}}).media_type.size(), 127U);
  EXPECT_EQ(edition({}).media_type, "");
  EXPECT_FALSE(edition({}).any_validator);
  EXPECT_TRUE(edition({{"etag", "W/\"a\""}}).any_validator);
  EXPECT_TRUE(edition({{"last-modified", "yesterday"}}).any_validator);
}

}  // namespace
}  // namespace larder::origin
