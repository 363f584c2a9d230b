// The catalogue's server: listens, admits connections, keeps their registry and the agents' request rates. On the
// link's thread, except listen(); private to the link's sources.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <vector>

#include "peer/catalogue/catalogue_link_connection.h"
#include "peer/common/token_bucket.h"

namespace larder::peer {

class LinkServerEvents {
 public:
  virtual ~LinkServerEvents() = default;
  virtual void on_member(LinkId connection, const AgentId& agent) = 0;
  // Hands a request over. False: too many requests wait already. Otherwise answer() or cut() follows.
  virtual bool on_request(const RequestTag& tag, WallTime certificate_end, CatalogueRequest request) = 0;
};

class LinkServer final : private LinkConnectionOwner {
 public:
  LinkServer(boost::asio::io_context& io, LinkSettings settings, LinkServerEvents& events);
  ~LinkServer() override;

  // Opens the listening sockets, before the link's thread runs. Errors: connect_failed with the address and the cause;
  // invalid_argument for an address that is not numeric.
  [[nodiscard]] Status listen();
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void accept();

  void set_context(std::shared_ptr<TlsContext> context);  // null: no connection is accepted. Earlier ones end
  void set_enrolling(bool open);
  void answer(const RequestTag& tag, CatalogueResponse response);
  void cut(LinkId connection);
  void cut_agent(const AgentId& agent);
  void stop();

 private:
  struct Listener;
  void accept(Listener& listener);
  void on_accept(Listener& listener, const boost::system::error_code& error, boost::asio::ip::tcp::socket socket);
  void admit(boost::asio::ip::tcp::socket socket);
  [[nodiscard]] Status open(const boost::asio::ip::tcp::endpoint& endpoint, bool dual);
  [[nodiscard]] Status open_all(std::uint16_t port);
  void close_all();
  [[nodiscard]] bool may_ask(const CatalogueRequest& request);

  void on_failed_handshake(const Endpoint& from) override;
  void on_member(LinkId id, const AgentId& agent) override;
  void on_idle(LinkId id, bool idle) override;
  std::optional<unsigned> on_request(const RequestTag& tag, WallTime certificate_end,
                                     CatalogueRequest request) override;
  bool take_answer_bytes(std::size_t bytes) override;
  void give_answer_bytes(std::size_t bytes) override;
  void on_closed(LinkId id) override;

  boost::asio::io_context& io_;
  const LinkSettings settings_;
  LinkServerEvents& events_;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
  bool enrolling_ = false;
  std::shared_ptr<TlsContext> context_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  LinkAdmission admission_;
  std::map<LinkId, std::shared_ptr<LinkConnection>> connections_;
  LinkId last_id_ = 0;
  std::map<AgentId, TokenBucket> rates_;
  TokenBucket enrol_rate_;
  std::size_t answer_bytes_ = 0;
};

}  // namespace larder::peer
