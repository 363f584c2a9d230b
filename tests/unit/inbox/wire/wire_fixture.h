// Requests as text, answers as text: what the tests of the dialects speak.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "base/http/message/request_parser.h"
#include "base/http/message/response_writer.h"
#include "inbox/wire/wire.h"

namespace larder::inbox::test {

// "PUT /x HTTP/1.1\n…" with a Host put in where there is none; LF for CR LF. The whole head passes the server's own
// strict parser, as it does in the program.
inline http::RequestHead head_of(std::string text) {
  static const http::HttpLimits limits = [] {
    http::HttpLimits wide;
    wide.body_bytes = std::uint64_t{1} << 62;
    return wide;
  }();
  if (text.find("Host:") == std::string::npos) text.insert(text.find('\n') + 1, "Host: inbox.example\n");
  if (text.back() != '\n') text += '\n';
  std::string bytes;
  for (const char c : text + "\n") bytes += c == '\n' ? "\r\n" : std::string(1, c);
  http::RequestParser parser(limits);
  const auto step = parser.step(bytes);
  EXPECT_EQ(step.event, http::RequestParser::Event::head) << text;
  return step.event == http::RequestParser::Event::head ? parser.take_head() : http::RequestHead();
}

// "201 Created\nName: value\n…Content-Length: 0\n", or the body behind an empty line in place of its length; without
// Connection.
inline std::string text_of(const http::Response& response) {
  http::AnswerForm form = http::form_of(response, nullptr, true);
  if (!response.body.empty()) form.length.reset();
  const auto head = http::write_head(response.status, response.fields, form);
  EXPECT_TRUE(head) << (head ? "" : head.error().text());
  if (!head) return "";
  std::string text;
  for (const char c : head->substr(9)) text += c == '\r' ? "" : std::string(1, c);
  text.erase(text.find("Connection: keep-alive\n"));
  return response.body.empty() ? text : text + "\n" + response.body;
}

inline const std::string* field_of(const http::Response& response, std::string_view name) {
  const std::string* found = nullptr;
  for (const http::Field& field : response.fields) {
    if (!http::same_name(field.name, name)) continue;
    EXPECT_EQ(found, nullptr) << "two fields " << name;
    found = &field.value;
  }
  return found;
}
// The value; "-": there is no such field.
inline std::string value_of(const http::Response& response, std::string_view name) {
  const std::string* const value = field_of(response, name);
  return value ? *value : "-";
}

inline Request request_of(const std::string& text, const WireSettings& settings = {}) {
  auto translated = translate(head_of(text), settings);
  auto* const request = std::get_if<Request>(&translated);
  EXPECT_TRUE(request) << text << text_of(std::get<http::Response>(translated));
  return request ? std::move(*request) : Request();
}
template <class T>
T operation_of(const std::string& text, const WireSettings& settings = {}) {
  Request request = request_of(text, settings);
  T* const operation = std::get_if<T>(&request.operation);
  EXPECT_TRUE(operation) << text;
  return operation ? std::move(*operation) : T();
}
// The answer that is given without asking anybody.
inline http::Response refusal(const std::string& text, const WireSettings& settings = {}) {
  auto translated = translate(head_of(text), settings);
  auto* const response = std::get_if<http::Response>(&translated);
  EXPECT_TRUE(response) << "taken: " << text;
  return response ? std::move(*response) : http::Response();
}

inline Digest digest_of(unsigned char byte) {
  Digest digest;
  digest.fill(std::byte{byte});
  return digest;
}

// An upload of ten bytes, of which `offset` are there.
inline UploadStatus upload_in(UploadState state, std::uint64_t offset = 4) {
  UploadStatus status;
  status.id = "aaaabbbbccccddddeeeeffffgg";
  status.inbox = "box";
  status.state = state;
  status.offset = offset;
  status.size = 10;
  status.name = "f.bin";
  return status;
}
inline UploadStatus accepted() {
  UploadStatus status = upload_in(UploadState::accepted, 10);
  status.answer = StoredAnswer{204, ""};
  status.sha256 = digest_of(7);
  return status;
}
inline UploadStatus rejected(int status_code = 403, std::string text = "a virus") {
  UploadStatus status = upload_in(UploadState::rejected, 10);
  status.answer = StoredAnswer{status_code, std::move(text)};
  return status;
}
inline Outcome<UploadStatus> refused(Problem problem, std::optional<UploadStatus> upload = std::nullopt) {
  return tl::unexpected(Refused{problem, "", std::move(upload), std::nullopt});
}

}  // namespace larder::inbox::test
