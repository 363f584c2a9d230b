#include "origin/upload/exchange/request_sender.h"

#include <algorithm>
#include <utility>

namespace larder::origin {

class RequestSender::Events final : public HttpEvents {
 public:
  explicit Events(std::weak_ptr<RequestSender> to) : to_(std::move(to)) {}

  void on_head(const HttpHead& head) override {
    if (const auto to = to_.lock()) to->on_head(head);
  }
  void on_data(Buffer bytes) override {
    if (const auto to = to_.lock()) to->on_data(bytes);
  }
  void on_sent(std::size_t bytes) override {
    if (const auto to = to_.lock()) to->on_sent(bytes);
  }
  void on_done(Status status) override {
    if (const auto to = to_.lock()) to->on_done(status);
  }

 private:
  const std::weak_ptr<RequestSender> to_;
};

RequestSender::RequestSender(HttpClient& http, SourceReader* reader, HttpRequest head, UploadRequest request,
                             std::uint64_t source_size, Listener listener)
    : http_(http),
      reader_(reader),
      head_(std::move(head)),
      request_(std::move(request)),
      source_size_(source_size),
      listener_(std::move(listener)) {}

void RequestSender::start() {
  if (reader_ == nullptr) return send_head();
  bool sha1 = false, sha256 = false;
  for (const DigestField& field : request_.digests) {
    if (field.whole) continue;
    part_ = true;
    sha1 = sha1 || field.algorithm == PartAlgorithm::sha1;
    sha256 = sha256 || field.algorithm == PartAlgorithm::sha256;
  }
  reader_->begin_part(sha1, sha256);
  hash_on();
}

void RequestSender::stop() {
  stopped_ = true;
  if (id_ != 0) http_.cancel(std::exchange(id_, 0));
}

void RequestSender::set_rate(std::uint64_t bytes_per_second) {
  head_.max_rate = bytes_per_second;
  if (id_ != 0) http_.set_rate(id_, bytes_per_second);
}

// Hashes what has to be hashed before the head goes out: all of it where the head carries digests, else what lies
// before the body. The bytes of the body are then read twice; what changes in between is found by the identity, and by
// the server, which has the digest.
void RequestSender::hash_on() {
  const bool all_first = hashes_first() || request_.length == 0;
  const std::uint64_t whole_to = all_first ? request_.hash_to : std::min(request_.hash_to, request_.offset);
  const std::uint64_t before_body = std::min(whole_to, request_.offset);
  SourceReader::Wish wish;
  if (reader_->hashed() < before_body) {
    wish = {reader_->hashed(), before_body - reader_->hashed(), false, true, false};
  } else if (part_ && part_hashed_ < request_.length) {
    wish = {request_.offset + part_hashed_, request_.length - part_hashed_, false, false, true};
    take_into_whole(wish);
  } else if (reader_->hashed() < whole_to) {
    wish = {reader_->hashed(), whole_to - reader_->hashed(), false, true, false};
  } else {
    return send_head();
  }
  wish.length = std::min(wish.length, SourceReader::kHashed);
  reader_->read(wish, guard([wish](RequestSender& self, Result<Buffer> read) {
                  if (!read) return self.finish(tl::unexpected(read.error()));
                  if (wish.part) self.part_hashed_ += wish.length;
                  self.hash_on();
                }));
}

// Bytes that are not in the whole's digest yet go into it; a read ends where those begin.
void RequestSender::take_into_whole(SourceReader::Wish& wish) const {
  const std::uint64_t hashed = reader_->hashed();
  if (hashed >= request_.hash_to) return;
  wish.whole = wish.offset == hashed;
  if (wish.offset < hashed) wish.length = std::min(wish.length, hashed - wish.offset);
}

std::string RequestSender::digest_of(const DigestField& field) {
  if (field.whole) return digest_field_value(field, reader_->whole_digest());
  if (field.algorithm == PartAlgorithm::sha1) return digest_field_value(field, reader_->part_sha1());
  return digest_field_value(field, reader_->part_sha256());
}

void RequestSender::send_head() {
  head_.url = request_.url;
  head_.method = request_.method;
  head_.headers = request_.headers;
  head_.body_length = request_.length;
  if (request_.offset + request_.length == source_size_) head_.answer_within = kLastAnswerWithin;
  for (const DigestField& field : request_.digests) head_.headers.emplace_back(field.name, digest_of(field));
  id_ = http_.start(head_, std::make_shared<Events>(weak_from_this()));
  send_on();
}

void RequestSender::send_on() {
  if (id_ == 0 || end_ || read_ == request_.length || reader_->reads() || read_ - answer_.sent >= kAhead) return;
  SourceReader::Wish wish{request_.offset + read_,
                          std::min<std::uint64_t>(request_.length - read_, SourceReader::kPiece), true, false, false};
  take_into_whole(wish);
  reader_->read(wish, guard([](RequestSender& self, Result<Buffer> piece) { self.on_piece(std::move(piece)); }));
}

void RequestSender::on_piece(Result<Buffer> piece) {
  if (end_) return deliver();
  if (!piece) {
    if (id_ != 0) http_.cancel(std::exchange(id_, 0));
    return finish(tl::unexpected(piece.error()));
  }
  read_ += piece->size();
  if (id_ != 0) http_.send(id_, std::move(*piece));
  send_on();
}

void RequestSender::on_sent(std::size_t bytes) {
  if (stopped_ || end_) return;
  answer_.sent += bytes;
  listener_.on_sent(answer_.sent);
  if (!stopped_) send_on();
}

void RequestSender::on_head(const HttpHead& head) {
  if (stopped_ || end_) return;
  answer_.head = head;
  listener_.on_head(head);
}

void RequestSender::on_data(const Buffer& bytes) {
  if (stopped_ || end_ || id_ == 0) return;
  const std::size_t room = kMaxAnswerText - answer_.text.size();
  const Bytes kept = bytes.bytes().first(std::min(room, bytes.size()));
  answer_.text.append(reinterpret_cast<const char*>(kept.data()), kept.size());
  http_.consumed(id_, bytes.size());
}

void RequestSender::on_done(const Status& status) {
  if (stopped_ || end_) return;
  id_ = 0;
  if (!status && answer_.head.status == 0) answer_.error = status.error();
  if (!status && answer_.head.status != 0) answer_.text.clear();  // its end is missing
  // A yes to a body that did not go out as a whole is none: the server cannot have the file.
  const bool yes = answer_.head.status >= 200 && answer_.head.status < 300;
  if (yes && answer_.sent < request_.length && !answer_.error) {
    answer_.error = Error{ErrorCode::connection_lost, "upload to " + request_.url.host,
                          "it says yes before it has all bytes, and ends the connection", std::nullopt};
  }
  finish(std::move(answer_));
}

void RequestSender::finish(Result<UploadAnswer> answer) {
  end_ = std::move(answer);
  if (reader_ == nullptr || !reader_->reads()) deliver();
}

void RequestSender::deliver() {
  stopped_ = true;
  Result<UploadAnswer> answer = std::move(*end_);
  if (answer && reader_ != nullptr && reader_->hashed() == source_size_) answer->sha256 = reader_->whole_digest();
  const auto told = std::make_shared<UniqueFunction<void(Result<UploadAnswer>)>>(std::move(listener_.on_answer));
  (*told)(std::move(answer));
}

}  // namespace larder::origin
