// The class behind connection.h, for its three sources: connection.cpp (its life and its clocks),
// connection_reading.cpp (requests), connection_writing.cpp (answers).
//
// An event (bytes, a clock, a call of an Exchange) only records what came, and has pump() run. pump() alone parses,
// calls the user and writes, so a call of the user never re-enters a step that is half done.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/http/connection.h"
#include "base/http/deadlines.h"
#include "base/http/message/request_parser.h"
#include "base/http/message/response_writer.h"
#include "base/http/pipeline.h"

namespace larder::http {

class HttpConnection final : public Connection,
                             public ExchangeHost,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  explicit HttpConnection(ConnectionParts parts);
  ~HttpConnection() override;

  void start(std::function<void(Connection&)> on_closed) override;
  void finish(Duration within) override;
  void close() override;

  void read_body(std::uint64_t number, BodyReady ready) override;
  void inform(std::uint64_t number, int status, Fields fields) override;
  void respond(std::uint64_t number, Response response) override;
  void hand_over(std::uint64_t number, Fields fields, TakeStream take) override;
  void on_gone(std::uint64_t number, Task gone) override;
  [[nodiscard]] std::vector<UniqueFd> take_descriptors(std::uint64_t number) override;

 private:
  enum class Phase { handshake, open, lingering, closed };

  // A request that has begun and has no whole answer yet.
  struct Slot {
    std::uint64_t number = 0;
    std::optional<RequestHead> head;  // what the answer depends on; none: it was refused unread
    // The body.
    BodyReady ready;  // somebody waits for a piece
    bool body_done = false;
    std::optional<Error> body_error;  // why the client's body ended before it was whole; none: it has not
    bool continue_due = false;        // the client waits for "100 Continue", and nobody has asked for the body yet
    std::vector<UniqueFd> descriptors;
    // The answer.
    std::deque<std::string> interim;
    std::optional<Response> response;
    AnswerForm form;
    bool counted = false;   // as one of its peer's requests
    bool told = false;      // the user knows the status
    bool head_out = false;  // it is written, or being written
    std::uint64_t streamed = 0;
    bool asking = false;                  // the stream was asked for a piece
    std::optional<Result<Buffer>> piece;  // and this is it
    bool written = false;                 // the whole answer has been given to the transport
    TakeStream take;
    Task gone;
  };

  // --- connection.cpp
  void wake();  // pump() runs soon
  void pump();
  void watch_clocks();
  void on_clock();
  void expire(Wait wait);
  [[nodiscard]] ConnectionSituation situation() const;
  [[nodiscard]] bool closed() const { return phase_ == Phase::closed; }
  [[nodiscard]] Slot* slot_of(std::uint64_t number);
  void count_bytes();
  [[nodiscard]] SharedVisit end_visit();
  void drop_slots();
  void drop_slot(Slot& slot);
  void cancel_stream(Slot& slot);
  void leave();
  void linger();
  void discard();
  void on_discarded(const Result<Buffer>& bytes);
  void call_later(Task task);

  // --- connection_reading.cpp
  [[nodiscard]] bool parse_some();
  [[nodiscard]] bool parse_head();
  [[nodiscard]] bool begin_request();
  [[nodiscard]] bool parse_body(Slot& slot);
  void end_body(Slot& slot);
  void refuse(const Refusal& refusal);
  void refuse_body(Slot& slot, const Refusal& refusal);
  void consume(std::size_t bytes);
  void give_descriptors(Slot& slot);
  [[nodiscard]] bool user_lets_begin();
  [[nodiscard]] bool wants_bytes() const;
  void read_more();
  void on_read(Result<Buffer> bytes);
  void watch_end();
  [[nodiscard]] std::string_view input() const { return std::string_view(input_).substr(taken_); }

  // --- connection_writing.cpp
  [[nodiscard]] bool write_some();
  [[nodiscard]] bool begin_answer(Slot& slot);
  [[nodiscard]] Result<std::string> head_of(Slot& slot);
  [[nodiscard]] bool send_first(Slot& slot);
  [[nodiscard]] bool stream_some(Slot& slot);
  [[nodiscard]] bool take_piece(Slot& slot);
  void ask_for_piece(Slot& slot);
  void on_piece(std::uint64_t number, Result<Buffer> piece);
  void end_answer();
  void give_stream(Slot& slot);
  [[nodiscard]] bool send();
  void on_sent(const Result<std::size_t>& count);
  [[nodiscard]] bool out_is_empty() const { return out_[0].empty() && out_[1].empty() && out_[2].empty(); }

  const std::shared_ptr<Transport> transport_;
  const std::unique_ptr<ConnectionUser> user_;
  SharedVisit visit_;  // null once closed
  Executor& executor_;
  Timers& timers_;
  const Clock& clock_;
  const HttpLimits& limits_;
  std::function<void(Connection&)> on_closed_;

  Phase phase_ = Phase::handshake;
  bool pumping_ = false, again_ = false, posted_ = false;
  bool finishing_ = false;
  Deadlines deadlines_;
  TimerId clock_timer_ = 0, begin_timer_ = 0;
  std::optional<SteadyTime> clock_set_for_;

  // Reading.
  RequestParser parser_;
  std::string input_;  // from `taken_` on: came, and was not parsed
  std::size_t taken_ = 0;
  std::uint64_t parsed_ = 0;  // bytes of the connection before input()
  bool fresh_ = true;
  bool reading_ = false;
  bool ended_ = false;   // the client sends no more
  bool deaf_ = false;    // nothing more is parsed: a request was refused
  bool tunnel_ = false;  // the last request is a CONNECT
  bool watching_end_ = false;
  std::optional<RequestHead> head_waiting_;  // whole, but its peer has too many requests under way
  struct Received {
    std::uint64_t last_byte = 0;  // of the connection, counted from 1
    UniqueFd descriptor;
  };
  std::deque<Received> received_;

  // Answering.
  Pipeline pipeline_;
  std::deque<Slot> slots_;  // as in pipeline_
  bool writing_ = false;
  bool first_due_ = false;  // the answer in out_text_ goes by its first_write
  std::string out_text_;    // a head, a chunk's line, an end
  Buffer out_piece_;
  std::array<std::string_view, 3> out_;  // what is left to send
  std::size_t discarded_ = 0;
};

}  // namespace larder::http
