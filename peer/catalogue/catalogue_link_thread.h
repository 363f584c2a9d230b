// The link's thread: server and client over an io_context of their own. Work is handed over by posting; results come
// back through LinkThreadEvents. Private to the link's sources, since it includes asio.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "peer/catalogue/catalogue_link_client.h"
#include "peer/catalogue/catalogue_link_server.h"

namespace larder::peer {

// Called on the link's thread.
class LinkThreadEvents : public LinkServerEvents, public LinkClientEvents {};

class LinkThread {
 public:
  // `events` outlives it. Without `settings` there is no server.
  LinkThread(const std::optional<LinkSettings>& settings, Duration idle_timeout, LinkThreadEvents& events);
  ~LinkThread();  // ends every connection and joins the thread, which does not block on others
  LinkThread(const LinkThread&) = delete;
  LinkThread& operator=(const LinkThread&) = delete;

  [[nodiscard]] Status listen();  // before run()
  [[nodiscard]] std::uint16_t port() const { return server_ ? server_->port() : 0; }
  void run();

  // Runs a task on the link's thread. May be called on any thread; the task is dropped once the thread has ended.
  template <class F>
  void post(F&& task) {
    boost::asio::post(io_, std::forward<F>(task));
  }
  // On the link's thread only.
  [[nodiscard]] LinkServer& server() { return *server_; }
  [[nodiscard]] LinkClient& client() { return client_; }

 private:
  void work();

  boost::asio::io_context io_{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> keep_running_;
  std::unique_ptr<LinkServer> server_;
  LinkClient client_;
  std::thread thread_;
};

}  // namespace larder::peer
