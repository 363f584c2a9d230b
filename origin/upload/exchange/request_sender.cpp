#include "origin/upload/exchange/request_sender.h"

#include <algorithm>
#include <utility>

#include "origin/http/http_fields.h"

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
  for (const DigestField& field : request_.digests) {
    if (field.whole) continue;
    part_ = true;
    sha1_ = sha1_ || field.algorithm == PartAlgorithm::sha1;
    sha256_ = sha256_ || field.algorithm == PartAlgorithm::sha256;
  }
  if (part_) reader_->begin_part(request_.offset, request_.length, sha1_, sha256_);
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
  } else if (part_ && reader_->part_hashed() < request_.length) {
    wish = next_of_part(request_.offset, request_.length, request_.hash_to);
  } else if (reader_->hashed() < whole_to) {
    wish = {reader_->hashed(), whole_to - reader_->hashed(), false, true, false};
  } else {
    return send_head();
  }
  wish.length = std::min(wish.length, SourceReader::kHashed);
  reader_->read(wish, guard([](RequestSender& self, const Result<Buffer>& read) {
                  if (!read) return self.finish(tl::unexpected(read.error()));
                  self.hash_on();
                }));
}

// While the server takes the end of this part and makes it durable, the next one is hashed, as large as this one: that
// is what the rules ask for next if all goes well. Else it was in vain.
void RequestSender::hash_ahead() {
  const std::uint64_t next = request_.offset + request_.length;
  if (!part_ || request_.length == 0 || next >= source_size_) return;
  const std::uint64_t length = std::min(request_.length, source_size_ - next);
  if (!std::exchange(ahead_, true)) reader_->begin_part(next, length, sha1_, sha256_);
  if (reader_->part_hashed() == length) return;
  SourceReader::Wish wish = next_of_part(next, length, source_size_);
  wish.length = std::min(wish.length, SourceReader::kHashed);
  reader_->read(wish, guard([](RequestSender& self, const Result<Buffer>& read) {
                  if (self.end_) return self.deliver();
                  if (!read) return self.fail(read.error());
                  self.hash_ahead();
                }));
}

// The bytes of a part that its digests do not have yet.
SourceReader::Wish RequestSender::next_of_part(std::uint64_t offset, std::uint64_t length,
                                               std::uint64_t whole_to) const {
  const std::uint64_t hashed = reader_->part_hashed();
  SourceReader::Wish wish{offset + hashed, length - hashed, false, false, true};
  take_into_whole(wish, whole_to);
  return wish;
}

// Bytes that are not in the whole's digest yet go into it; a read ends where those begin.
void RequestSender::take_into_whole(SourceReader::Wish& wish, std::uint64_t whole_to) const {
  const std::uint64_t hashed = reader_->hashed();
  if (hashed >= whole_to) return;
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
  if (id_ == 0 || end_ || reader_ == nullptr || reader_->reads()) return;
  if (read_ == request_.length) return hash_ahead();
  if (read_ - answer_.sent >= kAhead) return;
  SourceReader::Wish wish{request_.offset + read_,
                          std::min<std::uint64_t>(request_.length - read_, SourceReader::kPiece), true, false, false};
  take_into_whole(wish, request_.hash_to);
  reader_->read(wish, guard([](RequestSender& self, Result<Buffer> piece) { self.on_piece(std::move(piece)); }));
}

void RequestSender::on_piece(Result<Buffer> piece) {
  if (end_) return deliver();
  if (!piece) return fail(piece.error());
  read_ += piece->size();
  if (id_ != 0) http_.send(id_, std::move(*piece));
  send_on();
}

// The source failed: the request is cut.
void RequestSender::fail(const Error& error) {
  if (id_ != 0) http_.cancel(std::exchange(id_, 0));
  finish(tl::unexpected(error));
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
  if (answer_.sent < request_.length && !answer_.error && is_unfounded_yes()) {
    answer_.error = Error{ErrorCode::connection_lost, "upload to " + request_.url.host,
                          "it says yes before it has all bytes, and ends the connection", std::nullopt};
  }
  finish(std::move(answer_));
}

// A yes to a body that did not go out as a whole is none, unless the server shows by the digest that it has the file
// already: larder-inbox answers a repetition so.
bool RequestSender::is_unfounded_yes() const {
  if (answer_.head.status < 200 || answer_.head.status >= 300) return false;
  const auto has = promised_sha256(answer_.head.headers);
  if (!has || !*has || reader_ == nullptr || reader_->hashed() < source_size_) return true;
  return **has != reader_->whole_digest();
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
