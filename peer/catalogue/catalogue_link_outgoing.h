// One connection of the catalogue's client: connects, checks the peer's agent id, carries one call after the other. On
// the link's thread; private to the link's sources, since it includes asio.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peer/catalogue/catalogue_link.h"
#include "peer/catalogue/catalogue_link_tls.h"

namespace larder::peer {

class LinkOutgoing;

class LinkOutgoingOwner {
 public:
  virtual ~LinkOutgoingOwner() = default;
  virtual void on_answered(LinkOutgoing& connection, CatalogueResponse response, bool reusable) = 0;
  // Called when the connection has ended by itself. `stale`: it had been kept, and no byte of an answer had come.
  virtual void on_ended(LinkOutgoing& connection, Error why, bool stale) = 0;
};

class LinkOutgoing : public std::enable_shared_from_this<LinkOutgoing> {
 public:
  static constexpr Duration kConnectTimeout = std::chrono::seconds(1);

  LinkOutgoing(boost::asio::io_context& io, const Endpoint& to, const AgentId& expected,
               std::shared_ptr<TlsContext> context, LinkOutgoingOwner& owner);

  // Connects, from address `source` where there is one. The first call was given with send_call() before.
  void connect(const std::optional<Endpoint>& source);
  void send_call(CallId call, const CatalogueCall& what);
  void keep_idle(Duration idle_timeout);  // makes it idle; on_ended() follows after this time
  void close();                           // no event follows
  [[nodiscard]] bool lost_its_address() const;

  [[nodiscard]] const Endpoint& to() const { return to_; }
  [[nodiscard]] const AgentId& expected() const { return expected_; }
  [[nodiscard]] const AgentId& agent() const { return agent_; }  // of the peer; all zero before the handshake's end
  [[nodiscard]] CallId call() const { return call_; }            // 0: none

 private:
  using AsioError = boost::system::error_code;
  using Parser = boost::beast::http::response_parser<boost::beast::http::vector_body<std::uint8_t>>;

  void on_connected(const AsioError& error);
  void on_handshake(const AsioError& error);
  void send();
  void read();
  void on_read(const AsioError& error, std::size_t size);
  void parse();
  void on_answer();
  void arm(Duration limit, ErrorCode code, std::string why);
  void end_connection(Error why);
  void end_connection(ErrorCode code, std::string detail);
  [[nodiscard]] std::string doing() const;

  const Endpoint to_;
  const AgentId expected_;
  const std::shared_ptr<TlsContext> context_;  // outlives the stream
  TlsStream stream_;
  boost::asio::steady_timer timer_;
  LinkOutgoingOwner& owner_;

  bool closed_ = false;
  bool ready_ = false;    // the handshake is done, and the peer is the expected agent
  bool kept_ = false;     // was connected before the present call
  bool writing_ = false;  // the write of a request is in flight
  bool heard_ = false;    // a byte of the answer has come
  std::uint64_t armed_ = 0;
  AgentId agent_{};
  CallId call_ = 0;
  std::size_t max_answer_ = 0;
  std::string head_;
  std::vector<std::byte> body_;
  std::array<std::byte, 16 * 1024> chunk_{};
  boost::beast::flat_buffer unread_;
  std::optional<Parser> parser_;
};

}  // namespace larder::peer
