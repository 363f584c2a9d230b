// One request of an upload, carried out: the digests that its head carries, the body, the answer. Loop thread only;
// made and ended by an attempt (upload_attempt.h). Its events come on the loop thread, never within start().
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_function.h"
#include "origin/http/http_client.h"
#include "origin/upload/exchange/source_reader.h"
#include "origin/upload/upload_dialect.h"
#include "origin/upload/uploads.h"

namespace larder::origin {

// The server decides after the last byte: it may look through the whole file first, and larder-inbox may wait for its
// application, for at most 240 s.
inline constexpr Duration kLastAnswerWithin = std::chrono::seconds(300);

class RequestSender : public std::enable_shared_from_this<RequestSender> {
 public:
  struct Listener {
    UniqueFunction<void(std::uint64_t sent)> on_sent;  // bytes of the body, in all
    UniqueFunction<void(const HttpHead&)> on_head;
    // Once, last. Error: of the source (source_changed, disk_error); the request was cut then, before its last byte.
    UniqueFunction<void(Result<UploadAnswer>)> on_answer;
  };
  // Bytes of the body that were read and not yet given to the connection: enough for the disk to keep ahead.
  static constexpr std::uint64_t kAhead = 8 * SourceReader::kPiece;

  // `reader` is null where nothing is read. `http` and `reader` outlive the sender.
  RequestSender(HttpClient& http, SourceReader* reader, HttpRequest head, UploadRequest request,
                std::uint64_t source_size, Listener listener);
  void start();
  void stop();  // cuts the request; no event follows
  void set_rate(std::uint64_t bytes_per_second);

 private:
  class Events;

  void hash_on();
  void hash_ahead();
  [[nodiscard]] SourceReader::Wish next_of_part(std::uint64_t offset, std::uint64_t length,
                                                std::uint64_t whole_to) const;
  void take_into_whole(SourceReader::Wish& wish, std::uint64_t whole_to) const;
  [[nodiscard]] bool hashes_first() const { return !request_.digests.empty(); }
  void send_head();
  [[nodiscard]] std::string digest_of(const DigestField& field);
  void send_on();
  void on_piece(Result<Buffer> piece);
  void on_sent(std::size_t bytes);
  void on_head(const HttpHead& head);
  void on_data(const Buffer& bytes);
  void on_done(const Status& status);
  [[nodiscard]] bool is_unfounded_yes() const;
  void fail(const Error& error);
  void finish(Result<UploadAnswer> answer);
  void deliver();
  template <class F>
  auto guard(F action) {
    return [weak = weak_from_this(), action = std::move(action)](auto&&... arguments) mutable {
      if (const auto self = weak.lock(); self && !self->stopped_)
        action(*self, std::forward<decltype(arguments)>(arguments)...);
    };
  }

  HttpClient& http_;
  SourceReader* const reader_;
  HttpRequest head_;
  const UploadRequest request_;
  const std::uint64_t source_size_;
  Listener listener_;
  bool part_ = false;  // the head carries a digest of the body
  bool sha1_ = false;  // among the digests of the part
  bool sha256_ = false;
  bool ahead_ = false;      // the digests of the next part have begun
  HttpId id_ = 0;           // 0: not begun, or over
  std::uint64_t read_ = 0;  // bytes of the body that were read and given to `http_`
  UploadAnswer answer_;
  std::optional<Result<UploadAnswer>> end_;  // waits for a read under way
  bool stopped_ = false;
};

}  // namespace larder::origin
