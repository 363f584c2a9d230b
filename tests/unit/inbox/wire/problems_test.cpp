#include "inbox/wire/problems.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

struct Expected {
  Problem problem;
  const char* text;  // tus, PUT, BITS, code, context; "again"
};
const std::vector<Expected> kExpected = {
    {Problem::unauthorized, "401 401 401 - -"},
    {Problem::forbidden, "403 403 403 0x80070005 0x5"},
    {Problem::unknown_inbox, "404 404 404 - -"},
    {Problem::unknown_upload, "404 404 500 0x8020001F 0x5"},
    {Problem::gone, "410 410 500 0x8020001F 0x5"},
    {Problem::wrong_offset, "409 409 416 - -"},
    {Problem::wrong_size, "400 400 400 0x80070057 0x5"},
    {Problem::too_large, "413 413 500 0x80200020 0x5"},
    {Problem::part_too_large, "413 413 413 - -"},
    {Problem::no_space, "507 507 500 0x80070070 0x5"},
    {Problem::quota, "429 429 503 - 0x5 again"},
    {Problem::part_digest, "460 400 400 0x80070057 0x5"},
    {Problem::content_digest, "422 422 400 0x80070057 0x5"},
    {Problem::key_conflict, "422 409 403 0x80070005 0x5"},
    {Problem::already_settled, "409 409 403 0x80070005 0x5"},
    {Problem::rejected, "422 422 422 - 0x7"},
    {Problem::pending, "503 503 503 - 0x7 again"},
    {Problem::superseded, "409 409 409 - 0x5"},
    {Problem::body_broken, "503 408 408 - 0x5 again"},
    {Problem::too_slow, "503 408 408 - 0x5 again"},
    {Problem::bad_request, "400 400 400 0x80070057 0x5"},
    {Problem::busy, "503 503 503 - 0x5 again"},
    {Problem::failed, "500 500 500 - 0x5 again"},
};

// The answers to an append, through the two functions that the front uses.
std::string answered(Problem problem) {
  const std::string tus =
      "PATCH /up/a HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Offset: 4\nContent-Type: "
      "application/offset+octet-stream\nContent-Length: 6\n";
  const std::string put = "PUT /in/box/k/n HTTP/1.1\nContent-Length: 6\n";
  const std::string bits =
      "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Fragment\nBITS-Session-Id: {a}\nContent-Range: bytes "
      "4-9/10\nContent-Length: 6\n";
  std::string text;
  std::string wait;
  for (const std::string& request : {tus, put, bits}) {
    const http::Response response = answer(test::request_of(request), test::refused(problem), {});
    text += std::to_string(response.status) + " ";
    wait = test::value_of(response, "Retry-After");
    if (request != bits) {
      EXPECT_EQ(response.body.rfind("cannot ", 0), 0U) << response.body;
      continue;
    }
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(test::value_of(response, "BITS-Packet-Type"), "Ack");
    text += test::value_of(response, "BITS-Error-Code") + " " + test::value_of(response, "BITS-Error-Context");
  }
  return text + (wait == "-" ? "" : " again");
}

TEST(problems, each_has_an_answer_in_each_dialect) {
  ASSERT_EQ(kExpected.size(), kProblemCount);
  for (std::size_t i = 0; i < kExpected.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kExpected[i].problem), i);
    EXPECT_EQ(answered(kExpected[i].problem), kExpected[i].text) << problem_row(kExpected[i].problem).text;
  }
}

TEST(problems, missing_credentials_are_asked_for) {
  WireSettings settings;
  settings.challenges = {"Bearer", "Basic realm=\"inbox\""};
  const http::Response response =
      refuse(Dialect::put, Refused{Problem::unauthorized, "", std::nullopt, std::nullopt}, settings);
  EXPECT_EQ(test::text_of(response),
            "401 Unauthorized\nContent-Type: text/plain; charset=utf-8\nWWW-Authenticate: Bearer\nWWW-Authenticate: "
            "Basic realm=\"inbox\"\n\n"
            "cannot take the request: it needs credentials that are valid here\n");
  EXPECT_EQ(test::value_of(refuse(Dialect::put, Refused{Problem::forbidden, "", std::nullopt, std::nullopt}, settings),
                           "WWW-Authenticate"),
            "-");
}

TEST(problems, the_words_of_who_refused_are_passed_on) {
  const Refused refused{Problem::busy, "cannot take it: closed on Sundays", std::nullopt, std::chrono::seconds(30)};
  EXPECT_EQ(test::text_of(refuse(Dialect::tus, refused, {})),
            "503 Service Unavailable\nContent-Type: text/plain; charset=utf-8\nRetry-After: 30\n\ncannot take it: "
            "closed on Sundays\n");
}

}  // namespace
}  // namespace larder::inbox
