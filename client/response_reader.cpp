#include "client/response_reader.h"

#include <boost/beast/http/basic_parser.hpp>
#include <limits>
#include <utility>

#include "base/text/text.h"

namespace larder::agent {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

constexpr int kFirstStatus = 100, kFinalStatus = 200, kLastStatus = 599;

tl::unexpected<Error> bad(std::string detail) {
  return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", std::move(detail));
}

std::string_view view(BeastText text) {
  return {text.data(), text.size()};
}

// Beast's parser with the checks that it leaves to its callbacks: an error that one of these sets ends the parsing.
class Parser final : public http::basic_parser<false> {
 public:
  Parser() {
    header_limit(ResponseReader::kMaxHead);
    // Contents are streamed. Boost 1.74 takes boost::none for a limit that every body exceeds.
    body_limit(std::numeric_limits<std::uint64_t>::max());
    eager(true);
  }

  ResponseHead head;
  const ResponseReader::Sink* sink = nullptr;  // within feed()

 private:
  void on_request_impl(http::verb, BeastText, BeastText, int, BeastError&) override {}
  void on_response_impl(int status, BeastText, int, BeastError& error) override {
    error = {};
    head.status = status;
    if (status < kFirstStatus || status > kLastStatus) error = http::error::bad_status;
  }
  void on_field_impl(http::field name, BeastText name_text, BeastText value, BeastError& error) override {
    error = {};
    if (is_header_done()) return;  // a trailer
    const bool coded = name == http::field::transfer_encoding && lower_case(view(value)) != "chunked";
    if (coded) error = http::error::bad_transfer_encoding;
    if (head.headers.size() >= ResponseReader::kMaxHeaders) error = http::error::header_limit;
    if (!error) head.headers.emplace_back(lower_case(view(name_text)), view(value));
  }
  void on_header_impl(BeastError& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError& error) override { error = {}; }
  std::size_t on_body_impl(BeastText bytes, BeastError& error) override { return take(bytes, error); }
  void on_chunk_header_impl(std::uint64_t, BeastText, BeastError& error) override { error = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText bytes, BeastError& error) override {
    return take(bytes, error);
  }
  void on_finish_impl(BeastError& error) override { error = {}; }

  std::size_t take(BeastText bytes, BeastError& error) const {
    error = {};
    if (sink != nullptr && *sink && !bytes.empty()) (*sink)(view(bytes));
    return bytes.size();
  }
};

// Beast joins the lines of a folded header, and waits for more after a line that ends in LF alone. `text` begins with
// the first line of the head that the parser has not taken; `begun`: it has taken the status line.
bool has_odd_line(std::string_view text, bool begun) {
  if (text.starts_with("\r\n")) return !begun;  // the head ends here
  const std::string_view head = text.substr(0, text.find("\r\n\r\n"));
  for (auto at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    if (at == 0 || head[at - 1] != '\r') return true;
    if (at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t')) return true;
  }
  return false;
}

}  // namespace

const std::string* ResponseHead::find_field(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return &value;
  return nullptr;
}

struct ResponseReader::State {
  std::unique_ptr<Parser> parser = std::make_unique<Parser>();  // anew after each interim response
  std::string unread;                                           // the beginning of a line that has not ended
  bool failed = false;

  // Parses what it can of `rest` and takes that off; false: more bytes are needed.
  Result<bool> step(std::string_view& rest);
};

ResponseReader::ResponseReader() : state_(std::make_unique<State>()) {}
ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&& other) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&& other) noexcept = default;

Result<bool> ResponseReader::State::step(std::string_view& rest) {
  if (!parser->is_header_done() && has_odd_line(rest, parser->head.status != 0))
    return bad("a line of its head is malformed");
  BeastError error;
  rest.remove_prefix(parser->put(boost::asio::buffer(rest.data(), rest.size()), error));
  if (error && error != http::error::need_more) return bad(error.message());
  if (rest.size() > kMaxHead) return bad("its head or a line of it is too long");
  if (parser->is_done() && parser->head.status < kFinalStatus) parser = std::make_unique<Parser>();
  return !error;
}

Result<std::size_t> ResponseReader::feed(std::string_view bytes, const Sink& body) {
  State& state = *state_;
  if (state.failed) return bad("it was malformed");
  std::string line = std::exchange(state.unread, {});
  if (!line.empty()) line.append(bytes);
  std::string_view rest = line.empty() ? bytes : line;
  for (bool more = true; more && !done() && !rest.empty();) {
    state.parser->sink = &body;
    const auto stepped = state.step(rest);
    state.parser->sink = nullptr;
    state.failed = !stepped;
    if (!stepped) return tl::unexpected(stepped.error());
    more = *stepped;
  }
  if (done()) return bytes.size() - rest.size();
  state.unread.assign(rest);
  return bytes.size();
}

Status ResponseReader::end_input() {
  State& state = *state_;
  BeastError error;
  if (!state.failed && !done()) state.parser->put_eof(error);
  if (!error && done()) return {};
  state.failed = true;
  return fail(ErrorCode::agent_unreachable, "read the agent's answer", "the agent closed the connection midway");
}

bool ResponseReader::head_done() const {
  return !state_->failed && state_->parser->is_header_done() && state_->parser->head.status >= kFinalStatus;
}

bool ResponseReader::done() const {
  return !state_->failed && state_->parser->is_done() && state_->parser->head.status >= kFinalStatus;
}

const ResponseHead& ResponseReader::head() const {
  return state_->parser->head;
}

bool ResponseReader::keep_alive() const {
  return state_->parser->keep_alive();
}

}  // namespace larder::agent
