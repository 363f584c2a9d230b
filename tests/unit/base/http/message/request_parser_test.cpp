// Requests as the parser takes and refuses them: each line of the tables whole, and in pieces of one byte.
#include "base/http/message/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/http/message/request_rules.h"

namespace larder::http {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

HttpLimits small_limits() {
  HttpLimits limits;
  limits.head_bytes = 512;
  limits.target_bytes = 64;
  limits.fields = 8;
  limits.body_bytes = 100;
  limits.chunk_line_bytes = 32;
  limits.trailer_bytes = 64;
  return limits;
}

// "GET /x 1" and "body" of each request, then "refused 400: why"; what is left over after " rest ".
std::string parsed(const std::string& bytes, std::size_t piece, HttpLimits limits = small_limits()) {
  RequestParser parser(limits);
  std::string out, input, body;
  std::size_t fed = 0;
  while (true) {
    const RequestParser::Step step = parser.step(input);
    body += step.body;
    input.erase(0, step.consumed);
    switch (step.event) {
      case RequestParser::Event::head: {
        const RequestHead head = parser.take_head();
        out += head.method + " " + head.target + " " + head.authority + (head.keep_alive ? "" : " close") +
               (head.expects_continue ? " continue" : "");
        break;
      }
      case RequestParser::Event::body:
        break;
      case RequestParser::Event::end:
        out += " [" + std::exchange(body, "") + "] ";
        break;
      case RequestParser::Event::refused:
        return out + "refused " + std::to_string(parser.refusal().status) + ": " + parser.refusal().error.detail;
      case RequestParser::Event::more:
        if (fed == bytes.size()) return out + (parser.in_request() ? "cut" : parser.in_head() ? "head cut" : "");
        input += bytes.substr(fed, piece);
        fed = std::min(fed + piece, bytes.size());
    }
  }
}

struct Case {
  std::string name, bytes, expected;
};

void check(const std::vector<Case>& cases, const HttpLimits& limits = small_limits()) {
  for (const Case& one : cases)
    for (const std::size_t piece : {std::size_t{100000}, std::size_t{1}, std::size_t{7}})
      EXPECT_THAT(parsed(one.bytes, piece, limits), HasSubstr(one.expected)) << one.name << " in pieces of " << piece;
}

TEST(RequestParser, Takes) {
  const std::string h = "Host: h\r\n";
  check({
      {"plain", "GET / HTTP/1.1\r\n" + h + "\r\n", "GET / h [] "},
      {"empty line before", "\r\nGET / HTTP/1.1\r\n" + h + "\r\n", "GET / h [] "},
      {"two", "GET /1 HTTP/1.1\r\n" + h + "\r\nGET /2 HTTP/1.1\r\n" + h + "\r\n", "GET /1 h [] GET /2 h [] "},
      {"length", "PUT / HTTP/1.1\r\n" + h + "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" + h + "\r\n",
       "PUT / h [abc] GET / h [] "},
      {"length of none", "PUT / HTTP/1.1\r\n" + h + "Content-Length: 0\r\n\r\n", "PUT / h [] "},
      {"chunks",
       "PUT / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
       "PUT / h [abc0123456789] "},
      {"coding in capitals", "PUT / HTTP/1.1\r\n" + h + "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "PUT / h [] "},
      {"extensions",
       "PUT / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n3;a=b;c=\"d;\\\"e\"\r\nabc\r\n0;x\r\n\r\n",
       "PUT / h [abc] "},
      {"trailers are left out",
       "PUT / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", "PUT / h [a] "},
      {"then another",
       "PUT / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n" + h +
           "\r\n",
       "PUT / h [a] GET / h [] "},
      {"close", "GET / HTTP/1.1\r\n" + h + "Connection: a, Close\r\n\r\n", "GET / h close [] "},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", "GET /  close [] "},
      {"1.0 that goes on", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /  [] "},
      {"continue", "PUT / HTTP/1.1\r\n" + h + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
       "PUT / h continue [a] "},
      {"nothing to continue", "PUT / HTTP/1.1\r\n" + h + "Expect: 100-continue\r\n\r\n", "PUT / h [] "},
      {"absolute", "GET http://e:80/x?y HTTP/1.1\r\n" + h + "\r\n", "GET http://e:80/x?y e:80 [] "},
      {"absolute IPv6", "GET http://[::1]:80 HTTP/1.1\r\n" + h + "\r\n", " [::1]:80 [] "},
      {"asterisk", "OPTIONS * HTTP/1.1\r\n" + h + "\r\n", "OPTIONS * h [] "},
      {"BITS", "BITS_POST /x HTTP/1.1\r\n" + h + "\r\n", "BITS_POST /x h [] "},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET /  [] "},
      {"bytes of a value", "GET / HTTP/1.1\r\n" + h + "X: \xc3\xa9\ty\r\n\r\n", "GET / h [] "},
  });
}

TEST(RequestParser, RefusesALengthThatNobodyCanCountTo) {
  HttpLimits limits = small_limits();
  limits.body_bytes = UINT64_MAX;
  check({{"no bound", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999\r\n\r\n", "refused 413"}},
        limits);
}

// RFC 9112 §11.2: whatever two servers could read in two ways. The connection ends after the answer.
TEST(RequestParser, RefusesWhatCouldBeReadInTwoWays) {
  const std::string h = "Host: h\r\n";
  const std::string chunked = "PUT / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n";
  const auto field = [&](const std::string& line) { return "PUT / HTTP/1.1\r\n" + h + line + "\r\n\r\n"; };
  check({
      {"length and chunks", field("Content-Length: 3\r\nTransfer-Encoding: chunked"), "refused 400"},
      {"chunks and length", field("Transfer-Encoding: chunked\r\nContent-Length: 3"), "refused 400"},
      {"two lengths", field("Content-Length: 3\r\nContent-Length: 4"), "refused 400"},
      {"two equal lengths", field("Content-Length: 3\r\ncontent-length: 3"), "refused 400"},
      {"lengths in a list", field("Content-Length: 3, 3"), "refused 400"},
      {"length with a sign", field("Content-Length: +3"), "refused 400"},
      {"negative length", field("Content-Length: -3"), "refused 400"},
      {"hexadecimal length", field("Content-Length: 0x3"), "refused 400"},
      {"length with zeros", field("Content-Length: 03"), "refused 400"},
      {"empty length", field("Content-Length:"), "refused 400"},
      {"length with a blank", field("Content-Length: 1 2"), "refused 400"},
      {"enormous length", field("Content-Length: 9999999999999999999"), "refused 413"},
      {"length that overflows", field("Content-Length: 99999999999999999999999999"), "refused 400"},
      {"two codings", field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), "refused 400"},
      {"chunked twice", field("Transfer-Encoding: chunked, chunked"), "refused 50"},
      {"not chunked last", field("Transfer-Encoding: chunked, gzip"),
       "refused 400: its Transfer-Encoding does not end"},
      {"identity", field("Transfer-Encoding: identity"), "refused 400"},
      {"another coding", field("Transfer-Encoding: gzip, chunked"), "refused 501"},
      {"xchunked", field("Transfer-Encoding: xchunked"), "refused 400"},
      {"chunked with a blank name", field("Transfer-Encoding : chunked"), "refused 400: the name of a field"},
      {"tab before the colon", field("Content-Length\t: 3"), "refused 400: the name of a field"},
      {"1.0 with chunks", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "refused 400"},
      {"obs-fold", field("X: a\r\n b"), "refused 400: a field goes on"},
      {"obs-fold by tab", field("X: a\r\n\tb"), "refused 400: a field goes on"},
      {"fold before the first field", "GET / HTTP/1.1\r\n X: y\r\n\r\n", "refused 400: a field goes on"},
      {"bare LF", "GET / HTTP/1.1\n" + h + "\r\n", "refused 400"},
      {"bare LF in fields", field("X: a\nTransfer-Encoding: chunked"), "refused 400: a field has a control"},
      {"bare CR in fields", field("X: a\rTransfer-Encoding: chunked"), "refused 400: a line does not end"},
      {"LF LF at the end", "GET / HTTP/1.1\r\n" + h + "\n", "refused 400"},
      {"NUL in a value", field("X: a\0b"s), "refused 400: a field has a control"},
      {"NUL in a name", field("X\0: a"s), "refused 400: the name of a field"},
      {"escape in a value", field("X: \x1b[2J"), "refused 400"},
      {"DEL in a value", field("X: \x7f"), "refused 400"},
      {"no colon", field("X"), "refused 400"},
      {"no name", field(": x"), "refused 400"},
      {"two hosts", field("Host: h"), "refused 400: it has two"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "refused 400: it has no Host"},
      {"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "refused 400: its Host"},
      {"host with a user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "refused 400: its Host"},
      {"hosts in a list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "refused 400: its Host"},
      {"another expectation", field("Expect: 200-maybe"), "refused 417"},
      {"size no number", chunked + "x\r\n", "refused 400: the size"},
      {"size with 0x", chunked + "0x3\r\nabc\r\n", "refused 400: the size"},
      {"size with a sign", chunked + "+3\r\nabc\r\n", "refused 400: the size"},
      {"size with a blank", chunked + " 3\r\nabc\r\n", "refused 400: the size"},
      {"blank after the size", chunked + "3 \r\nabc\r\n", "refused 400: the size"},
      {"no size", chunked + "\r\nabc\r\n", "refused 400: the size"},
      {"size that overflows", chunked + "10000000000000003\r\nabc\r\n", "refused 413"},
      {"size by LF", chunked + "3\nabc\r\n", "refused 400: the size"},
      {"bare LF in an extension", chunked + "3;a\nb\r\nabc\r\n", "refused 400: the extension"},
      {"bare CR in an extension", chunked + "3;a\rb\r\nabc\r\n", "refused 400: a line"},
      {"bare LF in quotes", chunked + "3;a=\"\n\"\r\nabc\r\n", "refused 400: the extension"},
      {"long extension", chunked + "3;" + std::string(40, 'a') + "\r\nabc\r\n", "refused 400: the line before a chunk"},
      {"chunk longer than its size", chunked + "3\r\nabcd\r\n", "refused 400: a chunk is longer"},
      {"chunk ended by LF", chunked + "3\r\nabc\n0\r\n\r\n", "refused 400: a chunk is longer"},
      {"trailer that folds", chunked + "0\r\nX: y\r\n z\r\n\r\n", "refused 400: the name of a trailer"},
      {"trailer by LF", chunked + "0\r\nX: y\n\r\n", "refused 400: a trailer"},
      {"end by LF", chunked + "0\r\n\n", "refused 400"},
      {"trailer with a length", chunked + "0\r\nContent-Length: 3\r\n\r\n", "refused 400"},
      {"long trailers", chunked + "0\r\nX: " + std::string(80, 'y') + "\r\n\r\n", "refused 431"},
  });
}

TEST(RequestParser, RefusesWhatIsNoRequest) {
  const std::string h = "Host: h\r\n\r\n";
  check({
      {"TLS", "\x16\x03\x01\x02\x00\x01"s, "refused 400: it does not begin with a method; is it TLS"},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "refused 505"},
      {"1.2", "GET / HTTP/1.2\r\n" + h, "refused 505"},
      {"0.9", "GET /\r\n", "refused 400"},
      {"version in small letters", "GET / http/1.1\r\n" + h, "refused 400: its first line"},
      {"long version", "GET / HTTP/1.10\r\n" + h, "refused 400: its first line"},
      {"two blanks", "GET  / HTTP/1.1\r\n" + h, "refused 400: its target"},
      {"blank in the target", "GET /a b HTTP/1.1\r\n" + h, "refused 400: its first line"},
      {"tab", "GET\t/ HTTP/1.1\r\n" + h, "refused 400: its method"},
      {"blank behind", "GET / HTTP/1.1 \r\n" + h, "refused 400: its first line"},
      {"blank before", " GET / HTTP/1.1\r\n" + h, "refused 400: it does not begin"},
      {"two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" + h, "refused 400: it does not begin"},
      {"empty line by LF", "\nGET / HTTP/1.1\r\n" + h, "refused 400: it does not begin"},
      {"UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" + h, "refused 400: its target"},
      {"fragment", "GET /a#b HTTP/1.1\r\n" + h, "refused 400: its target has a fragment"},
      {"no path", "GET a HTTP/1.1\r\n" + h, "refused 400: its target is neither"},
      {"asterisk of GET", "GET * HTTP/1.1\r\n" + h, "refused 400: only OPTIONS"},
      {"user in the target", "GET http://u:p@e/ HTTP/1.1\r\n" + h, "refused 400: its target names"},
      {"no host in the target", "GET http:///x HTTP/1.1\r\n" + h, "refused 400: its target names"},
      {"port of the target", "GET http://e:99999/ HTTP/1.1\r\n" + h, "refused 400: its target names"},
      {"CONNECT", "CONNECT e:443 HTTP/1.1\r\n" + h, "refused 501: CONNECT"},
      {"long method", std::string(40, 'A') + " / HTTP/1.1\r\n" + h, "refused 501"},
      {"long target", "GET /" + std::string(80, 'a') + " HTTP/1.1\r\n" + h, "refused 414"},
      {"long head", "GET / HTTP/1.1\r\nX: " + std::string(600, 'a') + "\r\n" + h, "refused 431"},
      {"many fields", "GET / HTTP/1.1\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n" + h, "refused 431"},
      {"long body", "PUT / HTTP/1.1\r\nContent-Length: 101\r\n" + h, "refused 413"},
      {"long chunks",
       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + h + "40\r\n" + std::string(64, 'a') + "\r\n40\r\n",
       "refused 413"},
  });
}

TEST(RequestParser, Connect) {
  HttpLimits limits = small_limits();
  limits.connect = true;
  const std::string h = "Host: h\r\n\r\n";
  check({{"a tunnel", "CONNECT e:443 HTTP/1.1\r\n" + h, "CONNECT e:443 e:443 [] "},
         {"IPv6", "CONNECT [::1]:443 HTTP/1.1\r\n" + h, "CONNECT [::1]:443 [::1]:443 [] "},
         {"no port", "CONNECT e HTTP/1.1\r\n" + h, "refused 400"},
         {"port 0", "CONNECT e:0 HTTP/1.1\r\n" + h, "refused 400"},
         {"a path", "CONNECT /x HTTP/1.1\r\n" + h, "refused 400"},
         {"a body", "CONNECT e:443 HTTP/1.1\r\nContent-Length: 0\r\n" + h, "refused 400: CONNECT has no body"}},
        limits);
}

TEST(RequestParser, SaysWhereItStands) {
  EXPECT_EQ(parsed("GET / HT", 1), "head cut");
  EXPECT_EQ(parsed("\r\n", 1), "");
  EXPECT_EQ(parsed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab", 1), "PUT / hcut");
  EXPECT_TRUE(is_authority("a_b.example:80", true));
  EXPECT_FALSE(is_authority("a:", false));
  EXPECT_FALSE(is_authority(":80", true));
  EXPECT_FALSE(is_authority("[::1", false));
}

}  // namespace
}  // namespace larder::http
