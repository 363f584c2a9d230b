// Fills one content: asks the plan for windows, runs the streams, hands their bytes to the writer with back-pressure in
// both directions, and accounts for every byte received: committed, in flight, or wasted.
//
// Begins in one of two ways: with a writer (bind), or with one stream of everything whose answer is the probe
// (start_as_probe). In the second case the bytes wait, bounded by the source, until bind() brings the writer. Peers may
// join at any time (add_source). Loop thread only. Owned by download.h, which destroys it at a later turn of the loop.
//
// fill.cpp: life, plan; fill_data.cpp: bytes and blocks on their way; fill_peers.cpp: the watch over peers;
// fill_crowd.cpp: what the crowd leaves to this agent.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/transfer/rules/peer_pace.h"
#include "agent/transfer/rules/plan.h"
#include "agent/transfer/rules/revise.h"
#include "agent/transfer/rules/transfer_rules.h"
#include "agent/transfer/source/source.h"
#include "base/runtime/clock.h"
#include "cache/record/interval_set.h"
#include "cache/record/segments.h"
#include "cache/write/content_writer.h"

namespace larder::agent {

// Events of a fill, also from within bind() and add_source(); none after stop_streams(). An event may call it.
// on_fill_broken() comes at most once and last; a write error can cause it even after on_fill_complete().
class FillEvents {
 public:
  virtual ~FillEvents() = default;
  // The first answer of each stream from the origin. With start_as_probe() it is the first to name the edition.
  virtual void on_fill_answer(const origin::Edition& edition) = 0;
  virtual void on_fill_received() = 0;  // bytes or blocks arrived
  virtual void on_fill_wasted(std::uint64_t bytes) = 0;
  virtual void on_fill_committed() = 0;  // a segment is durable
  virtual void on_fill_complete() = 0;   // nothing is missing: finish the writer
  virtual void on_fill_broken(const Error& error) = 0;
  [[nodiscard]] virtual const std::string& account() = 0;  // file id on whose account bytes are fetched from now on
};

class Fill : public std::enable_shared_from_this<Fill> {
 public:
  struct Options {
    unsigned parallel_ranges = 1;
    std::uint64_t max_rate = 0;
    PaceRules pace;     // of peers
    std::string doing;  // for errors: "fetch https://…"
  };
  // Times that resting sources are asked again at once, without 1 MiB of progress in between. Then the fill fails.
  static constexpr unsigned kMaxFruitless = 4;

  Fill(FillEvents& events, Runtime runtime, Options options);
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  // Adds a source: the origin or a cached copy before bind(), peers at any time.
  void add_source(std::shared_ptr<Source> source);
  void start_as_probe();  // with the only source
  // Takes the writer, whose size is that of the content, and starts streams. `resumable`: another stream can continue a
  // broken one, and a change of edition would be noticed.
  void bind(std::unique_ptr<cache::ContentWriter> writer, bool resumable);
  // Ends all streams. No event follows.
  void stop_streams();
  void set_rate(std::uint64_t bytes_per_second);
  void set_pace(PaceRules rules);
  // Stops, and destroys the writer at once, so that its content can be released. Not from within the writer's
  // callbacks.
  void drop_writer();

  [[nodiscard]] cache::ContentWriter* writer() { return writer_.get(); }
  [[nodiscard]] std::uint64_t received() const { return received_; }  // bytes kept so far, without the wasted ones
  // Bytes received and not yet committed, wasted if the fill ends here; and those of them that peers delivered.
  [[nodiscard]] std::uint64_t uncommitted() const { return received_ > committed_ ? received_ - committed_ : 0; }
  [[nodiscard]] std::uint64_t uncommitted_of_peers() const;
  [[nodiscard]] std::optional<peer::CrowdFigures> crowd() const;  // none: no crowd

 private:
  class StreamSink;
  struct Stream {
    std::size_t source = 0;
    SourceStreamId source_stream = 0;
    ByteRange window;
    bool blocks = false;         // delivers blocks in any order; otherwise bytes in order:
    std::uint64_t position = 0;  // content offset of the next byte to arrive
    std::uint64_t written = 0;   // next byte to append; behind `position` while bytes wait for the writer
    std::optional<cache::StreamId> writing;
    std::string account;
    cache::Transport transport = cache::Transport::unknown;  // of the answer, where it is the origin's
    std::deque<Buffer> waiting;
    std::size_t unconsumed = 0;
    std::uint64_t brought = 0;            // bytes of blocks that this stream delivered
    std::vector<ByteRange> taken_blocks;  // written to the file, not yet reported to the source
    std::vector<ByteRange> extra_blocks;  // delivered by another stream as well, perhaps not written yet
    bool begun = false;
    bool cut = false;           // the window ends before the end that the source was asked for
    std::optional<Status> end;  // end of the stream, while there is no writer
  };
  struct SourceSlot {
    std::shared_ptr<Source> source;
    bool usable = true;
    unsigned max_streams = 1;
    bool whole_only = false;
    std::size_t holders = 0;
    unsigned breaks = 0;  // breaks so far, while peers went on
    SteadyTime rest_until{};
    bool reported_usable = true;  // state of the origin last reported to the crowd
    bool narrowed = false;        // it broke under several streams
  };

  // fill.cpp
  void open_stream(std::size_t source, ByteRange window);
  void pump();
  [[nodiscard]] bool ask_again();
  [[nodiscard]] PlanInput plan_input();
  [[nodiscard]] SourceState state_of(std::size_t source, SteadyTime now);
  [[nodiscard]] std::vector<ByteRange> missing() const;
  [[nodiscard]] std::size_t streams_of(std::size_t source) const;
  [[nodiscard]] Stream* find_stream(std::uint64_t id);
  void on_stream_answer(std::uint64_t id, const origin::Edition* edition, bool whole);
  void on_stream_done(std::uint64_t id, Status status);
  void end_stream(std::uint64_t id, const Status& status);
  void on_stream_ended(std::uint64_t id);
  void on_stream_broken(std::uint64_t id, const Error& error);
  void on_peers_refused(std::uint64_t id, const Error& error);
  void rest_origin(std::uint64_t id, const Error& error);
  void start_over(std::size_t source);
  void give_up_stream(std::uint64_t id);
  void close_stream(std::uint64_t id, bool success = false);
  void share_rate();
  void complete_fill();
  void break_fill(const Error& error);

  // fill_data.cpp
  void on_stream_data(std::uint64_t id, Buffer bytes);
  void on_stream_blocks(std::uint64_t id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves);
  void on_stream_wasted(std::uint64_t bytes);
  [[nodiscard]] bool well_formed(const Stream& stream, ByteRange blocks, std::size_t leaves) const;
  Status write(Stream& stream, Buffer bytes);
  Status append(Stream& stream, Buffer bytes);
  Status append_blocks(Stream& stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves);
  void note_blocks(std::uint64_t from, std::uint64_t to);
  void note_progress(std::uint64_t bytes);
  [[nodiscard]] ByteRange bytes_of(cache::Interval blocks) const;
  [[nodiscard]] std::uint64_t fresh_bytes(cache::Interval blocks) const;
  [[nodiscard]] std::vector<cache::Interval> gaps_of(ByteRange window) const;
  void open_writing(Stream& stream);
  bool flush_stream(std::uint64_t id);
  void on_drained();
  void on_blocks_written(ByteRange range);
  void report_blocks(Stream& stream);
  [[nodiscard]] bool writer_behind() const { return writer_->queued() > cache::ContentWriter::kHighWater; }
  void end_covered(std::uint64_t bringer);

  // fill_peers.cpp
  [[nodiscard]] bool is_peer(std::size_t source) const;
  [[nodiscard]] bool peers_can_go_on();
  void on_source_changed(std::size_t source);
  void arm_watch();
  void scan_for_stalls();
  void end_stalled_streams(SteadyTime now);
  void revise_all();
  [[nodiscard]] std::vector<Delivery> deliveries() const;
  void apply_revision(const Revision& revision);
  void apply_pace();

  // fill_crowd.cpp
  [[nodiscard]] Source* crowd_source() const;
  void leave_to_crowd(const SourceSlot& slot, SourceState& state) const;
  [[nodiscard]] bool waits_for_crowd() const;
  void report_origin_progress(const Stream& stream);
  void report_filled_segment(const Stream& stream, std::uint64_t from);
  void check_crowd_progress(SteadyTime now);
  void report_missing_origin();

  FillEvents& events_;
  Runtime runtime_;
  Options options_;
  std::vector<SourceSlot> sources_;
  std::map<std::uint64_t, Stream> streams_;
  std::uint64_t next_stream_ = 1;
  std::unique_ptr<cache::ContentWriter> writer_;
  std::optional<std::uint64_t> size_;
  std::optional<cache::SegmentLayout> layout_;
  cache::IntervalSet present_;  // blocks received or held before; for a known size
  bool bound_ = false;
  bool resumable_ = false;
  bool end_known_ = false;  // unknown size: the stream has ended
  bool stopped_ = false;
  bool pumping_ = false;
  bool complete_ = false;  // the writer may finish; segments may still be committed
  std::uint64_t received_ = 0;
  std::uint64_t received_of_peers_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t committed_of_peers_ = 0;
  std::uint64_t since_break_ = 0;
  PeerPace pace_;
  bool helping_ = false;
  TimerId watch_timer_ = 0;
  unsigned fruitless_ = 0;
  std::uint64_t since_fruitless_ = 0;
  std::optional<Error> last_break_;    // the origin's, while peers go on; otherwise of peers
  std::uint64_t received_before_ = 0;  // received_ at the last progress seen
  SteadyTime last_progress_at_{};
  bool ignore_claims_ = false;  // no progress in the crowd: the origin is asked without a claim
};

}  // namespace larder::agent
