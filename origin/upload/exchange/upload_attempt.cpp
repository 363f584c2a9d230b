#include "origin/upload/exchange/upload_attempt.h"

#include <utility>

#include "base/error_table.h"
#include "origin/rules/request_rules.h"
#include "origin/upload/dialect_steps.h"
#include "origin/upload/exchange/reply_file.h"
#include "origin/url/address.h"

namespace larder::origin {
namespace {

bool has_begun(const UploadProgress& progress) {
  return progress.creations > 0 || progress.sent > 0 || progress.last_byte_sent || !progress.url.empty();
}

// A wait ends the attempt with the error that is waited out; whoever started it starts it again after that time.
Error error_of_wait(const UploadStep& step) {
  Error error = step.error
                    ? *step.error
                    : Error{ErrorCode::http_transient, "upload the file", "the server asks to wait", std::nullopt};
  if (!error_info(error.code).retryable) error.code = ErrorCode::http_transient;
  error.retry_after = std::chrono::ceil<std::chrono::seconds>(step.wait);
  return error;
}

// RFC 3986, section 2.3: what is not encoded in any part of a URL.
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string as_segment(std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string segment;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    segment += is_unreserved(c) ? std::string(1, c) : std::string{'%', kHex[byte >> 4U], kHex[byte & 15U]};
  }
  return segment;
}

}  // namespace

UploadAttempt::UploadAttempt(AttemptParts parts, UploadJob job, Aim aim, std::shared_ptr<UploadEvents> events,
                             UniqueFunction<void()> over)
    : parts_(parts), job_(std::move(job)), aim_(aim), events_(std::move(events)), on_over_(std::move(over)) {
  if (!job_.options) job_.options = std::make_shared<const ConnectOptions>();
  if (!job_.plan.policy) job_.plan.policy = std::make_shared<const UrlPolicy>();
  remembers_ = !job_.options->callers_proxy && !job_.options->callers_authorities;
  figures_.acknowledged = job_.progress.offset;
  figures_.sent = job_.progress.sent;
  if (aim_ == Aim::upload) reader_.emplace(job_.source, job_.identity, job_.source_name, parts_.runtime, parts_.disk);
}

UploadTurn UploadAttempt::turn() {
  return {job_.plan, job_.progress, parts_.runtime.clock.wall(), parts_.runtime.random};
}

void UploadAttempt::start() {
  parts_.runtime.executor.post(guard([](UploadAttempt& self) { self.begin(); }));
}

void UploadAttempt::stop() {
  over_ = true;
  if (sender_) sender_->stop();
  if (reply_id_ != 0) parts_.http.cancel(std::exchange(reply_id_, 0));
}

void UploadAttempt::set_rate(std::uint64_t bytes_per_second) {
  job_.max_rate = bytes_per_second;
  if (sender_) sender_->set_rate(bytes_per_second);
}

// The source is looked at before anything is asked of the server: an empty read checks its identity alone.
void UploadAttempt::begin() {
  if (aim_ == Aim::cancel) return begin_cancelling();
  reader_->read({}, guard([](UploadAttempt& self, const Result<Buffer>& read) {
                  if (!read) return self.finish(tl::unexpected(read.error()));
                  self.choose_place();
                }));
}

// Whether a tus server ends uploads when it is asked to is no part of what a job stores, but of what its place says.
void UploadAttempt::begin_cancelling() {
  const bool unsaid =
      job_.plan.dialect == UploadDialect::tus && !job_.progress.url.empty() && !job_.plan.tus.termination;
  if (unsaid) return choose_place();
  name_file();
  take_step(cancel_upload(turn()));
}

// By PUT and BITS a file goes to an URL of its own: where a place was given the file's name is added, else two files
// would replace each other there.
void UploadAttempt::name_file() {
  std::string& path = job_.plan.target.path;
  if (job_.plan.dialect != UploadDialect::tus && path.ends_with('/')) path += as_segment(job_.plan.name);
}

// An upload that has begun keeps its dialect; what the server can do is asked for again after a restart.
void UploadAttempt::choose_place() {
  const bool begun = has_begun(job_.progress);
  job_.plan.large_put = job_.plan.large_put || begun;  // whether it may be was asked when it began
  if (begun && job_.plan.dialect != UploadDialect::tus) {
    name_file();
    return take_step(start_upload(turn()));
  }
  if (const auto place = place_as_wished(job_.wish)) return use_place(*place);
  const auto known = parts_.memory.recall(job_.plan.target, parts_.runtime.clock.now());
  if (known && (!begun || known->dialect == job_.plan.dialect)) return use_place(*known);
  DiscoveryStep step;
  step.kind = DiscoveryStep::Kind::ask_again;
  step.request = discovery_request(job_.plan.target);
  ask_place(step, job_.plan.target);
}

void UploadAttempt::ask_place(const DiscoveryStep& step, Url asked) {
  send_request(step.request, guard([asked = std::move(asked)](UploadAttempt& self, const UploadAnswer& answer) {
                 self.on_place(asked, answer);
               }));
}

void UploadAttempt::on_place(const Url& asked, const UploadAnswer& answer) {
  const DiscoveryStep step = after_discovery(turn(), asked, answer);
  switch (step.kind) {
    case DiscoveryStep::Kind::found:
      if (remembers_) parts_.memory.remember(job_.plan.target, step.place, parts_.runtime.clock.now());
      return use_place(step.place);
    case DiscoveryStep::Kind::failed:
      return finish(tl::unexpected(*step.error));
    case DiscoveryStep::Kind::ask_again:
      break;
  }
  if (step.wait > Duration::zero()) {
    UploadStep waits;
    waits.wait = step.wait;
    waits.error = step.error;
    return finish(tl::unexpected(error_of_wait(waits)));
  }
  ask_place(step, step.request.url);
}

void UploadAttempt::use_place(const DiscoveredPlace& place) {
  if (has_begun(job_.progress)) {
    if (place.dialect == job_.plan.dialect) job_.plan.tus = place.tus;
  } else if (Status ok = choose_dialect(place, job_.wish, job_.plan); !ok) {
    return finish(tl::unexpected(ok.error()));
  }
  name_file();
  take_step(aim_ == Aim::cancel ? cancel_upload(turn()) : start_upload(turn()));
}

void UploadAttempt::take_step(UploadStep step) {
  if (step.forget_discovery) parts_.memory.forget(job_.plan.target);
  figures_.acknowledged = job_.progress.offset;
  switch (step.kind) {
    case UploadStep::Kind::send:
      return store_and_send(std::move(step));
    case UploadStep::Kind::fetch_reply:
      return fetch_reply(step.reply_url);
    case UploadStep::Kind::done:
      figures_.acknowledged = job_.plan.size;
      tell_progress();
      return finish(step.result);
    case UploadStep::Kind::failed:
      break;
  }
  // The progress is stored all the same: a person may want the upload to go on from here.
  const Error error = *step.error;
  events_->on_step(job_.progress, job_.plan.dialect,
                   guard([error](UploadAttempt& self) { self.finish(tl::unexpected(error)); }));
}

void UploadAttempt::store_and_send(UploadStep step) {
  const bool ends = step.wait > kShortWait;
  if (ends) take_back_last_byte(job_.progress);  // of the request that this attempt does not send any more
  tell_progress();
  if (over_) return;
  events_->on_step(job_.progress, job_.plan.dialect, guard([step = std::move(step), ends](UploadAttempt& self) {
                     if (ends) return self.finish(tl::unexpected(error_of_wait(step)));
                     if (step.wait <= Duration::zero()) return self.send_step_request(step.request);
                     self.parts_.runtime.timers.after(
                         step.wait,
                         self.guard([request = step.request](UploadAttempt& me) { me.send_step_request(request); }));
                   }));
}

void UploadAttempt::send_step_request(const UploadRequest& request) {
  send_request(request, guard([](UploadAttempt& self, const UploadAnswer& answer) {
                 self.take_step(after_answer(self.turn(), answer));
               }));
}

HttpRequest UploadAttempt::request_head(const UploadRequest& request) const {
  HttpRequest head;
  head.options = same_site(job_.plan.target, request.url) ? job_.options : options_for_stranger(*job_.options);
  head.policy = job_.plan.policy;
  head.lane = job_.lane;
  head.claim = job_.claim;
  head.redirected = request.redirected && outside_;
  head.max_rate = job_.max_rate;
  return head;
}

void UploadAttempt::send_request(const UploadRequest& request, UniqueFunction<void(UploadAnswer)> then) {
  asked_ = request.url;
  sent_before_ = job_.progress.sent;
  RequestSender::Listener listener;
  listener.on_sent = guard([](UploadAttempt& self, std::uint64_t sent) { self.note_sent(sent); });
  listener.on_head = guard([](UploadAttempt& self, const HttpHead& head) { self.note_head(head); });
  listener.on_answer = guard([then = std::move(then)](UploadAttempt& self, Result<UploadAnswer> answer) mutable {
    self.sender_.reset();
    if (!answer) return self.finish(tl::unexpected(answer.error()));
    if (answer->head.status != 0) answer->outside = self.outside_;
    then(std::move(*answer));
  });
  sender_ = std::make_shared<RequestSender>(parts_.http, reader_ ? &*reader_ : nullptr, request_head(request), request,
                                            job_.plan.size, std::move(listener));
  const auto sender = sender_;  // its start may end the attempt
  sender->start();
}

void UploadAttempt::note_head(const HttpHead& head) {
  const std::string& address = head.address.empty() ? asked_.host : head.address;
  outside_ = outside_ || host_scope(address) == AddressScope::global;
  if (std::exchange(connected_, true)) return;
  events_->on_connected();
}

void UploadAttempt::note_sent(std::uint64_t sent) {
  figures_.under_way = sent;
  figures_.sent = sent_before_ + sent;
  figures_.sent_all = sent > 0 && job_.progress.offset + sent >= job_.plan.size;
  const SteadyTime now = parts_.runtime.clock.now();
  if (figures_.sent_all || !told_at_ || now - *told_at_ >= kProgressInterval) {
    told_at_ = now;
    events_->on_progress(figures_);
  }
}

void UploadAttempt::tell_progress() {
  figures_.under_way = 0;
  figures_.sent = job_.progress.sent;
  figures_.sent_all = job_.progress.phase == UploadPhase::close || job_.progress.phase == UploadPhase::settle;
  told_at_ = parts_.runtime.clock.now();
  events_->on_progress(figures_);
}

// Collects a body up to a bound; the reply of an application is small.
class ReplyCollector final : public HttpEvents {
 public:
  ReplyCollector(std::size_t most, UniqueFunction<void(std::size_t)> consumed,
                 UniqueFunction<void(Result<std::string>)> done)
      : most_(most), consumed_(std::move(consumed)), done_(std::move(done)) {}

  void on_head(const HttpHead& head) override { status_ = head.status; }
  void on_data(Buffer bytes) override {
    if (reply_.size() + bytes.size() > most_) {
      return done_(
          fail(ErrorCode::too_large, "fetch the reply", "it has more than " + std::to_string(most_) + " bytes"));
    }
    reply_.append(reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size());
    consumed_(bytes.size());
  }
  void on_done(Status status) override {
    if (!status) return done_(tl::unexpected(status.error()));
    if (status_ < 200 || status_ >= 300)
      return done_(fail(status_ >= 500 ? ErrorCode::http_transient : ErrorCode::http_fatal, "fetch the reply",
                        "the server answers " + std::to_string(status_)));
    done_(std::move(reply_));
  }

 private:
  const std::size_t most_;
  UniqueFunction<void(std::size_t)> consumed_;
  UniqueFunction<void(Result<std::string>)> done_;
  int status_ = 0;
  std::string reply_;
};

void UploadAttempt::fetch_reply(const std::string& url) {
  Result<Url> place = parse_found_url(url);
  if (!place) return finish(tl::unexpected(place.error()));
  UploadRequest request;
  request.url = *place;
  request.redirected = !same_site(job_.plan.target, *place);
  HttpRequest head = request_head(request);
  head.url = *place;
  reply_ = std::make_shared<ReplyCollector>(kMaxReply, guard([](UploadAttempt& self, std::size_t bytes) {
                                              self.parts_.http.consumed(self.reply_id_, bytes);
                                            }),
                                            guard([](UploadAttempt& self, Result<std::string> reply) {
                                              self.parts_.http.cancel(std::exchange(self.reply_id_, 0));
                                              if (!reply) return self.finish(tl::unexpected(reply.error()));
                                              self.store_reply(std::move(*reply));
                                            }));
  reply_id_ = parts_.http.start(std::move(head), reply_);
}

void UploadAttempt::store_reply(std::string reply) {
  auto stored = guard([](UploadAttempt& self, const std::shared_ptr<Status>& status) {
    if (!*status) return self.finish(tl::unexpected(status->error()));
    self.take_step(after_reply(self.turn()));
  });
  const bool taken = parts_.disk.submit([&files = parts_.files, file = job_.reply_file, reply = std::move(reply),
                                         &executor = parts_.runtime.executor, stored = std::move(stored)]() mutable {
    auto status = std::make_shared<Status>(file.empty() ? Status() : write_reply(files, file, reply));
    executor.post([stored = std::move(stored), status]() mutable { stored(status); });
  });
  if (!taken) finish(fail(ErrorCode::busy, "store the reply", "the agent is busy; it is fetched again"));
}

void UploadAttempt::finish(Result<UploadResult> result) {
  if (over_) return;
  const auto self = shared_from_this();
  stop();
  // An error that no rule has seen says when to try again, as the others do.
  if (!result && error_info(result.error().code).retryable && !result.error().retry_after) {
    const Duration wait = retry_delay(job_.plan.retry, 1, std::nullopt, parts_.runtime.random);
    result.error().retry_after = std::chrono::ceil<std::chrono::seconds>(wait);
  }
  const auto events = events_;
  events->on_done(std::move(result));
  if (on_over_) on_over_();
}

}  // namespace larder::origin
