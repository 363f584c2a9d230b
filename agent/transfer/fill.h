// Filling one content: asks the plan for windows, runs the streams, hands their bytes to the writer with back-pressure
// both ways, and answers for every byte received: committed, still in flight, or wasted.
//
// Begins either with a writer (bind, then pump) or with one run of everything whose answer is the probe
// (start_as_probe); then the bytes wait, bounded by the source, until the writer is there. Ends once: complete() or
// broken(). Loop thread only. Owned by run.h, which keeps it until the loop's next turn after its end.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/transfer/plan.h"
#include "agent/transfer/source.h"
#include "agent/transfer/transfer_rules.h"
#include "cache/content_writer.h"
#include "cache/segments.h"

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
    std::string doing;  // for errors: "fetch https://…"
  };
  Fill(FillEvents& events, Options options);
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  void add_source(std::shared_ptr<Source> source);
  void start_as_probe();  // with the one source that there is
  // The content's size is the writer's; `resumable`: another stream can go on where one broke, and a change of edition
  // would be noticed.
  void bind(std::unique_ptr<cache::ContentWriter> writer, bool resumable);
  // Nothing is called any more, all streams end.
  void stop();
  void set_rate(std::uint64_t bytes_per_second);
  // Stops, and lets go of the content at once: it is about to be released. Not from within the writer's callbacks.
  void drop_writer();

  [[nodiscard]] cache::ContentWriter* writer() { return writer_.get(); }
  [[nodiscard]] std::uint64_t received() const { return received_; }  // kept so far, without what was wasted
  // Received and not committed (yet): lost if the fill ends here.
  [[nodiscard]] std::uint64_t uncommitted() const { return received_ > committed_ ? received_ - committed_ : 0; }

 private:
  class Inlet;
  struct Stream {
    std::size_t source = 0;
    RunId run = 0;
    ByteRange window;
    std::uint64_t position = 0;  // of the content: next byte to come
    std::uint64_t written = 0;   // next byte to append; behind `position` while bytes wait for the writer
    std::optional<cache::StreamId> writing;
    std::string account;
    std::deque<Buffer> waiting;
    std::size_t unconsumed = 0;
    bool ended = false;  // well, while bytes wait
  };
  struct SourceSlot {
    std::shared_ptr<Source> source;
    bool usable = true;
    unsigned max_streams = 1;
    bool whole_only = false;
  };

  void open(std::size_t source, ByteRange window);
  void pump();
  [[nodiscard]] PlanInput plan_input() const;
  [[nodiscard]] std::size_t streams_of(std::size_t source) const;
  [[nodiscard]] Stream* find(std::uint64_t id);

  void stream_answered(std::uint64_t id, const origin::Edition* edition, bool whole);
  void stream_data(std::uint64_t id, Buffer bytes);
  void stream_wasted(std::uint64_t bytes);
  void stream_done(std::uint64_t id, Status status);
  void stream_ended(std::uint64_t id);
  void stream_broke(std::uint64_t id, const Error& error);
  void start_over(std::size_t source);
  void close(std::uint64_t id);

  Status write(Stream& stream, Buffer bytes);
  Status append(Stream& stream, Buffer bytes);
  void open_writing(Stream& stream);
  bool flush(std::uint64_t id);
  void drained();
  void share_rate();
  void complete();
  void broken(const Error& error);

  FillEvents& events_;
  Options options_;
  std::vector<SourceSlot> sources_;
  std::map<std::uint64_t, Stream> streams_;
  std::uint64_t next_stream_ = 1;
  std::unique_ptr<cache::ContentWriter> writer_;
  std::optional<std::uint64_t> size_;
  std::optional<cache::SegmentLayout> layout_;
  bool bound_ = false;
  bool resumable_ = false;
  bool end_known_ = false;  // unknown size: the stream has ended
  bool stopped_ = false;
  bool pumping_ = false;
  bool complete_ = false;  // the writer finishes; segments are still committed
  std::uint64_t received_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t since_break_ = 0;
};

}  // namespace larder::agent
