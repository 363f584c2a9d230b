#include "inbox/wire/wire.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::refusal;
using test::value_of;

const std::string kSession = "BITS-Session-Id: {a}\nContent-Length: 0\n";

TEST(wire, which_dialect_a_request_speaks) {
  EXPECT_EQ(test::request_of("POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Length: 1\n").dialect, Dialect::tus);
  EXPECT_EQ(test::request_of("HEAD /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n").dialect, Dialect::tus);
  EXPECT_EQ(test::request_of("PUT /in/box/k/n HTTP/1.1\n").dialect, Dialect::put);
  EXPECT_EQ(test::request_of("POST /in/box/k/n HTTP/1.1\n").dialect, Dialect::put);
  EXPECT_EQ(test::request_of("BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Close-Session\n" + kSession).dialect,
            Dialect::bits);
  EXPECT_EQ(
      test::request_of(
          "POST /in/box/k/n HTTP/1.1\nX-HTTP-Method-Override: BITS_POST\nBITS-Packet-Type: Close-Session\n" + kSession)
          .dialect,
      Dialect::bits);
  EXPECT_EQ(test::request_of("POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Close-Session\n" + kSession).dialect,
            Dialect::bits);
}

// For logs, where a request is answered without an operation.
TEST(wire, which_dialect_a_request_seems_to_speak) {
  const auto spoken = [](const std::string& text) { return spoken_dialect(test::head_of(text)); };
  EXPECT_EQ(spoken("BITS_POST /in/box/k/f HTTP/1.1\nBITS-Packet-Type: Ping\nContent-Length: 0\n"), Dialect::bits);
  EXPECT_EQ(spoken("POST /in/box/k/f HTTP/1.1\nBITS-Packet-Type: Ping\nContent-Length: 0\n"), Dialect::bits);
  EXPECT_EQ(spoken("POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Concat: partial\n"), Dialect::tus);
  EXPECT_EQ(spoken("PUT /in/box/k/f HTTP/1.1\nContent-Length: 0\n"), Dialect::put);
}

TEST(wire, a_body_that_comes_too_slowly_is_answered_in_the_dialect_of_its_request) {
  const auto slow = [](const std::string& text) { return answer_slow_body(test::head_of(text), WireSettings{}); };
  const auto tus = slow("PATCH /up/a HTTP/1.1\nTus-Resumable: 1.0.0\nContent-Length: 9\n");
  EXPECT_EQ(tus.status, 503);  // with 408 tus-js-client gives up
  EXPECT_EQ(value_of(tus, "Tus-Resumable"), "1.0.0");
  EXPECT_NE(value_of(tus, "Retry-After"), "-");
  EXPECT_EQ(slow("PUT /in/box/k/n HTTP/1.1\nContent-Length: 9\n").status, 408);
  const auto bits = slow(
      "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Fragment\nBITS-Session-Id: {a}\n"
      "Content-Length: 9\nContent-Range: bytes 5-13/20\n");
  EXPECT_EQ(bits.status, 408);
  EXPECT_EQ(value_of(bits, "BITS-Packet-Type"), "Ack");
  EXPECT_EQ(value_of(bits, "BITS-Received-Content-Range"), "5");
}

TEST(wire, what_mixes_two_dialects) {
  for (const std::string& text :
       {std::string(
            "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Ping\nTus-Resumable: 1.0.0\nContent-Length: 0\n"),
        std::string("PUT /in/box/k/n HTTP/1.1\nTus-Resumable: 1.0.0\nContent-Length: 1\n"),
        std::string("PUT /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Fragment\nContent-Length: 1\n"),
        std::string("POST /in/box/k/n HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Length: 1\n"),
        std::string(
            "POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Length: 1\nBITS-Packet-Type: Create-Session\n"),
        std::string("POST /in/box/ HTTP/1.1\nBITS-Packet-Type: Create-Session\nContent-Length: 0\n"),
        std::string("PATCH /up/a HTTP/1.1\nBITS-Packet-Type: Fragment\nContent-Length: 0\n")})
    EXPECT_EQ(refusal(text).status, 400) << text;
}

TEST(wire, a_method_that_a_path_does_not_take) {
  const auto allowed = [](const std::string& line) {
    const http::Response response = refusal(line + " HTTP/1.1\n");
    EXPECT_EQ(response.status, 405) << line;
    return value_of(response, "Allow");
  };
  EXPECT_EQ(allowed("GET /in/box/"), "OPTIONS, POST");
  EXPECT_EQ(allowed("PUT /in/box/"), "OPTIONS, POST");
  EXPECT_EQ(allowed("GET /in/box/k/n"), "BITS_POST, OPTIONS, POST, PUT");
  EXPECT_EQ(allowed("DELETE /in/box/k/n"), "BITS_POST, OPTIONS, POST, PUT");
  EXPECT_EQ(allowed("GET /up/a"), "DELETE, HEAD, OPTIONS, PATCH");
  EXPECT_EQ(allowed("PUT /up/a"), "DELETE, HEAD, OPTIONS, PATCH");
  EXPECT_EQ(allowed("BITS_POST /up/a"), "DELETE, HEAD, OPTIONS, PATCH");
  EXPECT_EQ(allowed("POST /up/a/state"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(allowed("PUT /reply/a"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(allowed("put /in/box/k/n"), "BITS_POST, OPTIONS, POST, PUT");
  EXPECT_EQ(value_of(refusal("OPTIONS /in/box/k/n HTTP/1.1\n"), "Allow"), "BITS_POST, OPTIONS, POST, PUT");
  EXPECT_EQ(value_of(refusal("OPTIONS /in/box/k/n HTTP/1.1\n"), "Tus-Version"), "-");
}

TEST(wire, a_method_in_place_of_another) {
  const auto replaced = [](const std::string& line, const std::string& method) {
    return refusal(line + " HTTP/1.1\nTus-Resumable: 1.0.0\nX-HTTP-Method-Override: " + method + "\n").status;
  };
  EXPECT_EQ(replaced("GET /up/a", "DELETE"), 400);
  EXPECT_EQ(replaced("HEAD /up/a", "HEAD"), 400);
  EXPECT_EQ(replaced("PATCH /up/a", "DELETE"), 400);
  EXPECT_EQ(replaced("POST /up/a", "GET"), 400);
  EXPECT_EQ(replaced("POST /up/a", "PUT"), 400);
  EXPECT_EQ(replaced("POST /up/a", "delete"), 400);
  EXPECT_EQ(replaced("POST /up/a", ""), 400);
  EXPECT_EQ(replaced("POST /up/a", "DELETE\nX-HTTP-Method-Override: DELETE"), 400);
  EXPECT_EQ(replaced("POST /in/box/", "DELETE"), 405);
}

TEST(wire, what_became_of_an_upload) {
  EXPECT_EQ(test::operation_of<ShowState>("GET /up/a/state HTTP/1.1\n").id, "a");
  const Request request = test::request_of("GET /up/a/state HTTP/1.1\n");
  const http::Response response = answer(request, test::accepted(), {});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(value_of(response, "Content-Type"), "application/json");
  EXPECT_EQ(value_of(response, "Cache-Control"), "no-store");
  EXPECT_THAT(response.body, testing::HasSubstr("\"state\": \"accepted\""));
  // A state is told, whatever it is; only what is not known, or of another, is not.
  EXPECT_EQ(answer(request, test::rejected(), {}).status, 200);
  EXPECT_EQ(answer(request, test::refused(Problem::unknown_upload), {}).status, 404);
  EXPECT_EQ(answer(request, test::refused(Problem::forbidden), {}).status, 403);
  EXPECT_EQ(refusal("GET /up/a/state HTTP/1.1\nContent-Length: 1\n").status, 400);
}

TEST(wire, a_reply_that_is_not_there) {
  EXPECT_EQ(test::operation_of<ReadReply>("GET /reply/a HTTP/1.1\n").id, "a");
  const Request request = test::request_of("GET /reply/a HTTP/1.1\n");
  EXPECT_EQ(answer(request, test::accepted(), {}).status, 404);
  EXPECT_EQ(answer(request, test::upload_in(UploadState::sealed, 10), {}).status, 503);
  EXPECT_EQ(answer(request, test::upload_in(UploadState::expired), {}).status, 410);
  EXPECT_EQ(answer(request, test::refused(Problem::unknown_upload), {}).status, 404);
}

TEST(wire, a_fault_is_told_in_the_words_of_its_dialect) {
  EXPECT_EQ(test::text_of(refusal("POST /in/box/k HTTP/1.1\nTus-Resumable: 1.0.0\n")),
            "404 Not Found\nContent-Type: text/plain; charset=utf-8\nTus-Resumable: 1.0.0\n\n"
            "cannot take the request: there is no such path; uploads go to /in/INBOX/ (tus) or "
            "/in/INBOX/TRANSACTION/NAME (PUT, BITS)\n");
  EXPECT_EQ(
      test::text_of(refusal("BITS_POST /nowhere HTTP/1.1\nBITS-Packet-Type: Create-Session\nContent-Length: 0\n")),
      "404 Not Found\nBITS-Packet-Type: Ack\nContent-Length: 0\n");
  EXPECT_EQ(value_of(refusal("GET /nowhere HTTP/1.1\n"), "Tus-Resumable"), "-");
}

}  // namespace
}  // namespace larder::inbox
