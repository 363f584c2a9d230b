#include "inbox/wire/reply.h"

#include "inbox/wire/answers.h"
#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

UploadStatus replied() {
  UploadStatus status = test::upload_in(UploadState::delivered, 10);
  status.has_reply = true;
  status.delivered_at = WallTime(std::chrono::seconds(784111777));  // Sun, 06 Nov 1994 08:49:37 GMT
  return status;
}

// "STATUS OFFSET+LENGTH CONTENT-RANGE"
std::string answer_to(const std::string& fields, std::uint64_t size = 100, const UploadStatus& upload = replied()) {
  const ReplyAnswer answer =
      answer_reply(test::head_of("GET /reply/" + upload.id + " HTTP/1.1\n" + fields), upload, size);
  std::string text = std::to_string(answer.response.status);
  if (answer.bytes) text += " " + std::to_string(answer.bytes->offset) + "+" + std::to_string(answer.bytes->length);
  for (const http::Field& field : answer.response.fields)
    if (field.name == "Content-Range" || field.name == "Location") text += " " + field.value;
  return text;
}

TEST(answer_reply, ranges) {
  struct Case {
    const char* range;
    const char* answer;
  };
  const std::vector<Case> cases = {{"bytes=0-9", "206 0+10 bytes 0-9/100"},
                                   {"bytes=90-", "206 90+10 bytes 90-99/100"},
                                   {"bytes=99-99", "206 99+1 bytes 99-99/100"},
                                   {"bytes=0-9976", "206 0+100 bytes 0-99/100"},
                                   {"Bytes=-1", "206 99+1 bytes 99-99/100"},
                                   {"bytes=-1000", "206 0+100 bytes 0-99/100"},
                                   {"bytes=100-", "416 bytes */100"},
                                   {"bytes=-0", "416 bytes */100"},
                                   {"bytes=9-0", "200 0+100"},
                                   {"bytes=0-1,3-4", "200 0+100"},
                                   {"bytes=", "200 0+100"},
                                   {"bytes=-", "200 0+100"},
                                   {"bytes=a-b", "200 0+100"},
                                   {"lines=0-9", "200 0+100"},
                                   {"bytes=99999999999999999999-", "200 0+100"}};
  for (const Case& each : cases) EXPECT_EQ(answer_to(std::string("Range: ") + each.range + "\n"), each.answer);
  EXPECT_EQ(answer_to(""), "200 0+100");
  EXPECT_EQ(answer_to("Range: bytes=0-1\nRange: bytes=0-1\n"), "200 0+100");
  EXPECT_EQ(answer_to("Range: bytes=0-9\n", 0), "416 bytes */0");
  EXPECT_EQ(answer_to("Range: bytes=-5\n", 0), "416 bytes */0");
  EXPECT_EQ(answer_to("", 0), "200 0+0");
}

TEST(answer_reply, a_condition_that_names_this_reply) {
  const std::string range = "Range: bytes=5-\n";
  EXPECT_EQ(answer_to(range + "If-Range: \"" + replied().id + "\"\n"), "206 5+95 bytes 5-99/100");
  EXPECT_EQ(answer_to(range + "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\n"), "206 5+95 bytes 5-99/100");
  EXPECT_EQ(answer_to(range + "If-Range: \"another\"\n"), "200 0+100");
  EXPECT_EQ(answer_to(range + "If-Range: Sun, 06 Nov 1994 08:49:38 GMT\n"), "200 0+100");
}

TEST(answer_reply, where_the_application_named_a_url) {
  UploadStatus upload = replied();
  upload.reply_at = "https://app.example/r/1";
  EXPECT_EQ(answer_to("Range: bytes=0-1\n", 0, upload), "302 https://app.example/r/1");
  EXPECT_EQ(reply_url(upload, "http://inbox"), "https://app.example/r/1");
  EXPECT_EQ(reply_url(replied(), "http://inbox"), "http://inbox/reply/" + replied().id);
}

TEST(waits_for_application, only_who_asks_for_the_outcome) {
  UploadStatus handed = test::upload_in(UploadState::delivering, 10);
  const std::string session = "BITS-Session-Id: {a}\n";
  const auto waits = [&](const std::string& text, const UploadStatus& status) {
    return waits_for_application(test::request_of(text), status);
  };
  const std::string put = "PUT /in/box/k/n HTTP/1.1\nContent-Length: 10\n";
  const std::string head = "HEAD /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n";
  const std::string packet = "BITS_POST /in/box/k/n HTTP/1.1\nContent-Length: 0\n" + session + "BITS-Packet-Type: ";
  EXPECT_TRUE(waits(put, handed));
  EXPECT_TRUE(waits(head, handed));
  EXPECT_TRUE(waits(packet + "Close-Session\n", handed));
  EXPECT_FALSE(waits(packet + "Cancel-Session\n", handed));
  EXPECT_FALSE(waits("DELETE /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n", handed));
  EXPECT_FALSE(waits("GET /up/a/state HTTP/1.1\n", handed));
  handed.answer = StoredAnswer{};
  EXPECT_FALSE(waits(put, handed)) << "the client may be told already";
  EXPECT_FALSE(waits(head, test::upload_in(UploadState::sealed, 10)))
      << "a scanner is asked, and the service waits for it";
  EXPECT_FALSE(waits(head, test::upload_in(UploadState::receiving, 4)));
}

}  // namespace
}  // namespace larder::inbox
