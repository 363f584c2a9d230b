// Any bytes in any pieces to a connection of the HTTP server, over a transport without a socket: what it reads does not
// depend on how the bytes are cut, what it holds is bounded, its answers are whole and in order, and it comes to an
// end.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/http/connection.h"
#include "tests/fuzz/must.h"
#include "tests/support/fake_transport.h"
#include "tests/support/virtual_loop.h"

using namespace larder;
using namespace larder::http;

namespace {

HttpLimits small_limits() {
  HttpLimits limits;
  limits.head_bytes = 512;
  limits.target_bytes = 128;
  limits.fields = 16;
  limits.body_bytes = 4096;
  limits.chunk_line_bytes = 64;
  limits.trailer_bytes = 128;
  limits.parse_ahead = 4;
  limits.read_bytes = 64;
  limits.linger_bytes = 256;
  return limits;
}

// What the handler saw of each request, and what the client got.
struct Trace {
  std::vector<std::string> requests;
  std::string answers;
};

// Reads each body to its end and answers with the number of the request.
class Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(std::shared_ptr<Exchange> exchange, Trace& trace)
      : exchange_(std::move(exchange)), trace_(trace), number_(trace.requests.size()) {
    const RequestHead& head = exchange_->head();
    must(!head.method.empty() && !head.target.empty() && head.target.size() <= 129);
    must(!(head.chunked && head.content_length) && head.fields.size() <= 16);
    for (const Field& field : head.fields)
      must(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    trace_.requests.push_back(head.method + " " + head.target + ":");
  }
  void read() {
    exchange_->read_body([self = shared_from_this()](Result<Buffer> piece) { self->on_piece(std::move(piece)); });
  }

 private:
  void on_piece(Result<Buffer> piece) {
    if (!piece) return;
    if (!piece->empty()) {
      bytes_ += piece->size();
      must(bytes_ <= 4096);
      return read();
    }
    trace_.requests[number_] += std::to_string(bytes_);
    Response response;
    response.fields = {{"Number", "<" + std::to_string(number_ + 1) + ">"}};
    exchange_->respond(std::move(response));
  }

  std::shared_ptr<Exchange> exchange_;
  Trace& trace_;
  const std::size_t number_;
  std::size_t bytes_ = 0;
};

struct User final : ConnectionUser {
  explicit User(Trace& the_trace) : trace(the_trace) {}
  void on_request(std::shared_ptr<Exchange> exchange) override {
    std::make_shared<Reader>(std::move(exchange), trace)->read();
  }
  Trace& trace;
};

// The number of each answer is that of the one before and one more.
void check_order(const std::string& answers) {
  std::size_t number = 0;
  for (std::size_t at = answers.find('<'); at != std::string::npos; at = answers.find('<', at + 1)) {
    const std::string wanted = "<" + std::to_string(++number) + ">";
    if (answers.compare(at, wanted.size(), wanted) != 0) std::abort();
  }
}

// `seed` 0: all at once; else pieces whose sizes depend on it.
Trace run(std::string_view bytes, std::uint64_t seed) {
  static const HttpLimits limits = small_limits();
  test::VirtualLoop loop(seed + 1);
  PeerBook book{PeerLimits{}};
  Trace trace;
  const auto transport = std::make_shared<test::FakeTransport>(loop);
  bool closed = false;
  const auto connection =
      make_connection({transport, std::make_unique<User>(trace), book.enter("peer", false), loop, loop, loop, limits});
  connection->start([&](Connection&) { closed = true; });
  while (!bytes.empty() && !closed) {
    const std::size_t piece = seed == 0 ? bytes.size() : 1 + loop.random().below(seed % 2 == 0 ? 3 : 100);
    transport->send(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    loop.run_ready();
    // A head, a line, trailers or one read that is looked at, and what was read on top; answers are short.
    must(book.bytes("peer") <= 512 + 2 * limits.read_bytes + 4096);
  }
  transport->end();
  loop.advance(std::chrono::minutes(10));
  must(closed && loop.timers() == 0 && book.connections() == 0);
  trace.answers = transport->received;
  check_order(trace.answers);
  return trace;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Trace whole = run(text, 0);
  for (const std::uint64_t seed : {1U, 2U}) must(run(text, seed).requests == whole.requests);
  return 0;
}
