// Heads of answers: what is written, and what is not.
#include "base/http/message/response_writer.h"

#include <gtest/gtest.h>

namespace larder::http {
namespace {

using namespace std::string_literals;

TEST(ResponseWriter, WritesAHead) {
  EXPECT_EQ(*write_head(200, {{"X", "y"}}, {BodyEnd::length, 3, true}),
            "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(*write_head(299, {}, {BodyEnd::chunks, std::nullopt, false}),
            "HTTP/1.1 299 Unknown\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(*write_interim(103, {{"Link", "</x>"}}), "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
  EXPECT_EQ(chunk_line(255), "ff\r\n");
}

TEST(ResponseWriter, RefusesWhatWouldEndALine) {
  const AnswerForm form;
  for (const auto& field : Fields{{"X", "a\r\nSet-Cookie: b"},
                                  {"X", "a\nb"},
                                  {"X", "a\rb"},
                                  {"X", "a\0b"s},
                                  {"X\r\nY", "a"},
                                  {"X Y", "a"},
                                  {"X:", "a"},
                                  {"", "a"},
                                  {"Content-Length", "3"},
                                  {"transfer-encoding", "chunked"},
                                  {"Connection", "close"}}) {
    EXPECT_FALSE(write_head(200, {field}, form)) << field.name;
    EXPECT_FALSE(write_interim(103, {field})) << field.name;
  }
  for (const int status : {0, 99, 100, 199, 600, -200}) EXPECT_FALSE(write_head(status, {}, form)) << status;
  for (const int status : {99, 101, 200}) EXPECT_FALSE(write_interim(status, {})) << status;
}

struct NoSource final : BodySource {
  void next(UniqueFunction<void(Result<Buffer>)>) override {}
  void cancel() override {}
};

TEST(ResponseWriter, DecidesWhereTheBodyEnds) {
  struct Row {
    std::string method;
    unsigned minor;
    int status;
    bool stream, endless;
    std::optional<std::uint64_t> length;
    BodyEnd end;
    std::optional<std::uint64_t> written;
    bool keep_alive;
  };
  const auto none = std::nullopt;
  const std::vector<Row> rows = {
      {"GET", 1, 200, false, false, none, BodyEnd::length, 4, true},
      {"GET", 1, 200, false, false, 9, BodyEnd::length, 4, true},  // a text knows its length
      {"HEAD", 1, 200, false, false, none, BodyEnd::none, 4, true},
      {"HEAD", 1, 200, false, false, 9, BodyEnd::none, 9, true},
      {"HEAD", 1, 200, true, false, 9, BodyEnd::none, 9, true},
      {"HEAD", 1, 200, true, false, none, BodyEnd::none, none, true},
      {"GET", 1, 200, true, false, 9, BodyEnd::length, 9, true},
      {"GET", 1, 200, true, false, none, BodyEnd::chunks, none, true},
      {"GET", 0, 200, true, false, none, BodyEnd::connection, none, false},
      {"GET", 1, 200, true, true, none, BodyEnd::connection, none, false},
      {"GET", 1, 204, false, false, none, BodyEnd::none, none, true},
      {"GET", 1, 304, false, false, none, BodyEnd::none, none, true},
      {"GET", 1, 304, false, false, 9, BodyEnd::none, 9, true},
      {"", 1, 400, false, false, none, BodyEnd::length, 4, true},  // it was refused unread
  };
  for (const Row& row : rows) {
    Response response;
    response.status = row.status;
    response.body = "text";
    response.length = row.length;
    response.endless = row.endless;
    if (row.stream) response.stream = std::make_shared<NoSource>();
    RequestHead head;
    head.method = row.method;
    head.minor = row.minor;
    const AnswerForm form = form_of(response, row.method.empty() ? nullptr : &head, true);
    const std::string name = row.method + " " + std::to_string(row.status) + (row.stream ? " stream" : "");
    EXPECT_EQ(form.end, row.end) << name;
    EXPECT_EQ(form.length, row.written) << name;
    EXPECT_EQ(form.keep_alive, row.keep_alive) << name;
    head.keep_alive = false;
    EXPECT_FALSE(form_of(response, &head, true).keep_alive) << name;
    EXPECT_FALSE(form_of(response, nullptr, false).keep_alive) << name;
  }
}

}  // namespace
}  // namespace larder::http
