#include <unistd.h>

#include <charconv>

#include "agent/api/handlers/handlers.h"
#include "agent/api/handlers/metrics.h"
#include "agent/api/json/group_json.h"
#include "agent/api/json/peers_json.h"
#include "agent/api/json/view_json.h"
#include "agent/config/environment_authorities.h"
#include "cache/cache.h"

namespace larder::agent {
namespace {

std::optional<std::uint64_t> event_id(const std::string& text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  // The id after this one must be a number too.
  if (error != std::errc{} || end != text.data() + text.size() || id == UINT64_MAX) return std::nullopt;
  return id;
}

}  // namespace

void Handlers::show_status(const ApiRequest& request, Responder respond) {
  const auto config = services_.config();
  StatusFacts facts;
  facts.version = services_.version;
  facts.pid = static_cast<int>(::getpid());
  facts.uptime = runtime_.clock.now() - started_;
  facts.state_directory = config->state_directory;
  facts.user = ::geteuid();
  facts.totals = services_.jobs.totals();
  for (const Hook& hook : config->hooks) facts.hooks.push_back(hook.name);
  for (const NotifyCommand& command : config->notify_commands) facts.notify_commands.push_back(command.name);
  if (request.local) facts.caller = request.caller;
  facts.ca_of_environment = config->ca_of_environment;
  if (facts.caller && !config->ca_certificates.empty())
    facts.ca_fingerprint = authorities_fingerprint(config->ca_certificates);
  services_.cache.figures(
      [facts = std::move(facts), respond = std::move(respond)](Result<cache::CacheFigures> figures) mutable {
        if (!figures) return respond.fail(figures.error());
        facts.cache = *figures;
        respond(json_response(200, status_view(facts)));
      });
}

void Handlers::show_metrics(Responder respond) {
  MetricsFacts facts;
  facts.totals = services_.jobs.totals();
  facts.server = server_figures_();
  facts.version = services_.version;
  facts.uptime = runtime_.clock.now() - started_;
  facts.resident_bytes = process_memory();
  if (services_.peers != nullptr) add_sharing(services_.peers->sharing_facts(), facts);
  if (services_.threads) facts.threads = services_.threads();
  services_.cache.figures(
      [facts = std::move(facts), respond = std::move(respond)](Result<cache::CacheFigures> figures) mutable {
        if (!figures) return respond.fail(figures.error());
        facts.cache = *figures;
        ApiResponse response = json_response(200, render_metrics(facts));
        response.content_type = kMetricsType;
        respond(std::move(response));
      });
}

void Handlers::pardon_peer(const ApiRequest& request, Responder respond) {
  const auto agent = parse_group_revoke(request.body);
  if (!agent) return respond.fail(agent.error());
  if (services_.peers == nullptr) {
    return respond.fail({ErrorCode::invalid_state, "pardon agent " + *agent, "this agent has no part for peers"});
  }
  const auto answer = services_.peers->pardon(*agent);
  if (!answer) return respond.fail(answer.error());
  respond(json_response(200, pardoned_view(*answer)));
}

void Handlers::show_peers(Responder respond) {
  respond(
      json_response(200, peers_view(services_.peers == nullptr ? SharingFacts{} : services_.peers->sharing_facts())));
}

void Handlers::show_config(Responder respond) {
  respond(json_response(200, config_view(*services_.config())));
}

void Handlers::reload(Responder respond) {
  services_.reload([respond = std::move(respond)](Status done) mutable {
    if (!done) return respond.fail(done.error());
    respond(json_response(204, ""));
  });
}

void Handlers::watch_events(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  EventFilter filter;
  if (!request.caller.admin) filter.owner = request.caller.uid;
  if (const auto id = match.asked("job")) {
    if (const auto job = services_.jobs.find_job(request.caller, *id); !job) return respond.fail(job.error());
    filter.job = *id;
  }
  if (const auto files = match.asked("files")) {
    if (*files != "brief")
      return respond.fail({ErrorCode::invalid_argument, "watch events", "\"files\" can only be \"brief\""});
    filter.brief = true;
  }
  // A reconnecting client sends the last id that it saw, which is newer than `after` in its URL.
  const std::string asked = request.last_event_id.empty() ? match.asked("after").value_or("") : request.last_event_id;
  const auto after = event_id(asked);
  if (!asked.empty() && !after)
    return respond.fail({ErrorCode::invalid_argument, "watch events", "\"after\" must be the id of an event"});
  ApiResponse response;
  response.content_type = "text/event-stream";
  if (request.method != "HEAD") response.stream = events_.watch(std::move(filter), after);
  respond(std::move(response));
}

}  // namespace larder::agent
