// Reads the fields of a request strictly: one that is given twice, or is no value of its kind, is a fault of the
// request and never a guess. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/http/message/message.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

// Why a request is not carried out, before anybody was asked. Each dialect has its answer to it (problems.h).
struct Fault {
  Problem problem = Problem::bad_request;
  std::string detail;   // "cannot …: …", for a person
  int status = 0;       // in place of the one that the dialect has for the problem; 0: that one
  http::Fields fields;  // they go with the answer
};

template <class T>
using Read = tl::expected<T, Fault>;

// "cannot take the request: WHY"
[[nodiscard]] tl::unexpected<Fault> bad(std::string_view why, int status = 0);
[[nodiscard]] tl::unexpected<Fault> bad(Problem problem, std::string_view why);

// The value of the only field of this name; none: there is no such field.
[[nodiscard]] Read<std::optional<std::string_view>> only_field(const http::RequestHead& head, std::string_view name);
// The same, of a field that has to be there.
[[nodiscard]] Read<std::string_view> needed_field(const http::RequestHead& head, std::string_view name);

// Digits only, without zeros in front, at most 2^63 - 1: no sum of two of them overflows.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);
[[nodiscard]] Read<std::optional<std::uint64_t>> number_field(const http::RequestHead& head, std::string_view name);

// RFC 9110 §14.4, with the total, which an upload has to say: "bytes 0-99/200".
struct ContentRange {
  std::uint64_t first = 0, last = 0, total = 0;
  [[nodiscard]] std::uint64_t length() const { return last - first + 1; }
  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view value);

// The type without its parameters, in lower case; empty: there is none.
[[nodiscard]] Read<std::string> content_type(const http::RequestHead& head);
// Content-Encoding: what is stored are the bytes as they come, so only identity is taken (415).
[[nodiscard]] Read<void> refuse_coding(const http::RequestHead& head);

}  // namespace larder::inbox
