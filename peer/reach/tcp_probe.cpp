#include "peer/reach/tcp_probe.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <set>
#include <utility>

#include "peer/catalogue/catalogue_link_tls.h"

namespace larder::peer {
namespace {

using boost::asio::ip::tcp;

}  // namespace

struct TcpProbe::Parts : std::enable_shared_from_this<TcpProbe::Parts> {
  struct Try {
    Try(boost::asio::io_context& io, Done d) : socket(io), done(std::move(d)) {}
    tcp::socket socket;
    Done done;
    TimerId timer = 0;
  };
  explicit Parts(Loop& l) : loop(l) {}

  void connect(const Endpoint& to, Done done) {
    auto one = std::make_shared<Try>(loop.context(), std::move(done));
    tries.insert(one);
    one->timer = loop.after(kLimit, [weak = weak_from_this(), one] {
      one->timer = 0;
      if (const auto self = weak.lock()) self->end(one, "no answer within 3 s");
    });
    one->socket.async_connect(from_endpoint(to),
                              [weak = weak_from_this(), one](const boost::system::error_code& error) {
                                if (const auto self = weak.lock()) self->end(one, error ? error.message() : "");
                              });
  }

  void end(const std::shared_ptr<Try>& one, const std::string& reason) {
    if (tries.erase(one) == 0) return;
    loop.cancel(std::exchange(one->timer, 0));
    boost::system::error_code ignored;
    one->socket.close(ignored);
    auto done = std::move(one->done);
    done(reason);
  }

  void end_all() {
    for (const auto& one : std::exchange(tries, {})) {
      loop.cancel(std::exchange(one->timer, 0));
      boost::system::error_code ignored;
      one->socket.close(ignored);
    }
  }

  Loop& loop;
  std::set<std::shared_ptr<Try>> tries;
};

TcpProbe::TcpProbe(Loop& loop) : parts_(std::make_shared<Parts>(loop)) {}

TcpProbe::~TcpProbe() {
  parts_->end_all();
}

void TcpProbe::connect(const Endpoint& to, Done done) {
  parts_->connect(to, std::move(done));
}

}  // namespace larder::peer
