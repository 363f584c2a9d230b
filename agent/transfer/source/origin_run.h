// One run of an OriginSource: the parts of a window, request by request.
//
// An answer begins at some offset of the whole and is read in order; what lies before a wanted part is thrown away.
// When an answer goes on beyond its part (a 200 in place of a 206) the next part is cut out of the same answer if it
// lies ahead. Without a validator a second request could be of another edition, so then one answer must do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "agent/transfer/source/source.h"
#include "origin/origin.h"

namespace larder::agent {

class OriginSource;

class OriginRun final : public origin::FetchEvents, public std::enable_shared_from_this<OriginRun> {
 public:
  struct Task {
    origin::Fetch fetch;  // target, expectation; offset and length are set per request
    std::vector<ByteRange> parts;
    std::optional<std::uint64_t> whole_size;
    bool windows = true;
  };
  OriginRun(OriginSource& source, RunId id, Task task, std::shared_ptr<SourceEvents> events);

  void start();
  void stop();  // nothing follows
  void consumed(std::size_t bytes);
  void set_rate(std::uint64_t bytes_per_second);

  void on_edition(const origin::Edition& edition, std::uint64_t offset) override;
  void on_data(Buffer bytes) override;
  void on_done(Status status) override;

 private:
  enum class Phase {
    reading,   // the wanted part is coming, or something before it
    ending,    // all is delivered and the answer is at its end: on_done says whether it ended well
    complete,  // all is delivered, the answer would go on
    between,   // the next part needs another request, after this one's on_done
    again,     // the same, and this answer would go on
  };
  void request();
  void deliver(Buffer bytes);
  [[nodiscard]] Phase after_part();
  void settle();  // acts on the phase after data
  void cut(Bytes bytes);
  void finish(Status status);
  [[nodiscard]] bool whole_answer() const;
  [[nodiscard]] Error short_answer() const;

  OriginSource* source_;  // null once stopped
  RunId id_;
  Phase phase_ = Phase::reading;
  Task task_;
  std::shared_ptr<SourceEvents> events_;
  std::size_t part_ = 0;         // which of task_.parts is being delivered
  std::uint64_t delivered_ = 0;  // of that part
  std::optional<origin::FetchId> fetch_;
  bool requested_whole_ = false;
  bool answered_ = false;
  bool goes_on_ = false;        // the answer is everything from its offset on
  std::uint64_t position_ = 0;  // next byte of the answer
  std::uint64_t requests_ = 0;
  std::size_t outstanding_ = 0;  // delivered from the present request and not consumed yet
  std::size_t settled_ = 0;      // the same of requests that are over: nobody waits for their consumption
  std::uint64_t rate_ = 0;
};

}  // namespace larder::agent
