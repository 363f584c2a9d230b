// One stream of an OriginSource: requests the parts of a window one after the other.
//
// An answer begins at some offset of the whole file and is read in order; bytes before a wanted part are wasted. When
// an answer goes on beyond its part (a 200 in place of a 206), a next part that lies ahead is cut out of the same
// answer. Without a validator, a second request could be answered with another edition: then one answer must do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "agent/transfer/source/source.h"
#include "origin/origin.h"

namespace larder::agent {

class OriginSource;

class OriginStream final : public origin::FetchEvents, public std::enable_shared_from_this<OriginStream> {
 public:
  struct Task {
    origin::Fetch fetch;  // target, expectation; offset and length are set per request
    std::vector<ByteRange> parts;
    std::optional<std::uint64_t> whole_size;
    bool windows = true;
  };
  OriginStream(OriginSource& source, SourceStreamId id, Task task, std::shared_ptr<SourceEvents> events);

  void start();
  void stop();  // no event follows
  void consumed(std::size_t bytes);
  void set_rate(std::uint64_t bytes_per_second);

  void on_edition(const origin::Edition& edition, std::uint64_t offset) override;
  void on_data(Buffer bytes) override;
  void on_done(Status status) override;

 private:
  enum class Phase {
    reading,   // the wanted part, or bytes before it, are arriving
    ending,    // all parts delivered, and the answer is at its end: on_done tells whether it ended well
    complete,  // all parts delivered, and the answer would go on
    between,   // the next part needs another request, after on_done of this one
    again,     // the same, and this answer would go on
  };
  void request_part();
  void deliver(Buffer bytes);
  [[nodiscard]] Phase after_part();
  void act_on_phase();  // acts on the phase after data
  void cut(Bytes bytes);
  void finish_stream(Status status);
  [[nodiscard]] bool whole_answer() const;
  [[nodiscard]] Error short_answer() const;

  OriginSource* source_;  // null once stopped
  SourceStreamId id_;
  Phase phase_ = Phase::reading;
  Task task_;
  std::shared_ptr<SourceEvents> events_;
  std::size_t part_ = 0;         // index in task_.parts of the part being delivered
  std::uint64_t delivered_ = 0;  // bytes of that part
  std::optional<origin::FetchId> fetch_;
  bool requested_whole_ = false;
  bool answered_ = false;
  bool goes_on_ = false;        // the answer sends everything from its offset on
  std::uint64_t position_ = 0;  // offset of the next byte of the answer
  std::uint64_t requests_ = 0;
  std::size_t outstanding_ = 0;         // bytes of the present request, delivered and not yet consumed
  std::size_t outstanding_before_ = 0;  // the same of earlier requests: their consumption is not reported to the origin
  std::uint64_t rate_ = 0;
};

}  // namespace larder::agent
