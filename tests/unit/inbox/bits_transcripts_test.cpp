// The exchanges that MC-BUP §4.1 and MC-BUP §4.2 captured between Windows and its server, with our paths in place of
// theirs: each request of the client as it went over the wire, and what is answered here. Beside it the answer of the
// captured server: every field of it that says something about the upload is in ours, with the same value.
#include <sstream>

#include "base/text/text.h"
#include "inbox/wire/reply.h"
#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

struct Exchange {
  std::string request;
  std::optional<UploadStatus> upload;  // what comes of it; none: it is answered without asking
  std::string answer;
  std::string captured;  // without Date, Server and Pragma
};

constexpr const char* kClient = "User-Agent: Microsoft BITS/6.7\n";

std::string packet(const std::string& path, const std::string& host, const std::string& fields,
                   std::size_t length = 0) {
  return "BITS_POST " + path + " HTTP/1.1\nAccept: */*\n" + fields + kClient + "Host: " + host +
         "\nContent-Length: " + std::to_string(length) + "\nConnection: Keep-Alive\n";
}

UploadStatus session(const std::string& id, UploadState state, std::uint64_t offset) {
  UploadStatus status;
  status.id = id;
  status.state = state;
  status.offset = offset;
  if (offset != 0) status.size = 4892;
  if (was_accepted(state)) status.answer = StoredAnswer{204, ""};
  return status;
}

// Each line of `captured` is one of `answer`, but for the case of names.
void expect_all_fields(const std::string& captured, const std::string& answer) {
  std::istringstream lines(captured), ours(answer);
  std::vector<std::string> said;
  for (std::string line; std::getline(ours, line);) said.push_back(lower_case(line));
  for (std::string line; std::getline(lines, line);) EXPECT_THAT(said, testing::Contains(lower_case(line)));
}

void expect_exchanges(const std::vector<Exchange>& exchanges, const WireSettings& settings) {
  for (const Exchange& exchange : exchanges) {
    auto translated = translate(test::head_of(exchange.request), settings);
    const bool asks = std::holds_alternative<Request>(translated);
    ASSERT_EQ(asks, exchange.upload.has_value()) << exchange.request;
    const std::string text = asks ? test::text_of(answer(std::get<Request>(translated), *exchange.upload, settings))
                                  : test::text_of(std::get<http::Response>(translated));
    EXPECT_EQ(text, exchange.answer) << exchange.request;
    expect_all_fields(exchange.captured, text);
  }
}

// MC-BUP §4.1: MakeUpload, Fragment, Ping, Close.
TEST(bits_transcripts, a_successful_upload) {
  const std::string id = "A0FF5911-4144-45B3-BF27-27AFC8EC8A67", path = "/in/upload/2000mb/rfc2119.txt";
  const std::string session_field = "BITS-Session-Id: {" + id + "}\n";
  const std::vector<Exchange> exchanges = {
      {packet(path, "frankcao8",
              "BITS-Packet-Type: Create-Session\nBITS-Supported-Protocols: "
              "{7df0354d-249b-430f-820d-3d2a9bef4931}\nContent-Name: rfc2119.txt\n"),
       session(id, UploadState::receiving, 0),
       "200 OK\nBITS-Packet-Type: Ack\nBITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\nAccept-Encoding: "
       "identity\n" +
           session_field + "Content-Length: 0\n",
       "200 OK\nBITS-Packet-Type: Ack\nBITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\n" + session_field +
           "Content-Length: 0\nAccept-encoding: identity\n"},
      {packet(path, "frankcao8",
              "BITS-Packet-Type: Fragment\n" + session_field +
                  "Content-Name: rfc2119.txt\nContent-Range: bytes 0-4891/4892\n",
              4892),
       session(id, UploadState::accepted, 4892),
       "200 OK\nBITS-Packet-Type: Ack\n" + session_field + "BITS-Received-Content-Range: 4892\nContent-Length: 0\n",
       "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\nBITS-Received-Content-Range: 4892\n"},
      {packet(path, "frankcao8", "BITS-Packet-Type: Ping\n"), std::nullopt,
       "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\n", "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\n"},
      {packet(path, "frankcao8", "BITS-Packet-Type: Close-Session\n" + session_field + "Content-Name: rfc2119.txt\n"),
       session(id, UploadState::accepted, 4892),
       "200 OK\nBITS-Packet-Type: Ack\n" + session_field + "Content-Length: 0\n",
       "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\n"},
  };
  expect_exchanges(exchanges, {});
}

// MC-BUP §4.2: the client goes to the host that Create named, pings it, and gets a reply. The captured server named the
// reply by a relative path with backslashes and braces; ours is a URL.
TEST(bits_transcripts, an_upload_with_reply_to_a_named_host) {
  const std::string id = "C85B4E0A-9EB9-4114-BFA4-8A43B4710091",
                    path = "/in/upload-ref-isapi-WebFarm/2100mb/rfc2119.txt";
  const std::string session_field = "BITS-Session-Id: {" + id + "}\n";
  WireSettings settings;
  settings.bits_host_id = "FRANKCAO8";
  settings.bits_host_id_fallback = std::chrono::seconds(110);
  UploadStatus replied = session(id, UploadState::delivered, 4892);
  replied.has_reply = true;
  const std::vector<Exchange> exchanges = {
      {packet(path, "frankcao8",
              "BITS-Packet-Type: Create-Session\nBITS-Supported-Protocols: "
              "{7df0354d-249b-430f-820d-3d2a9bef4931}\nContent-Name: rfc2119.txt\n"),
       session(id, UploadState::receiving, 0),
       "200 OK\nBITS-Packet-Type: Ack\nBITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\nAccept-Encoding: "
       "identity\nBITS-Host-Id: FRANKCAO8\n"
       "BITS-Host-Id-Fallback-Timeout: 110\n" +
           session_field + "Content-Length: 0\n",
       "200 OK\nBITS-Packet-Type: Ack\nBITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\n" + session_field +
           "BITS-Host-Id: FRANKCAO8\nBITS-Host-Id-Fallback-Timeout: 110\nContent-Length: 0\nAccept-encoding: "
           "identity\n"},
      {packet(path, "FRANKCAO8", "BITS-Packet-Type: Ping\n"), std::nullopt,
       "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\n", "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\n"},
      {packet(path, "FRANKCAO8",
              "BITS-Packet-Type: Fragment\n" + session_field +
                  "Content-Name: rfc2119.txt\nContent-Range: bytes 0-4891/4892\n",
              4892),
       replied,
       "200 OK\nBITS-Packet-Type: Ack\n" + session_field +
           "BITS-Received-Content-Range: 4892\nBITS-Reply-URL: http://FRANKCAO8/reply/" + id + "\nContent-Length: 0\n",
       "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\nBITS-Received-Content-Range: 4892\n"},
      {packet(path, "FRANKCAO8", "BITS-Packet-Type: Close-Session\n" + session_field + "Content-Name: rfc2119.txt\n"),
       replied, "200 OK\nBITS-Packet-Type: Ack\n" + session_field + "Content-Length: 0\n",
       "200 OK\nBITS-Packet-Type: Ack\nContent-Length: 0\n"},
  };
  expect_exchanges(exchanges, settings);
  const auto get =
      test::head_of("GET /reply/" + id + " HTTP/1.1\nAccept: */*\nAccept-Encoding: identity\nRange: bytes=0-9976\n" +
                    kClient + "Host: frankcao8\nConnection: Keep-Alive\n");
  const ReplyAnswer reply = answer_reply(get, replied, 9977);
  EXPECT_EQ(reply.bytes, (ByteRange{0, 9977}));
  const std::string text = test::text_of(reply.response);
  EXPECT_EQ(text.substr(0, 3), "206");
  expect_all_fields("Content-Range: bytes 0-9976/9977\nAccept-Ranges: bytes\n", text);
}

// Our session ids are no GUIDs; the client gives back what it got, in braces or without (MC-BUP §2.2.3.3).
TEST(bits_transcripts, the_session_comes_back_as_it_was_given) {
  const std::string given = test::value_of(
      answer(
          test::request_of(packet(
              "/in/b/k/n", "h",
              "BITS-Packet-Type: Create-Session\nBITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\n")),
          test::upload_in(UploadState::receiving, 0), {}),
      "BITS-Session-Id");
  EXPECT_EQ(test::operation_of<LeaveSession>(
                packet("/in/b/k/n", "h", "BITS-Packet-Type: Close-Session\nBITS-Session-Id: " + given + "\n"))
                .id,
            test::upload_in(UploadState::receiving).id);
  EXPECT_LE(given.size(), 100U);
}

}  // namespace
}  // namespace larder::inbox
