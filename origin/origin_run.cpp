#include "origin/origin_run.h"

#include <fmt/format.h>

#include "base/io/log.h"
#include "origin/cache_evidence.h"
#include "origin/http/http_fields.h"
#include "origin/rules/probe_rules.h"
#include "origin/rules/request_rules.h"
#include "origin/rules/status_rules.h"
#include "origin/url/address.h"

namespace larder::origin {
namespace {

constexpr std::uint64_t kRedirectBody = 16 * 1024;  // read to keep the connection; larger ones are cut off

// Returns whether a GET must confirm this answer to a HEAD: it has no length, or fields that are often wrong for HEAD.
bool head_useless(const HttpHead& head) {
  if (head.find_field("content-encoding") != nullptr || head.find_field("transfer-encoding") != nullptr) return true;
  const auto length = content_length(head.headers);
  return !length || !*length || **length == 0;
}

}  // namespace

class OriginRequest::Exchange final : public HttpEvents {
 public:
  explicit Exchange(std::weak_ptr<OriginRequest> request) : run_(std::move(request)) {}
  void abandon() { run_.reset(); }

  void on_head(const HttpHead& head) override {
    if (const auto request = run_.lock()) request->on_head(head);
  }
  void on_data(Buffer bytes) override {
    if (const auto request = run_.lock()) request->on_data(std::move(bytes));
  }
  void on_done(Status status) override {
    if (const auto request = run_.lock()) request->on_done(std::move(status));
  }

 private:
  std::weak_ptr<OriginRequest> run_;
};

OriginRequest::OriginRequest(HttpClient& http, Clock& clock, RequestPlan plan, RequestListener& listener)
    : http_(http),
      clock_(clock),
      plan_(std::move(plan)),
      listener_(listener),
      options_(options_for(plan_.target.url, plan_.target.options)),
      step_(plan_.first_step),
      head_(plan_.probe && step_ == ProbeStep::head),
      no_cache_(plan_.no_cache || plan_.probe),
      rate_(plan_.max_rate) {}

void OriginRequest::start() {
  if (plan_.length && (*plan_.length == 0 || plan_.offset + *plan_.length < plan_.offset)) {
    return fail_with({ErrorCode::invalid_argument, {}, "the range is empty or beyond what can be counted"});
  }
  if (Status ok = check_connect_options(*options_); !ok) return fail_with(ok.error());
  if (plan_.target.policy) {
    if (Status ok = check_url(*plan_.target.policy, plan_.target.url); !ok) return fail_with(ok.error());
  }
  send_request(plan_.target.url);
}

void OriginRequest::stop() {
  finished_ = true;
  abandon_exchange();
}

void OriginRequest::consumed(std::size_t bytes) {
  if (http_id_ != 0) http_.consumed(http_id_, bytes);
}

void OriginRequest::set_rate(std::uint64_t bytes_per_second) {
  rate_ = bytes_per_second;
  if (http_id_ != 0) http_.set_rate(http_id_, bytes_per_second);
}

RequestShape OriginRequest::shape() const {
  RequestShape shape;
  shape.expected = plan_.expected ? &*plan_.expected : nullptr;
  shape.head = head_;
  shape.no_cache = no_cache_;
  shape.want_digest = !plan_.expected;
  if (suspicion_) return shape;
  if (plan_.probe) {
    shape.ranged = step_ == ProbeStep::first_byte;
    if (shape.ranged) shape.length = 1;
    return shape;
  }
  shape.offset = plan_.offset;
  shape.length = plan_.length;
  // A request for the whole goes without Range, so that servers and caches without ranges can answer it too.
  const bool whole =
      plan_.offset == 0 &&
      (!plan_.length || (plan_.expected && plan_.expected->size && *plan_.length == *plan_.expected->size));
  shape.ranged = !whole;
  return shape;
}

AnswerContext OriginRequest::context() const {
  AnswerContext context;
  context.url = plan_.target.url.canonical();
  context.effective_url = url_.canonical();
  context.request = request_facts(plan_.target);
  context.bytes_proven = plan_.target.bytes_proven;
  context.redirects_vary = redirects_vary_;
  context.private_host = private_host_;
  context.local_address = local_address_;
  context.now = clock_.wall();
  return context;
}

void OriginRequest::send_request(const Url& url) {
  url_ = url;
  received_ = 0;
  promised_.reset();
  accepted_ = false;
  HttpRequest request;
  request.url = url;
  request.head = head_;
  request.headers = request_headers(shape());
  const Url& asked = plan_.target.url;
  request.options = same_site(asked, url) ? options_ : options_for_stranger(*options_);
  request.policy = plan_.target.policy ? plan_.target.policy : std::make_shared<UrlPolicy>();
  // The caller may reach what it named itself. A URL that came from a host outside is checked as a redirect, even when
  // it names the same host again: the name may resolve to another address by now.
  request.redirected = hops_ > 0 && outside_;
  request.lane = plan_.target.lane;
  request.claim = plan_.target.claim;
  request.max_rate = rate_;
  const bool helps = head_ || (plan_.probe && step_ != ProbeStep::whole);
  if (helps) request.answer_within = kHelperPatience;
  exchange_ = std::make_shared<Exchange>(weak_from_this());
  http_id_ = http_.start(std::move(request), exchange_);
}

void OriginRequest::abandon_exchange() {
  if (exchange_) exchange_->abandon();
  exchange_.reset();
  if (http_id_ != 0) http_.cancel(std::exchange(http_id_, 0));
}

// Collects what each answer on the way says about sharing. Vary of a redirect counts, since another request could have
// been led elsewhere. Set-Cookie and no-store of a redirect do not count: they are not about the file.
void OriginRequest::note_hop(const HttpHead& head) {
  const std::string& address = head.address.empty() ? url_.host : head.address;
  outside_ = outside_ || host_scope(address) == AddressScope::global;
  local_address_ = local_address_ || is_local_address(address) || is_local_host(url_.host);
  const auto& policy = plan_.target.policy;
  private_host_ = private_host_ || (policy && matching_host(policy->sharing.private_hosts, url_.host) != nullptr);
  if (!is_redirect(head.status)) return;
  for (std::string& name : vary_names(head.headers)) redirects_vary_.push_back(std::move(name));
}

void OriginRequest::on_head(const HttpHead& head) {
  if (finished_) return;
  note_hop(head);
  if (is_redirect(head.status) && head.find_field("location") != nullptr) return redirect(head);
  if (plan_.probe) return answer_probe(head);
  if (suspicion_) return answer_confirmation(head);
  answer_fetch(head);
}

void OriginRequest::redirect(const HttpHead& head) {
  const auto locations = find_all(head.headers, "location");
  for (const std::string* other : locations) {
    if (*other != *locations.front()) {
      return request_failed({ErrorCode::bad_response, {}, "the origin redirects to two places at once"});
    }
  }
  if (trim(*locations.front()).empty())  // resolves to the same URL: a loop
    return request_failed({ErrorCode::bad_response, {}, "the origin redirects with an empty Location"});
  const UrlPolicy& policy = plan_.target.policy ? *plan_.target.policy : UrlPolicy{};
  if (++hops_ > policy.max_redirects) {
    return request_failed({ErrorCode::too_many_redirects,
                           {},
                           fmt::format("more than {} redirects, the last to {}", policy.max_redirects,
                                       log::redact_url(locations.front()->substr(0, 512)))});
  }
  Result<Url> to = resolve_reference(url_, *locations.front());
  if (!to) {
    const bool scheme = to.error().code == ErrorCode::forbidden_url;
    return request_failed({scheme ? ErrorCode::redirect_forbidden : ErrorCode::bad_response,
                           {},
                           "the origin redirects to a URL that cannot be used: " + to.error().detail});
  }
  to->user.clear();  // only the caller gives credentials
  to->password.clear();
  // Each hop is also checked against the URL asked for, so that a chain of redirects cannot lead where a single one may
  // not.
  for (const Url* from : {static_cast<const Url*>(&url_), &plan_.target.url}) {
    if (Status ok = check_redirect(policy, *from, *to, outside_); !ok) return request_failed(ok.error());
  }
  const auto length = content_length(head.headers);
  // With Transfer-Encoding libcurl and the origin may disagree on where the body ends: its rest must not be read as the
  // next answer on the connection.
  const bool plain = head.find_field("transfer-encoding") == nullptr;
  if (head_ || (plain && length && *length && **length <= kRedirectBody)) {
    next_ = *to;
    return;
  }
  follow_redirect(*to);
}

void OriginRequest::follow_redirect(const Url& url) {
  next_.reset();
  abandon_exchange();
  send_request(url);
}

// A useless HEAD teaches nothing about the host (no lesson): HEAD may work for its other files.
void OriginRequest::answer_probe(const HttpHead& head) {
  if (head_ && head.status == 200 && head_useless(head)) {
    abandon_exchange();
    take_step();
    return send_request(url_);
  }
  if (is_for_next_time(step_, head.status)) {
    lesson_ = ProbeLesson{ProbeStep::first_byte};
    return fail_with(status_error(head, clock_.wall()));
  }
  if (asks_plainer_after_status(step_, head.status)) return ask_plainer(false);
  const RequestShape sent = shape();
  Asked asked;
  asked.head = head_;
  asked.ranged = sent.ranged;
  asked.length = sent.length;
  const Result<Accepted> accepted = check_response(head, asked, context());
  if (!accepted) return request_failed(accepted.error());
  lesson_ = tried_;
  const auto keep = shared_from_this();
  abandon_exchange();
  listener_.on_edition(accepted->edition, 0);
  finish_request({});
}

void OriginRequest::take_step() {
  step_ = step_ == ProbeStep::head ? ProbeStep::first_byte : ProbeStep::whole;
  head_ = false;
}

// Starts again at the URL asked for, since the redirects may have depended on the request that failed. `broke`: no
// answer came, which is a lesson about the host; a refusal may be about this file only.
void OriginRequest::ask_plainer(bool broke) {
  if (step_ == ProbeStep::head) tried_.host = ProbeStep::first_byte;
  if (step_ == ProbeStep::first_byte) (broke ? tried_.host : tried_.url) = ProbeStep::whole;
  take_step();
  hops_ = 0;
  next_.reset();
  abandon_exchange();
  send_request(plan_.target.url);
}

// The failure of a helper request does not fail the download as long as a plainer request is left to try.
void OriginRequest::request_failed(const Error& error) {
  if (!plan_.probe || !asks_plainer_after(step_, error.code)) return fail_with(error);
  log::debug("asked in a plainer way url={}: {}", log::redact_url(url_.canonical()), error.text());
  ask_plainer(error.code == ErrorCode::no_progress || error.code == ErrorCode::connection_lost);
}

void OriginRequest::answer_fetch(const HttpHead& head) {
  const RequestShape sent = shape();
  Asked asked;
  asked.expected = sent.expected;
  asked.ranged = sent.ranged;
  asked.offset = sent.offset;
  asked.length = sent.length;
  Result<Accepted> accepted = check_response(head, asked, context());
  if (!accepted) {
    if (accepted.error().code == ErrorCode::version_changed) return version_differs(head, accepted.error());
    return fail_with(accepted.error());
  }
  accepted_ = true;
  promised_ = accepted->length;
  const auto keep = shared_from_this();
  listener_.on_edition(accepted->edition, accepted->offset);
}

// Finds out whether the other edition is the origin's, or an old one of a cache on the way. A cache that names itself
// and may have answered by itself is asked to revalidate, once. If the answer is another edition again, a HEAD asks the
// origin: if it has the expected edition, the cache is stale, else the edition has changed.
void OriginRequest::version_differs(const HttpHead& head, Error error) {
  const CacheEvidence evidence = cache_evidence(head);
  if (evidence.name.empty() || evidence.answered == CacheEvidence::Answered::by_origin) return fail_with(error);
  if (no_cache_) {
    suspicion_ = error;
    suspicion_->code = ErrorCode::stale_proxy;
    suspicion_->detail = fmt::format("{} keeps answering with another edition, even when asked to revalidate: {}",
                                     evidence.name, error.detail);
    head_ = true;
  }
  no_cache_ = true;
  hops_ = 0;
  abandon_exchange();
  send_request(plan_.target.url);
}

void OriginRequest::answer_confirmation(const HttpHead& head) {
  Error error = *suspicion_;
  const auto length = content_length(head.headers);
  const bool answered = head.status == 200 && length;
  const Comparison now =
      answered ? compare_edition(*plan_.expected, head, *length, clock_.wall()) : Comparison{"no answer", false};
  if (now.difference || !now.confirmed) error.code = ErrorCode::version_changed;
  fail_with(error);
}

void OriginRequest::on_data(Buffer bytes) {
  if (finished_) return;
  if (!accepted_) return consumed(bytes.size());  // the body of a redirect
  received_ += bytes.size();
  if (promised_ && received_ > *promised_) {
    return fail_with({ErrorCode::bad_response,
                      {},
                      fmt::format("the origin sends more than the {} bytes that it promised", *promised_)});
  }
  const auto keep = shared_from_this();
  listener_.on_data(std::move(bytes));
}

void OriginRequest::on_done(Status status) {
  if (finished_) return;
  http_id_ = 0;
  if (next_) return follow_redirect(Url(*next_));  // also when the body of the redirect failed
  if (!status && suspicion_) suspicion_->code = ErrorCode::version_changed;
  if (suspicion_) return fail_with(*suspicion_);
  if (!status) return request_failed(status.error());
  if (promised_ && received_ < *promised_) {
    return fail_with(
        {ErrorCode::connection_lost, {}, fmt::format("the origin ended after {} of {} bytes", received_, *promised_)});
  }
  if (!accepted_) return request_failed({ErrorCode::bad_response, {}, "the origin ended without an answer"});
  finish_request({});
}

void OriginRequest::fail_with(Error error) {
  error.doing = fmt::format("{} {}", plan_.probe ? "probe" : "fetch", log::redact_url(plan_.target.url.canonical()));
  if (hops_ > 0 && url_.host != plan_.target.url.host) {
    error.detail += fmt::format(" (redirected to {})", log::redact_url(url_.canonical()));
  }
  finish_request(tl::unexpected(std::move(error)));
}

void OriginRequest::finish_request(Status status) {
  const auto keep = shared_from_this();
  if (finished_) return;
  finished_ = true;
  abandon_exchange();
  listener_.on_finish(std::move(status));
}

}  // namespace larder::origin
