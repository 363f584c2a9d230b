// Filling one content: asks the plan for windows, runs the streams, hands their bytes to the writer with back-pressure
// both ways, and answers for every byte received: committed, still in flight, or wasted.
//
// Begins either with a writer (bind, then pump) or with one run of everything whose answer is the probe
// (start_as_probe); then the bytes wait, bounded by the source, until the writer is there. Peers may join at any time
// (add_source). Ends once: complete() or broken(). Loop thread only. Owned by run.h, which keeps it until the loop's
// next turn after its end.
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

class FillEvents {
 public:
  virtual ~FillEvents() = default;
  // The first answer of each stream of the origin. Only from start_as_probe is it news.
  virtual void fill_answered(const origin::Edition& edition) = 0;
  virtual void fill_received() = 0;  // bytes came
  virtual void fill_wasted(std::uint64_t bytes) = 0;
  virtual void fill_committed() = 0;  // a segment is durable
  virtual void fill_complete() = 0;   // nothing is missing: finish the writer
  virtual void fill_broken(const Error& error) = 0;
  [[nodiscard]] virtual const std::string& account() = 0;  // file id for which bytes are fetched from here on
};

class Fill : public std::enable_shared_from_this<Fill> {
 public:
  struct Options {
    unsigned parallel_ranges = 1;
    std::uint64_t max_rate = 0;
    PaceRules pace;     // of peers
    std::string doing;  // for errors: "fetch https://…"
  };
  // Sources that failed one after the other, without progress between them, until the fill gives up.
  static constexpr unsigned kMaxFruitless = 4;

  Fill(FillEvents& events, Runtime runtime, Options options);
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  // Before bind, or peers at any time.
  void add_source(std::shared_ptr<Source> source);
  void start_as_probe();  // with the one source that there is
  // The content's size is the writer's; `resumable`: another stream can go on where one broke, and a change of edition
  // would be noticed.
  void bind(std::unique_ptr<cache::ContentWriter> writer, bool resumable);
  // Nothing is called any more, all streams end.
  void stop();
  void set_rate(std::uint64_t bytes_per_second);
  void set_pace(PaceRules rules);
  // Stops, and lets go of the content at once: it is about to be released. Not from within the writer's callbacks.
  void drop_writer();

  [[nodiscard]] cache::ContentWriter* writer() { return writer_.get(); }
  [[nodiscard]] std::uint64_t received() const { return received_; }  // kept so far, without what was wasted
  // Received and not committed (yet): lost if the fill ends here. Of it, from peers.
  [[nodiscard]] std::uint64_t uncommitted() const { return received_ > committed_ ? received_ - committed_ : 0; }
  [[nodiscard]] std::uint64_t uncommitted_of_peers() const;
  [[nodiscard]] std::optional<peer::CrowdFigures> crowd() const;  // none: it is in no crowd

 private:
  class Inlet;
  struct Stream {
    std::size_t source = 0;
    RunId run = 0;
    ByteRange window;
    bool blocks = false;         // comes as blocks, in any order; otherwise byte after byte:
    std::uint64_t position = 0;  // of the content: next byte to come
    std::uint64_t written = 0;   // next byte to append; behind `position` while bytes wait for the writer
    std::optional<cache::StreamId> writing;
    std::string account;
    cache::Transport transport = cache::Transport::unknown;  // of the answer, where it is the origin's
    std::deque<Buffer> waiting;
    std::size_t unconsumed = 0;
    std::uint64_t brought = 0;            // in blocks
    std::vector<ByteRange> taken_blocks;  // in the file, the source not told yet
    std::vector<ByteRange> extra_blocks;  // another stream brought them, perhaps not in the file yet
    bool begun = false;
    bool cut = false;           // the window ends before what the source was asked for
    std::optional<Status> end;  // came while there was no writer
  };
  struct SourceSlot {
    std::shared_ptr<Source> source;
    bool usable = true;
    unsigned max_streams = 1;
    bool whole_only = false;
    std::size_t holders = 0;
    unsigned breaks = 0;  // in a row, while peers went on
    SteadyTime rest_until{};
    bool told_usable = true;  // what the crowd knows of the origin
    bool narrowed = false;    // it did not bear several streams
  };

  // fill.cpp
  void open(std::size_t source, ByteRange window);
  void pump();
  [[nodiscard]] bool ask_again();
  [[nodiscard]] PlanInput plan_input();
  [[nodiscard]] SourceState state_of(std::size_t source, SteadyTime now);
  [[nodiscard]] std::vector<ByteRange> missing() const;
  [[nodiscard]] std::size_t streams_of(std::size_t source) const;
  [[nodiscard]] Stream* find(std::uint64_t id);
  void stream_answered(std::uint64_t id, const origin::Edition* edition, bool whole);
  void stream_done(std::uint64_t id, Status status);
  void end_stream(std::uint64_t id, const Status& status);
  void stream_ended(std::uint64_t id);
  void stream_broke(std::uint64_t id, const Error& error);
  void peers_refused(std::uint64_t id, const Error& error);
  void rest_origin(std::uint64_t id, const Error& error);
  void start_over(std::size_t source);
  void give_up(std::uint64_t id);
  void close(std::uint64_t id, bool success = false);
  void share_rate();
  void complete();
  void broken(const Error& error);

  // fill_data.cpp
  void stream_data(std::uint64_t id, Buffer bytes);
  void stream_blocks(std::uint64_t id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves);
  void stream_wasted(std::uint64_t bytes);
  [[nodiscard]] bool well_formed(const Stream& stream, std::uint64_t offset, std::size_t size,
                                 std::size_t leaves) const;
  Status write(Stream& stream, Buffer bytes);
  Status append(Stream& stream, Buffer bytes);
  Status append_blocks(Stream& stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves);
  void note_blocks(std::uint64_t from, std::uint64_t to);
  void note_progress(std::uint64_t bytes);
  [[nodiscard]] ByteRange bytes_of(cache::Interval blocks) const;
  [[nodiscard]] std::uint64_t fresh_bytes(cache::Interval blocks) const;
  [[nodiscard]] std::vector<cache::Interval> gaps_of(ByteRange window) const;
  void open_writing(Stream& stream);
  bool flush(std::uint64_t id);
  void drained();
  void blocks_written(ByteRange range);
  void tell_blocks(Stream& stream);
  [[nodiscard]] bool writer_behind() const { return writer_->queued() > cache::ContentWriter::kHighWater; }
  void end_covered(std::uint64_t bringer);

  // fill_peers.cpp
  [[nodiscard]] bool is_peer(std::size_t source) const;
  [[nodiscard]] bool peers_can_go_on();
  void source_changed(std::size_t source);
  void watch();
  void look();
  void take_from_stalled(SteadyTime now);
  void revise_all();
  [[nodiscard]] std::vector<Delivery> deliveries() const;
  void make(const Revision& revision);
  void apply_pace();

  // fill_crowd.cpp
  [[nodiscard]] Source* crowd_source() const;
  void leave_to_crowd(const SourceSlot& slot, SourceState& state) const;
  [[nodiscard]] bool waits_for_crowd() const;
  void tell_origin(const Stream& stream);
  void tell_filled(const Stream& stream, std::uint64_t from);
  void look_at_crowd(SteadyTime now);
  void tell_without_origin();

  FillEvents& events_;
  Runtime runtime_;
  Options options_;
  std::vector<SourceSlot> sources_;
  std::map<std::uint64_t, Stream> streams_;
  std::uint64_t next_stream_ = 1;
  std::unique_ptr<cache::ContentWriter> writer_;
  std::optional<std::uint64_t> size_;
  std::optional<cache::SegmentLayout> layout_;
  cache::IntervalSet got_;  // blocks that came, or were there; of known size
  bool bound_ = false;
  bool resumable_ = false;
  bool end_known_ = false;  // unknown size: the stream has ended
  bool stopped_ = false;
  bool pumping_ = false;
  bool complete_ = false;  // the writer finishes; segments are still committed
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
  std::optional<Error> last_break_;  // of the origin, while peers go on; else of peers
  std::uint64_t came_ = 0;           // received_ when something came last, as far as looked
  SteadyTime came_at_{};
  bool forsaken_ = false;  // by the crowd: the origin is asked whatever it says
};

}  // namespace larder::agent
