#include "agent/api/handlers/handlers.h"

#include <algorithm>
#include <array>

namespace larder::agent {
namespace {

// A page in a browser must not reach the loopback port under a host name of its own (DNS rebinding).
bool is_loopback_host(std::string_view host) {
  if (const auto colon = host.rfind(':');
      colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
    host = host.substr(0, colon);
  static constexpr std::array<std::string_view, 3> kNames = {"127.0.0.1", "localhost", "[::1]"};
  return std::find(kNames.begin(), kNames.end(), host) != kNames.end();
}

// Returns true if a page of another site made the request. A browser sends what any page asks it to send to this
// machine's ports, and says where the page is from: older ones by Origin alone, and not with every request. A page of
// the port itself and a typed address are allowed.
bool is_of_another_site(const ApiRequest& request) {
  const bool own = request.origin.empty() || request.origin == "http://" + request.host;
  const bool told = request.fetch_site.empty() || request.fetch_site == "none" || request.fetch_site == "same-origin";
  return !own || !told;
}

std::optional<Error> refused(const ApiRequest& request, const Route& route) {
  const std::string doing = "answer " + request.method + " " + std::string(route.path);
  if (!request.local && !is_loopback_host(request.host))
    return Error{ErrorCode::permission_denied, doing, "the Host header names another machine"};
  if (!request.local && is_of_another_site(request))
    return Error{ErrorCode::permission_denied, doing, "a page of another site asks"};
  if (!request.local && !route.loopback)
    return Error{ErrorCode::permission_denied, doing, "this port only shows figures; use the agent's socket"};
  if (route.admin && !request.caller.admin)
    return Error{ErrorCode::permission_denied, doing, "that needs root or a user named in api.admins"};
  return std::nullopt;
}

}  // namespace

Handlers::Handlers(ApiServices services, Runtime runtime, std::function<ServerFigures()> server_figures)
    : services_(std::move(services)),
      runtime_(runtime),
      server_figures_(std::move(server_figures)),
      events_(runtime.executor, runtime.timers, EventRing(EventRing::first_id_of_run(runtime.clock.wall()))),
      outcomes_(runtime.executor, runtime.timers),
      started_(runtime.clock.now()) {}

void Handlers::on_job_event(const Event& event) {
  events_.add(event);
  outcomes_.on_job_event(event);
}

void Handlers::handle(ApiRequest request, Responder respond) {
  const auto found = match_route(request.method, request.target);
  if (!found) return respond.fail(found.error());
  if (const auto* wrong = std::get_if<MethodNotAllowed>(&*found)) {
    ApiResponse response = error_response(
        {ErrorCode::invalid_argument, "answer " + request.method.substr(0, 32), "this path takes " + wrong->allow},
        405);
    response.headers.emplace_back("Allow", wrong->allow);
    return respond(std::move(response));
  }
  const auto& match = std::get<RouteMatch>(*found);
  if (const auto refusal = refused(request, *match.route)) return respond.fail(*refusal);
  dispatch(match, std::move(request), std::move(respond));
}

void Handlers::dispatch(const RouteMatch& match, ApiRequest request, Responder respond) {
  switch (match.route->id) {
    case RouteId::status:
      return show_status(request, std::move(respond));
    case RouteId::metrics:
      return show_metrics(std::move(respond));
    case RouteId::config:
      return show_config(std::move(respond));
    case RouteId::reload:
      return reload(std::move(respond));
    case RouteId::events:
      return watch_events(match, request, std::move(respond));
    case RouteId::jobs:
      return list_jobs(match, request, std::move(respond));
    case RouteId::job_create:
      return create_job(match, std::move(request), std::move(respond));
    case RouteId::upload_create:
      return create_upload(match, std::move(request), std::move(respond));
    case RouteId::job:
      return show_job(match, request, std::move(respond));
    case RouteId::job_change:
      return change_job(match, std::move(request), std::move(respond));
    case RouteId::job_files:
      return add_files(match, std::move(request), std::move(respond));
    case RouteId::job_resume:
    case RouteId::job_suspend:
    case RouteId::job_cancel:
    case RouteId::job_complete:
      return steer_job(match, request, std::move(respond));
    case RouteId::job_descriptors:
      return pass_descriptors(match, std::move(request), std::move(respond));
    case RouteId::file_verdict:
      return give_verdict(match, std::move(request), std::move(respond));
    case RouteId::file_retarget:
      return retarget(match, std::move(request), std::move(respond));
    case RouteId::file_content:
      return send_content(match, request, std::move(respond));
    case RouteId::file_reply:
      return send_reply(match, request, std::move(respond));
    case RouteId::file_descriptor:
      return pass_descriptor(match, request, std::move(respond));
    case RouteId::cache:
      return list_records(match, request, std::move(respond));
    case RouteId::cache_remove:
      return remove_records(match, std::move(respond));
    case RouteId::cache_record:
      return show_record(match, request, std::move(respond));
    case RouteId::cache_record_remove:
      return remove_record(match, std::move(respond));
    case RouteId::cache_pin:
      return pin_record(match, std::move(request), std::move(respond));
    case RouteId::group:
      return show_group(request, std::move(respond));
    case RouteId::group_create:
      return create_group(request, std::move(respond));
    case RouteId::group_invite:
      return invite(request, std::move(respond));
    case RouteId::group_join:
      return join_group(request, std::move(respond));
    case RouteId::group_leave:
      return leave_group(request, std::move(respond));
    case RouteId::group_revoke:
      return revoke_agent(request, std::move(respond));
    case RouteId::peer_pardon:
      return pardon_peer(request, std::move(respond));
    case RouteId::peers:
      return show_peers(std::move(respond));
  }
}

}  // namespace larder::agent
