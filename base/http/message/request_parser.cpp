#include "base/http/message/request_parser.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>
#include <limits>

#include "base/http/message/chunk_scan.h"
#include "base/http/message/refusals.h"
#include "base/http/message/request_rules.h"

namespace larder::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;
using BeastText = boost::beast::string_view;

std::string text_of(BeastText text) {
  return std::string(text.data(), text.size());
}

// What Beast finds, as it tells it. One for each request.
class BeastParser final : public beast_http::basic_parser<true> {
 public:
  BeastParser() {
    eager(false);                                           // one part of a message at each put()
    body_limit(std::numeric_limits<std::uint64_t>::max());  // the bound is ours; boost::none would refuse every body
    header_limit(std::numeric_limits<std::uint32_t>::max());
  }

  RequestHead head;
  std::string_view body;         // of the last put()
  std::uint64_t chunk_left = 0;  // bytes of the chunk that begins or goes on
  bool finished = false;

 private:
  void on_request_impl(beast_http::verb, BeastText method, BeastText target, int version, error_code&) override {
    head.method = text_of(method);
    head.target = text_of(target);
    head.minor = static_cast<unsigned>(version % 10);
  }
  void on_response_impl(int, BeastText, int, error_code&) override {}
  // Trailers come here too, and are left out: nobody asked for them, and they must not pass for fields (RFC 9110 §6.5).
  void on_field_impl(beast_http::field, BeastText name, BeastText value, error_code&) override {
    if (!in_body_) head.fields.push_back({text_of(name), text_of(value)});
  }
  void on_header_impl(error_code&) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(BeastText piece, error_code&) override {
    body = {piece.data(), piece.size()};
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t size, BeastText, error_code&) override { chunk_left = size; }
  std::size_t on_chunk_body_impl(std::uint64_t left, BeastText piece, error_code&) override {
    body = {piece.data(), piece.size()};
    chunk_left = left - piece.size();
    return piece.size();
  }
  void on_finish_impl(error_code&) override { finished = true; }

  bool in_body_ = false;
};

Refusal not_http(const error_code& error) {
  return malformed("it is not HTTP/1.1: " + error.message());
}

}  // namespace

struct RequestParser::Parts {
  enum class State { head, length, chunk_line, chunk, ended, refused };

  explicit Parts(const HttpLimits& the_limits) : limits(the_limits), head_scan(the_limits), chunk_scan(the_limits) {}

  Step refuse(Refusal why) {
    state = State::refused;
    refusal = std::move(why);
    return {Event::refused, 0, {}};
  }

  // Beast gets whole heads and lines only, and has to take them whole: what is left over would be read in two ways.
  std::optional<Refusal> put_whole(std::string_view bytes) {
    error_code error;
    const std::size_t taken = beast->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != beast_http::error::need_more) return not_http(error);
    if (error || taken != bytes.size()) return not_http(beast_http::make_error_code(beast_http::error::bad_value));
    return std::nullopt;
  }

  Step step_head(std::string_view input) {
    const Scanned scanned = head_scan.scan(input);
    if (const auto* refused = std::get_if<Refusal>(&scanned)) return refuse(*refused);
    const auto* length = std::get_if<std::size_t>(&scanned);
    if (!length) return {};
    beast.emplace();
    if (auto refused = put_whole(input.substr(head_scan.skipped(), *length - head_scan.skipped())))
      return refuse(std::move(*refused));
    head_scan.reset();
    if (auto refused = judge_request(beast->head, limits)) return refuse(std::move(*refused));
    // The one cannot be believed where the other reads the same head differently.
    if (beast->head.chunked != beast->chunked() || beast->head.has_body() == beast->is_done())
      return refuse(not_http(beast_http::make_error_code(beast_http::error::bad_value)));
    begin_body();
    return {Event::head, *length, {}};
  }

  Step end() {
    state = State::head;
    in_body = false;
    return {Event::end, 0, {}};
  }

  void begin_body() {
    in_body = true;
    body_bytes = 0;
    chunk_scan.reset();
    state = beast->head.chunked ? State::chunk_line : beast->head.has_body() ? State::length : State::ended;
  }

  Step step_body(std::string_view input) {
    if (input.empty()) return {};
    // Of chunks Beast gets no byte behind the one that it is in.
    if (state == State::chunk) input = input.substr(0, beast->chunk_left);
    error_code error;
    beast->body = {};
    const std::size_t taken = beast->put(boost::asio::buffer(input.data(), input.size()), error);
    if (error) return refuse(not_http(error));
    if (state == State::chunk && beast->chunk_left == 0) {
      state = State::chunk_line;
      chunk_scan.next_chunk();
    }
    if (state == State::length && beast->finished) state = State::ended;
    return {Event::body, taken, beast->body};
  }

  Step step_chunk_line(std::string_view input) {
    const Scanned scanned = chunk_scan.scan(input);
    if (const auto* refused = std::get_if<Refusal>(&scanned)) return refuse(*refused);
    const auto* length = std::get_if<std::size_t>(&scanned);
    if (!length) return {};
    body_bytes += chunk_scan.size();
    if (body_bytes > limits.body_bytes)
      return refuse(too_large(413, fmt::format("its body has more than {} bytes", limits.body_bytes)));
    if (auto refused = put_whole(input.substr(0, *length))) return refuse(std::move(*refused));
    if (beast->finished != (chunk_scan.size() == 0) || beast->chunk_left != chunk_scan.size())
      return refuse(not_http(beast_http::make_error_code(beast_http::error::bad_chunk)));
    if (!beast->finished) {
      state = State::chunk;
      Step step = step_body(input.substr(*length));
      step.consumed += *length;
      return step;
    }
    Step step = end();
    step.consumed = *length;
    return step;
  }

  const HttpLimits& limits;
  HeadScan head_scan;
  ChunkScan chunk_scan;
  State state = State::head;
  bool in_body = false;
  std::optional<BeastParser> beast;
  std::uint64_t body_bytes = 0;  // of chunks
  Refusal refusal;
};

RequestParser::RequestParser(const HttpLimits& limits) : parts_(std::make_unique<Parts>(limits)) {}
RequestParser::~RequestParser() = default;

RequestParser::Step RequestParser::step(std::string_view input) {
  switch (parts_->state) {
    case Parts::State::head:
      return parts_->step_head(input);
    case Parts::State::chunk_line:
      return parts_->step_chunk_line(input);
    case Parts::State::length:
    case Parts::State::chunk:
      return parts_->step_body(input);
    case Parts::State::ended:
      return parts_->end();
    case Parts::State::refused:
      break;
  }
  return {Event::refused, 0, {}};
}

RequestHead RequestParser::take_head() {
  return std::move(parts_->beast->head);
}

const Refusal& RequestParser::refusal() const {
  return parts_->refusal;
}

bool RequestParser::in_request() const {
  return parts_->in_body;
}

bool RequestParser::in_head() const {
  return parts_->state == Parts::State::head && parts_->head_scan.begun();
}

}  // namespace larder::http
