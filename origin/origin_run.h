// One probe or fetch of Origin: its requests one after another (redirects, the GET after a useless HEAD, the repeated
// request past a stale cache) and the checks on each answer. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cache/record/version.h"
#include "origin/http/http_client.h"
#include "origin/origin.h"
#include "origin/rules/edition.h"
#include "origin/rules/helper_memory.h"
#include "origin/rules/request_rules.h"
#include "origin/rules/response_check.h"

namespace larder::origin {

// Receives the events of a request: one on_finish, last. After on_finish or stop() nothing follows. An event may stop
// the request, or drop its last reference.
class RequestListener {
 public:
  virtual ~RequestListener() = default;
  virtual void on_edition(const Edition& edition, std::uint64_t offset) = 0;
  virtual void on_data(Buffer bytes) = 0;
  virtual void on_finish(Status status) = 0;
};

struct RequestPlan {
  Target target;
  bool probe = false;
  ProbeStep first_step = ProbeStep::head;  // of a probe
  std::optional<cache::Version> expected;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  bool no_cache = false;
  std::uint64_t max_rate = 0;
};

class OriginRequest : public std::enable_shared_from_this<OriginRequest> {
 public:
  OriginRequest(HttpClient& http, Clock& clock, RequestPlan plan, RequestListener& listener);

  void start();  // may finish within the call
  void stop();   // no event follows
  void consumed(std::size_t bytes);
  void set_rate(std::uint64_t bytes_per_second);
  // Returns, after a probe has finished, how the next probes should begin.
  [[nodiscard]] const ProbeLesson& lesson() const { return lesson_; }

 private:
  class Exchange;  // HttpEvents of one request; events of an abandoned request are dropped

  void send_request(const Url& url);
  void abandon_exchange();
  [[nodiscard]] RequestShape shape() const;
  [[nodiscard]] AnswerContext context() const;
  void note_hop(const HttpHead& head);

  void on_head(const HttpHead& head);
  void on_data(Buffer bytes);
  void on_done(Status status);

  void redirect(const HttpHead& head);
  void follow_redirect(const Url& url);
  void answer_probe(const HttpHead& head);
  void take_step();
  void ask_plainer(bool broke);
  void request_failed(const Error& error);
  void answer_fetch(const HttpHead& head);
  void version_differs(const HttpHead& head, Error error);
  void answer_confirmation(const HttpHead& head);
  void finish_request(Status status);
  void fail_with(Error error);

  HttpClient& http_;
  Clock& clock_;
  const RequestPlan plan_;
  RequestListener& listener_;

  std::shared_ptr<const ConnectOptions> options_;  // for the site asked for
  Url url_;                                        // of the current request
  ProbeStep step_ = ProbeStep::head;               // of a probe
  bool head_ = false;                              // the current request is a HEAD
  ProbeLesson tried_;                              // becomes the lesson if the plainer request works
  ProbeLesson lesson_;
  bool no_cache_ = false;
  std::optional<Error> suspicion_;  // a cache answers with another edition; a HEAD asks the origin itself
  unsigned hops_ = 0;
  // Facts about the hosts and redirects so far that decide with whom the answer may be shared.
  std::vector<std::string> redirects_vary_;
  bool private_host_ = false;
  bool local_address_ = false;
  bool outside_ = false;     // a host on the way answered from a public address
  std::optional<Url> next_;  // target of a redirect, while its body is read so that the connection can be used again
  std::uint64_t rate_ = 0;

  std::shared_ptr<Exchange> exchange_;
  HttpId http_id_ = 0;
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> promised_;  // bytes of the body, by the head
  bool accepted_ = false;
  bool finished_ = false;
};

}  // namespace larder::origin
