#include "peer/catalogue/catalogue_link_thread.h"

#include <pthread.h>

#include <exception>

#include "base/io/log.h"

namespace larder::peer {

LinkThread::LinkThread(const std::optional<LinkSettings>& settings, Duration idle_timeout, LinkThreadEvents& events)
    : keep_running_(io_.get_executor()),
      server_(settings ? std::make_unique<LinkServer>(io_, *settings, events) : nullptr),
      client_(io_, idle_timeout, events) {
  if (!settings || settings->listen.size() != 1) return;
  const auto only = parse_endpoint(settings->listen.front() + ":0");
  if (only && only->is_v4() && only->host().starts_with("127.")) client_.set_loopback_source(*only);
}

LinkThread::~LinkThread() {
  if (!thread_.joinable()) return;
  post([this] {
    if (server_) server_->stop();
    client_.stop();
    keep_running_.reset();  // run() returns after the handler of the last cancelled operation
  });
  thread_.join();
}

Status LinkThread::listen() {
  return server_ ? server_->listen() : Status();
}

void LinkThread::run() {
  if (server_) server_->accept();
  thread_ = std::thread([this] { work(); });
}

void LinkThread::work() {
  pthread_setname_np(pthread_self(), "larder-link");
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception& error) {
      // No memory or TLS object for one connection. The others go on, and the deadlines end that one.
      log::error("a connection of the catalogue failed cause=\"{}\"", error.what());
    }
  }
}

}  // namespace larder::peer
