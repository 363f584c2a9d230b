// The handler of each route. Knows no sockets: a request in, one answer out, at once or later. Loop thread only. One
// .cpp for each resource: handlers.cpp (dispatch), job_handlers.cpp, upload_handlers.cpp, content_handlers.cpp,
// cache_handlers.cpp, group_handlers.cpp, status_handlers.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/api/events/event_hub.h"
#include "agent/api/handlers/api.h"
#include "agent/api/handlers/job_outcomes.h"
#include "agent/api/http/http_message.h"
#include "agent/api/http/router.h"

namespace larder::agent {

struct CreateRequest;

// A job as the answer. A client that watches from the event in Larder-Event on misses nothing that follows.
[[nodiscard]] ApiResponse job_response(int status, const Job& job, bool files, const EventHub& events);

class Handlers {
 public:
  Handlers(ApiServices services, Runtime runtime, std::function<ServerFigures()> server_figures);

  void handle(ApiRequest request, Responder respond);
  void on_job_event(const Event& event);  // an event of the jobs

 private:
  void dispatch(const RouteMatch& match, ApiRequest request, Responder respond);

  void list_jobs(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void show_job(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void create_job(const RouteMatch& match, ApiRequest request, Responder respond);
  void make_job(const RouteMatch& match, Caller who, Duration wait, CreateRequest create, Responder respond);
  void create_upload(const RouteMatch& match, ApiRequest request, Responder respond);
  void send_reply(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void answer_ended(const RouteMatch& match, Caller who, const std::string& id, Responder respond);
  void add_files(const RouteMatch& match, ApiRequest request, Responder respond);
  void change_job(const RouteMatch& match, ApiRequest request, Responder respond);
  void steer_job(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void give_verdict(const RouteMatch& match, ApiRequest request, Responder respond);
  void retarget(const RouteMatch& match, ApiRequest request, Responder respond);

  void send_content(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void pass_descriptor(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void pass_descriptors(const RouteMatch& match, ApiRequest request, Responder respond);

  void list_records(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void show_record(const RouteMatch& match, const ApiRequest& request, Responder respond);
  void remove_record(const RouteMatch& match, Responder respond);
  void remove_records(const RouteMatch& match, Responder respond);
  void pin_record(const RouteMatch& match, ApiRequest request, Responder respond);

  // Returns null, and has answered the request, if this agent has no group functions.
  GroupService* group_or_answer(Responder& respond);
  void show_group(const ApiRequest& request, Responder respond);
  void create_group(const ApiRequest& request, Responder respond);
  void invite(const ApiRequest& request, Responder respond);
  void join_group(const ApiRequest& request, Responder respond);
  void leave_group(const ApiRequest& request, Responder respond);
  void revoke_agent(const ApiRequest& request, Responder respond);

  void show_status(const ApiRequest& request, Responder respond);
  void show_metrics(Responder respond);
  void show_peers(Responder respond);
  void pardon_peer(const ApiRequest& request, Responder respond);
  void show_config(Responder respond);
  void reload(Responder respond);
  void watch_events(const RouteMatch& match, const ApiRequest& request, Responder respond);

  // Parses a small body at once and a large one on a worker; calls `then` with the value on the loop thread.
  template <class T>
  void parse(std::string body, Result<T> (*parser)(std::string_view), Responder respond,
             UniqueFunction<void(T, Responder)> then);

  ApiServices services_;
  Runtime runtime_;
  std::function<ServerFigures()> server_figures_;
  EventHub events_;
  JobOutcomes outcomes_;
  SteadyTime started_;
};

}  // namespace larder::agent
