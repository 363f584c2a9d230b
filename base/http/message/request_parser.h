// Bytes in, requests out: the strict look of head_scan.h, then Boost.Beast's parser, then the rules of request_rules.h.
// Beast is in request_parser.cpp alone. It keeps no bytes: what is not consumed is handed in again with more behind it.
// Without sockets and time; one thread; no callbacks.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/http/message/limits.h"
#include "base/http/message/message.h"

namespace larder::http {

class RequestParser {
 public:
  enum class Event {
    more,     // nothing else can be said before more bytes come
    head,     // take_head() has it; a body follows where it has one, else `end`
    body,     // `Step::body` is a piece of it, never empty
    end,      // of the request; the next step begins another
    refused,  // refusal() says why; nothing can be read after it
  };
  struct Step {
    Event event = Event::more;
    std::size_t consumed = 0;  // bytes of the input that are done with, also where more are wanted
    std::string_view body;     // within the input
  };

  // `limits` outlives it.
  explicit RequestParser(const HttpLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // `input`: all that came and was not consumed. It never asks for more than the limits let one head, one line of a
  // chunk or its trailers have.
  [[nodiscard]] Step step(std::string_view input);
  // Once for each `head`.
  [[nodiscard]] RequestHead take_head();
  // After `refused`.
  [[nodiscard]] const Refusal& refusal() const;
  // Between a `head` and its `end`; also after a body was refused.
  [[nodiscard]] bool in_request() const;
  // Some of a head was there at the last step, but not all.
  [[nodiscard]] bool in_head() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::http
