// One connection to the catalogue's server: handshake, requests one after the other, answers; each with its deadline.
// On the link's thread; private to the link's sources, since it includes asio.
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
#include "peer/catalogue/catalogue_link_admission.h"
#include "peer/catalogue/catalogue_link_tls.h"

namespace larder::peer {

inline constexpr std::size_t kMaxLinkHead = 8 * 1024;  // bytes of a request's or an answer's head
inline constexpr std::size_t kLinkChunk = 16 * 1024;   // bytes of one read: a TLS record

// Names a request until it is answered.
struct RequestTag {
  LinkId connection = 0;
  std::uint64_t request = 0;
};

class LinkConnectionOwner {
 public:
  virtual ~LinkConnectionOwner() = default;
  virtual void on_failed_handshake(const Endpoint& from) = 0;  // failed after it had cost work
  virtual void on_member(LinkId id, const AgentId& agent) = 0;
  virtual void on_idle(LinkId id, bool idle) = 0;
  // Returns the status to answer with at once; nullopt: answer() will be called later.
  virtual std::optional<unsigned> on_request(const RequestTag& tag, WallTime certificate_end,
                                             CatalogueRequest request) = 0;
  // Counts the bytes of an answer in flight, until give_answer_bytes(). False: too many already.
  virtual bool take_answer_bytes(std::size_t bytes) = 0;
  virtual void give_answer_bytes(std::size_t bytes) = 0;
  virtual void on_closed(LinkId id) = 0;
};

class LinkConnection : public std::enable_shared_from_this<LinkConnection> {
 public:
  LinkConnection(LinkId id, boost::asio::ip::tcp::socket socket, const Endpoint& from,
                 std::shared_ptr<TlsContext> context, const LinkSettings& settings, LinkConnectionOwner& owner);

  void start(ClientCertificate certificate);
  void answer(std::uint64_t request, CatalogueResponse response);  // ignored once the request is over
  void close();
  [[nodiscard]] bool is_stranger() const { return !facts_; }
  [[nodiscard]] const std::optional<PeerFacts>& facts() const { return facts_; }

 private:
  enum class Phase { handshake, reading, handling, writing, draining, closed };
  using Parser = boost::beast::http::request_parser<boost::beast::http::vector_body<std::uint8_t>>;
  using Error = boost::system::error_code;

  void arm(Duration limit, void (LinkConnection::*expired)());
  void on_handshake(const Error& error);
  void begin_request();
  void read();
  void on_read(const Error& error, std::size_t size);
  void parse();
  void dispatch();
  void handler_is_late();
  void respond(CatalogueResponse response, bool last);
  void on_written(const Error& error);
  void finish();
  void drain(std::size_t size);
  void release_answer();

  const LinkId id_;
  const std::shared_ptr<TlsContext> context_;  // outlives the stream
  TlsStream stream_;
  boost::asio::steady_timer timer_;
  const Endpoint from_;
  const LinkSettings& settings_;
  LinkConnectionOwner& owner_;

  Phase phase_ = Phase::handshake;
  std::uint64_t armed_ = 0;  // counts deadlines set: only the latest one takes effect
  std::optional<PeerFacts> facts_;
  bool reading_ = false;  // a read is in flight
  bool idle_ = false;     // between requests, without a byte of the next
  std::array<std::byte, kLinkChunk> chunk_{};
  boost::beast::flat_buffer unread_;  // received, not parsed yet
  std::optional<Parser> parser_;
  std::uint64_t request_ = 0;
  std::string head_;  // the answer's head, with the first bytes of its body in the same TLS record
  CatalogueResponse response_;
  std::size_t answer_bytes_ = 0;
  bool last_ = false;  // the connection ends after this answer
  std::size_t drained_ = 0;
};

}  // namespace larder::peer
