// One request and its one answer, as a handler has them. Loop thread.
//
// Nothing is called back within a call of an Exchange, and an Exchange may be kept as long as its owner likes: where
// the connection has gone its calls do nothing. One that is dropped without an answer answers 500 by itself. A
// connection and its request count as its peer's until the exchange is answered or dropped, also where the client has
// gone: who closes and comes again has no more work under way than who waits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/http/message/message.h"
#include "base/http/peer_book.h"
#include "base/http/transport.h"
#include "base/io/unique_fd.h"

namespace larder::http {

// What a connection holds of its peer's limits. The connection and its exchanges share it.
using SharedVisit = std::shared_ptr<PeerBook::Visit>;

// What is left of a connection that stops speaking HTTP. It goes on counting as its peer's while `visit` lives.
struct RawStream {
  std::shared_ptr<Transport> transport;
  std::string early;  // came behind the request already
  SharedVisit visit;
};

// The next bytes of a body, none at its end.
using BodyReady = UniqueFunction<void(Result<Buffer>)>;
using TakeStream = UniqueFunction<void(RawStream)>;

// The connection, as an Exchange reaches it.
class ExchangeHost {
 public:
  virtual ~ExchangeHost() = default;
  virtual void read_body(std::uint64_t number, BodyReady ready) = 0;
  virtual void inform(std::uint64_t number, int status, Fields fields) = 0;
  virtual void respond(std::uint64_t number, Response response) = 0;
  virtual void hand_over(std::uint64_t number, Fields fields, TakeStream take) = 0;
  virtual void on_gone(std::uint64_t number, Task gone) = 0;
  [[nodiscard]] virtual std::vector<UniqueFd> take_descriptors(std::uint64_t number) = 0;
};

class Exchange {
 public:
  Exchange(std::weak_ptr<ExchangeHost> host, SharedVisit visit, std::uint64_t number, RequestHead head)
      : host_(std::move(host)), visit_(std::move(visit)), number_(number), head_(std::move(head)) {}
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] const RequestHead& head() const { return head_; }

  // Asks for the next piece of the body; until then at most HttpLimits::read_bytes of it are read, so a handler that
  // waits makes the client wait. The first call sends "100 Continue" where the client expects it. `ready` comes once:
  // with an error where the client does not send the rest (connection_lost, timed_out) or sends it wrongly
  // (invalid_argument, too_large), and then the server answers; with connection_lost where the answer is out already.
  // It does not come where the connection was gone before the call. It may come after the server was destroyed, with an
  // error. One call at a time.
  void read_body(BodyReady ready);
  // An interim answer, 102 to 199, in its turn. Left out for HTTP/1.0, after respond(), and where it cannot be written.
  void inform(int status, Fields fields);
  // The first call counts. Before the body was read to its end the connection ends with the answer.
  void respond(Response response);
  // Of CONNECT only, elsewhere it answers 500: 200 with these fields, and then the stream is the caller's. `take` does
  // not come where the connection goes before.
  void hand_over(Fields fields, TakeStream take);
  // `gone` comes once where the connection goes before the answer is out, so that work for it can stop.
  void on_gone(Task gone);
  // Those that came with this request so far (SCM_RIGHTS), each once. They belong to the request whose bytes came last
  // with them: a client sends one request with one message.
  [[nodiscard]] std::vector<UniqueFd> take_descriptors();

 private:
  std::weak_ptr<ExchangeHost> host_;
  SharedVisit visit_;  // until it is answered
  const std::uint64_t number_;
  const RequestHead head_;
  bool answered_ = false;
};

}  // namespace larder::http
