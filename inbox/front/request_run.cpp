#include "inbox/front/request_run.h"

#include <utility>

#include "base/hash/digest.h"
#include "inbox/wire/reply.h"
#include "inbox/wire/target.h"

namespace larder::inbox {
namespace {

class ExchangeBody final : public BodyReader {
 public:
  ExchangeBody(std::shared_ptr<http::Exchange> exchange, std::uint64_t* received)
      : exchange_(std::move(exchange)), received_(received) {}
  void read(UniqueFunction<void(Result<Buffer>)> ready) override {
    if (received_ == nullptr) return exchange_->read_body(std::move(ready));
    exchange_->read_body([received = received_, ready = std::move(ready)](Result<Buffer> piece) mutable {
      if (piece) *received += piece->size();
      ready(std::move(piece));
    });
  }

 private:
  std::shared_ptr<http::Exchange> exchange_;
  std::uint64_t* const received_;
};

Refused refused(Problem problem, std::string detail) {
  return {problem, std::move(detail), std::nullopt, std::nullopt};
}

class RequestRun : public std::enable_shared_from_this<RequestRun> {
 public:
  RequestRun(const FrontParts& parts, std::shared_ptr<http::Exchange> exchange, OnOutcome on_outcome)
      : parts_(parts), exchange_(std::move(exchange)), on_outcome_(std::move(on_outcome)) {}

  void start(const std::optional<http::PeerCertificate>& certificate) {
    const InboxConfig* inbox = nullptr;
    const auto target = parse_target(exchange_->head());
    const bool names_inbox = target && !target->inbox.empty();
    if (names_inbox) inbox = parts_.find_inbox(target->inbox);
    settings_ = parts_.wire_settings(inbox, exchange_->head());
    outcome_.dialect = spoken_dialect(exchange_->head());
    auto translated = translate(exchange_->head(), settings_);
    if (auto* response = std::get_if<http::Response>(&translated)) return respond(std::move(*response));
    request_ = std::move(std::get<Request>(translated));
    outcome_.dialect = request_.dialect;
    auto principal = parts_.access.identify(exchange_->head(), certificate);
    if (!principal) return finish(tl::unexpected(principal.error()));
    principal_ = std::move(*principal);
    outcome_.principal = principal_.name;
    if (names_inbox && inbox == nullptr)
      return finish(tl::unexpected(refused(Problem::unknown_inbox, "cannot find the inbox " + target->inbox)));
    if (inbox != nullptr)
      if (auto refusal = Access::refusal(principal_, *inbox)) return finish(tl::unexpected(std::move(*refusal)));
    begin();
  }

 private:
  // The answer to an operation, for the next step.
  Uploads::Answer then(void (RequestRun::*next)(Outcome<UploadStatus>)) {
    return [self = shared_from_this(), next](Outcome<UploadStatus> outcome) { ((*self).*next)(std::move(outcome)); };
  }

  void begin() {
    std::visit([this](const auto& operation) { this->carry_out(operation); }, request_.operation);
  }
  void carry_out(const MakeUpload& create) {
    parts_.uploads.create(principal_, create.upload, then(&RequestRun::go_on));
  }
  void carry_out(const SendPart& append) { append_part(append.part); }
  void carry_out(const AskOffset& look) { parts_.uploads.look(principal_, look.id, then(&RequestRun::finish)); }
  void carry_out(const CancelUpload& cancel) {
    parts_.uploads.cancel(principal_, cancel.id, then(&RequestRun::finish));
  }
  void carry_out(const LeaveSession& leave) { parts_.uploads.look(principal_, leave.id, then(&RequestRun::go_on)); }
  void carry_out(const ShowState& show) { parts_.uploads.watch(principal_, show.id, then(&RequestRun::finish)); }
  void carry_out(const ReadReply& reply) {
    parts_.uploads.reply(principal_, reply.id, [self = shared_from_this()](Outcome<Uploads::Reply> found) {
      if (!found) return self->finish(tl::unexpected(std::move(found.error())));
      self->send_reply(std::move(*found));
    });
  }
  void send_reply(Uploads::Reply reply) {
    outcome_.upload = reply.upload.id;
    ReplyAnswer answer = answer_reply(exchange_->head(), reply.upload, reply.body.size);
    if (answer.bytes) {
      answer.response.length = answer.bytes->length;
      answer.response.stream = parts_.read_file(std::move(reply.body.file), *answer.bytes);
    }
    respond(std::move(answer.response));
  }

  void append_part(AppendPart part) {
    parts_.uploads.append(principal_, std::move(part), std::make_unique<ExchangeBody>(exchange_, parts_.received),
                          then(&RequestRun::on_appended));
  }
  void on_appended(Outcome<UploadStatus> outcome) {
    const Step step = step_after_part(request_, outcome);
    carry_out_step(step, std::move(outcome));
  }
  void go_on(Outcome<UploadStatus> outcome) {
    const Step step = next_step(request_, outcome);
    carry_out_step(step, std::move(outcome));
  }

  void carry_out_step(Step step, Outcome<UploadStatus> outcome) {
    const UploadStatus* const status =
        outcome ? &*outcome : (outcome.error().upload ? &*outcome.error().upload : nullptr);
    switch (step) {
      case Step::append:
        return append_part(part_of(request_, *status));
      case Step::start_over:
        return start_over(*status);
      case Step::compare_body:
        before_ = *status;
        return compare_body();
      case Step::complete:
        return parts_.uploads.complete(principal_, status->id, then(&RequestRun::finish));
      case Step::cancel:
        return parts_.uploads.cancel(principal_, status->id, then(&RequestRun::finish));
      case Step::refuse:
        return finish(with_upload(Problem::already_settled, "cannot write over the upload that is there", *status));
      case Step::conflict:
        return finish(with_upload(Problem::key_conflict, "cannot put another file where one is", *status));
      case Step::answer:
        return finish(std::move(outcome));
    }
  }

  static Outcome<UploadStatus> with_upload(Problem problem, std::string detail, const UploadStatus& status) {
    Refused what = refused(problem, std::move(detail));
    what.upload = status;
    return tl::unexpected(std::move(what));
  }

  // Once: where another request made the upload again meanwhile, its word counts.
  void start_over(const UploadStatus& status) {
    if (std::exchange(started_over_, true))
      return finish(
          with_upload(Problem::superseded, "cannot begin: another request for this upload came first", status));
    parts_.uploads.cancel(principal_, status.id, [self = shared_from_this()](Outcome<UploadStatus> cancelled) {
      if (!cancelled) return self->finish(std::move(cancelled));
      self->begin();
    });
  }

  void compare_body() {
    exchange_->read_body([self = shared_from_this()](Result<Buffer> piece) {
      if (!piece) return self->finish(tl::unexpected(refused(Problem::body_broken, piece.error().text())));
      if (!piece->empty()) {
        self->compared_.update(piece->bytes());
        self->compared_bytes_ += piece->size();
        return self->compare_body();
      }
      const UploadStatus& before = self->before_;
      const bool same = before.sha256 && self->compared_.finish() == *before.sha256 &&
                        before.size.value_or(self->compared_bytes_) == self->compared_bytes_;
      if (same) return self->finish(before);
      self->finish(with_upload(Problem::key_conflict, "cannot put another file where one is", before));
    });
  }

  void finish(Outcome<UploadStatus> outcome) {
    if (!outcome || !waits_for_application(request_, *outcome)) return tell(std::move(outcome));
    outcome_.upload = outcome->id;
    parts_.uploads.await_application(
        principal_, *outcome, [self = shared_from_this(), created = outcome->created](Outcome<UploadStatus> said) {
          if (said) said->created = created;
          self->tell(std::move(said));
        });
  }

  void tell(Outcome<UploadStatus> outcome) {
    const UploadStatus* const status =
        outcome ? &*outcome : (outcome.error().upload ? &*outcome.error().upload : nullptr);
    if (status != nullptr) outcome_.upload = status->id;
    respond(answer(request_, outcome, settings_));
  }

  void respond(http::Response response) {
    outcome_.status = response.status;
    on_outcome_(outcome_);
    exchange_->respond(std::move(response));
  }

  const FrontParts& parts_;
  std::shared_ptr<http::Exchange> exchange_;
  OnOutcome on_outcome_;
  RequestOutcome outcome_;
  WireSettings settings_;
  Request request_;
  Principal principal_;
  bool started_over_ = false;
  UploadStatus before_;  // of compare_body()
  Sha256 compared_;
  std::uint64_t compared_bytes_ = 0;
};

}  // namespace

void run_request(const FrontParts& parts, std::shared_ptr<http::Exchange> exchange, OnOutcome on_outcome,
                 const std::optional<http::PeerCertificate>& certificate) {
  std::make_shared<RequestRun>(parts, std::move(exchange), std::move(on_outcome))->start(certificate);
}

}  // namespace larder::inbox
