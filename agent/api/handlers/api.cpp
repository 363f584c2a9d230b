#include "agent/api/handlers/api.h"

#include <charconv>

#include "agent/api/handlers/handlers.h"

namespace larder::agent {

struct Api::Parts {
  Parts(Loop& loop, ServerSettings settings, ApiServices services)
      : random(make_system_random()),
        jobs(services.jobs),
        handlers(services, Runtime{loop, loop, loop, *random}, [this] { return server.figures(); }),
        server(loop, std::move(settings), services.caller_of, [this](ApiRequest request, Responder respond) {
          handlers.handle(std::move(request), std::move(respond));
        }) {
    jobs.set_listener([this](const Event& event) { handlers.on_job_event(event); });
  }
  ~Parts() {
    jobs.set_listener([](const Event&) {});
  }

  std::unique_ptr<Random> random;
  JobService& jobs;
  Handlers handlers;
  ApiServer server;  // last: its connections are destroyed first
};

Api::Api(Loop& loop, ServerSettings settings, ApiServices services)
    : parts_(std::make_unique<Parts>(loop, std::move(settings), std::move(services))) {}

Api::~Api() = default;

Status Api::start() {
  return parts_->server.start();
}

void Api::stop() {
  parts_->server.stop();
}

ApiActivity Api::activity() const {
  const ServerFigures figures = parts_->server.figures();
  return {figures.connections, figures.last_request};
}

std::uint16_t Api::http_port() const {
  return parts_->server.http_port();
}

ServerSettings server_settings(const Config& config) {
  ServerSettings settings;
  settings.socket_path = config.runtime_directory + "/api.sock";
  unsigned mode = 0666;
  std::from_chars(config.socket_mode.data(), config.socket_mode.data() + config.socket_mode.size(), mode, 8);
  settings.socket_mode = static_cast<mode_t>(mode);
  if (config.http_port != 0) settings.http_port = config.http_port;
  return settings;
}

}  // namespace larder::agent
