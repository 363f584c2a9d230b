#include "peer/catalogue/catalogue_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/io/log.h"
#include "base/runtime/in_flight.h"
#include "peer/catalogue/catalogue_link_thread.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxWaiting = 128;  // requests that the loop has not begun to handle
constexpr std::size_t kMaxCalls = 1024;   // in flight
constexpr std::size_t kMaxTarget = 2048;  // bytes of path and query

using CallDone = UniqueFunction<void(Result<CatalogueResponse>)>;

Status check_call(const CatalogueCall& what) {
  const std::string doing = "ask the peer at " + what.to.text();
  const auto good = [](char letter) { return letter > ' ' && letter < 0x7f; };
  if (what.method != "GET" && what.method != "POST") {
    return fail(ErrorCode::invalid_argument, doing, "the catalogue knows GET and POST only");
  }
  if (!what.target.starts_with('/') || what.target.size() > kMaxTarget ||
      !std::all_of(what.target.begin(), what.target.end(), good)) {
    return fail(ErrorCode::invalid_argument, doing, "the path is not one of the catalogue's");
  }
  return {};
}

class LoopSide;

// Answers a request once; if it is destroyed uncalled, the answer is 500.
class Answer {
 public:
  Answer(std::weak_ptr<LoopSide> link, RequestTag tag) : link_(std::move(link)), tag_(tag) {}
  Answer(Answer&& other) noexcept : link_(std::exchange(other.link_, {})), tag_(other.tag_) {}
  Answer& operator=(Answer&&) = delete;
  ~Answer() { give({500, {}}); }
  void operator()(CatalogueResponse response) { give(std::move(response)); }

 private:
  void give(CatalogueResponse response);
  std::weak_ptr<LoopSide> link_;
  RequestTag tag_;
};

// The loop thread's side of the link, and the tasks that the link's thread posts to it. The posted tasks hold it; after
// end() they do nothing.
class LoopSide final : public LinkThreadEvents, public std::enable_shared_from_this<LoopSide> {
 public:
  explicit LoopSide(Runtime runtime) : runtime_(runtime) {}

  // ---- loop thread
  void begin(LinkThread& thread) { thread_ = &thread; }
  void end() {
    thread_ = nullptr;
    calls_.clear();
    handler_ = nullptr;
    refused_ = nullptr;
  }
  void set_handler(CatalogueHandler handler) { handler_ = std::move(handler); }
  void set_refused(std::function<bool(const AgentId&)> refused) { refused_ = std::move(refused); }
  CallId call(CatalogueCall what, CallDone done);
  void cancel(CallId call);
  void answer(const RequestTag& tag, CatalogueResponse response);

  // ---- the link's thread
  void on_member(LinkId connection, const AgentId& agent) override;
  bool on_request(const RequestTag& tag, WallTime certificate_end, CatalogueRequest request) override;
  void on_outcome(CallId call, const AgentId& agent, Result<CatalogueResponse> result) override;

 private:
  [[nodiscard]] bool is_refused(const AgentId& agent) const { return refused_ && refused_(agent); }
  void cut(LinkId connection);
  void handle(const RequestTag& tag, WallTime certificate_end, CatalogueRequest request);
  void deliver(CallId call, const AgentId& agent, Result<CatalogueResponse> result);
  void post_outcome(CallId call, Result<CatalogueResponse> result);

  Runtime runtime_;
  LinkThread* thread_ = nullptr;  // null: ended
  CatalogueHandler handler_;
  std::function<bool(const AgentId&)> refused_;
  std::map<CallId, CallDone> calls_;
  CallId last_call_ = 0;
  InFlight waiting_;
};

void Answer::give(CatalogueResponse response) {
  const auto link = std::exchange(link_, {}).lock();
  if (link) link->answer(tag_, std::move(response));
}

CallId LoopSide::call(CatalogueCall what, CallDone done) {
  const CallId id = ++last_call_;
  calls_.emplace(id, std::move(done));
  auto good = check_call(what);
  if (good && calls_.size() > kMaxCalls) {
    good = fail(ErrorCode::busy, "ask the peer at " + what.to.text(),
                fmt::format("{} questions to peers are under way already", kMaxCalls));
  }
  if (!good) {
    post_outcome(id, tl::unexpected<Error>(good.error()));
    return id;
  }
  thread_->post(
      [thread = thread_, id, what = std::move(what)]() mutable { thread->client().call(id, std::move(what)); });
  return id;
}

void LoopSide::cancel(CallId call) {
  if (calls_.erase(call) == 0 || thread_ == nullptr) return;
  thread_->post([thread = thread_, call] { thread->client().cancel(call); });
}

void LoopSide::answer(const RequestTag& tag, CatalogueResponse response) {
  if (thread_ == nullptr) return;
  thread_->post([thread = thread_, tag, response = std::move(response)]() mutable {
    thread->server().answer(tag, std::move(response));
  });
}

void LoopSide::cut(LinkId connection) {
  thread_->post([thread = thread_, connection] { thread->server().cut(connection); });
}

void LoopSide::on_member(LinkId connection, const AgentId& agent) {
  runtime_.executor.post([self = shared_from_this(), connection, agent] {
    if (self->thread_ != nullptr && self->is_refused(agent)) self->cut(connection);
  });
}

bool LoopSide::on_request(const RequestTag& tag, WallTime certificate_end, CatalogueRequest request) {
  if (waiting_.count() >= kMaxWaiting) return false;
  runtime_.executor.post([self = shared_from_this(), tag, certificate_end, request = std::move(request),
                          hold = waiting_.begin()]() mutable {
    hold.release();
    if (self->thread_ != nullptr) self->handle(tag, certificate_end, std::move(request));
  });
  return true;
}

void LoopSide::handle(const RequestTag& tag, WallTime certificate_end, CatalogueRequest request) {
  const bool expired = request.agent && runtime_.clock.wall() >= certificate_end;
  if (expired || (request.agent && is_refused(*request.agent))) {
    cut(tag.connection);
    return;
  }
  if (!handler_) {
    answer(tag, {503, {}});
    return;
  }
  const CatalogueHandler handler = handler_;  // a copy: the call may replace it, or destroy the link
  handler(std::move(request), Answer(weak_from_this(), tag));
}

void LoopSide::on_outcome(CallId call, const AgentId& agent, Result<CatalogueResponse> result) {
  runtime_.executor.post([self = shared_from_this(), call, agent, result = std::move(result)]() mutable {
    self->deliver(call, agent, std::move(result));
  });
}

void LoopSide::post_outcome(CallId call, Result<CatalogueResponse> result) {
  on_outcome(call, {}, std::move(result));
}

void LoopSide::deliver(CallId call, const AgentId& agent, Result<CatalogueResponse> result) {
  auto found = calls_.extract(call);
  if (found.empty()) return;  // cancelled, or the link has ended
  CallDone done = std::move(found.mapped());
  if (result && agent != AgentId{} && is_refused(agent)) {
    thread_->post([thread = thread_, agent] { thread->client().cut_agent(agent); });
    result = fail(ErrorCode::certificate_rejected, "ask agent " + agent_name(agent),
                  "it was revoked, or is not trusted any more");
  }
  done(std::move(result));
}

class CatalogueLinkImpl final : public CatalogueLink {
 public:
  CatalogueLinkImpl(const LinkSettings& settings, Runtime runtime)
      : loop_(std::make_shared<LoopSide>(runtime)), thread_(settings, settings.idle_timeout / 2, *loop_) {}
  ~CatalogueLinkImpl() override { loop_->end(); }

  Status start(const LinkCredentials& credentials) {
    if (auto listening = thread_.listen(); !listening) return listening;
    if (auto good = use(credentials); !good) return good;
    loop_->begin(thread_);
    thread_.run();
    return {};
  }

  [[nodiscard]] std::uint16_t port() const override { return thread_.port(); }

  void set_credentials(const LinkCredentials& credentials) override {
    const auto good = use(credentials);
    if (good) return;
    log::error("{}; nothing is asked of peers and nothing answered", good.error().text());
    hand_over(nullptr);
  }

  void set_handler(CatalogueHandler handler) override { loop_->set_handler(std::move(handler)); }
  void set_refused(std::function<bool(const AgentId&)> refused) override { loop_->set_refused(std::move(refused)); }
  void cut(const std::vector<AgentId>& agents) override {
    if (agents.empty()) return;
    thread_.post([this, agents] {
      for (const AgentId& agent : agents) {
        thread_.server().cut_agent(agent);
        thread_.client().cut_agent(agent);
      }
    });
  }
  void set_enrolling(bool open) override {
    thread_.post([this, open] { thread_.server().set_enrolling(open); });
  }
  CallId call(CatalogueCall what, CallDone done) override { return loop_->call(std::move(what), std::move(done)); }
  void cancel(CallId call) override { loop_->cancel(call); }
  void ask_thread(UniqueFunction<void()> answer) override { thread_.post(std::move(answer)); }
  void network_changed() override {
    thread_.post([this] { thread_.client().network_changed(); });
  }

 private:
  Status use(const LinkCredentials& credentials) {
    if (credentials.authority_pem == credentials_.authority_pem &&
        credentials.certificate_pem == credentials_.certificate_pem &&
        credentials.private_key_pem == credentials_.private_key_pem) {
      return {};
    }
    credentials_ = {};
    if (credentials.authority_pem.empty()) {  // without a group no connection is accepted or made
      hand_over(nullptr);
      return {};
    }
    auto context = make_tls_context(credentials);
    if (!context) return tl::unexpected<Error>(context.error());
    credentials_ = credentials;
    hand_over(std::move(*context));
    return {};
  }
  void hand_over(std::shared_ptr<TlsContext> context) {
    thread_.post([this, context = std::move(context)] {
      thread_.server().set_context(context);
      thread_.client().set_context(context);
    });
  }

  std::shared_ptr<LoopSide> loop_;
  LinkCredentials credentials_;
  LinkThread thread_;  // ends first: it posts to loop_
};

// The client of one enrolment. A timer of the loop owns it, so it ends with the loop at the latest.
struct Enrolment {
  explicit Enrolment(Runtime runtime)
      : loop(std::make_shared<LoopSide>(runtime)), thread(std::nullopt, std::chrono::seconds(1), *loop) {}
  ~Enrolment() { loop->end(); }
  Enrolment(const Enrolment&) = delete;
  Enrolment& operator=(const Enrolment&) = delete;
  std::shared_ptr<LoopSide> loop;
  LinkThread thread;
};

}  // namespace

Result<std::unique_ptr<CatalogueLink>> make_catalogue_link(const LinkSettings& settings,
                                                           const LinkCredentials& credentials, Runtime runtime) {
  auto link = std::make_unique<CatalogueLinkImpl>(settings, runtime);
  if (auto started = link->start(credentials); !started) return tl::unexpected<Error>(started.error());
  return link;
}

void enrol_call(const std::string& authority_pem, CatalogueCall what, Runtime runtime,
                UniqueFunction<void(Result<CatalogueResponse>)> done) {
  constexpr Duration kGrace = std::chrono::seconds(5);  // the call's own timeout always comes first
  auto context = make_tls_context({authority_pem, {}, {}});
  if (!context) {
    runtime.executor.post(
        [done = std::move(done), error = context.error()]() mutable { done(tl::unexpected<Error>(error)); });
    return;
  }
  auto enrolment = std::make_unique<Enrolment>(runtime);
  Enrolment& it = *enrolment;
  it.loop->begin(it.thread);
  it.thread.post([&it, context = std::move(*context)] { it.thread.client().set_context(context); });
  it.thread.run();
  const auto owner = std::make_shared<TimerId>(0);
  const Duration limit = what.timeout + kGrace;
  it.loop->call(std::move(what),
                [owner, &timers = runtime.timers, done = std::move(done)](Result<CatalogueResponse> result) mutable {
                  const TimerId ended = *owner;
                  Timers& all = timers;
                  done(std::move(result));
                  all.cancel(ended);
                });
  *owner = runtime.timers.after(limit, [enrolment = std::move(enrolment)] {});
}

}  // namespace larder::peer
