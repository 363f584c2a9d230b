#include "agent/transfer/source/origin_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/transfer/rules/transfer_rules.h"
#include "agent/transfer/source/origin_source.h"
#include "base/io/log.h"

namespace larder::agent {

OriginStream::OriginStream(OriginSource& source, SourceStreamId id, Task task, std::shared_ptr<SourceEvents> events)
    : source_(&source), id_(id), task_(std::move(task)), events_(std::move(events)) {}

void OriginStream::start() {
  request_part();
}

void OriginStream::stop() {
  if (source_ == nullptr) return;
  if (fetch_) source_->origin_.cancel(*fetch_);
  fetch_.reset();
  source_ = nullptr;
}

// Returns true where a single request must serve all parts, since another edition would go unnoticed in a second one.
bool OriginStream::whole_answer() const {
  if (!task_.fetch.expected || !task_.windows) return true;
  return task_.parts.size() > 1 && !task_.fetch.expected->has_validator();
}

void OriginStream::request_part() {
  const auto& expected = task_.fetch.expected;
  if (requests_ > 0 && expected && !expected->has_validator()) {
    return finish_stream(
        fail(ErrorCode::range_not_supported, "fetch ranges of " + log::redact_url(task_.fetch.target.url.canonical()),
             "the origin gives neither ETag nor Last-Modified, so ranges that are not in ascending order "
             "could be of different editions; ask for the whole file"));
  }
  const ByteRange& part = task_.parts[part_];
  requested_whole_ = whole_answer();
  task_.fetch.offset = requested_whole_ ? 0 : part.offset;
  task_.fetch.length.reset();
  const bool to_the_end = part.length == kUnknownEnd || part.end() == task_.whole_size;
  if (!requested_whole_ && !to_the_end) task_.fetch.length = part.length;
  task_.fetch.max_rate = rate_;
  outstanding_before_ += outstanding_;
  outstanding_ = 0;
  phase_ = Phase::reading;
  ++requests_;
  fetch_ = source_->origin_.fetch(task_.fetch, shared_from_this());
}

void OriginStream::on_edition(const origin::Edition& edition, std::uint64_t offset) {
  if (source_ == nullptr) return;
  const auto self = shared_from_this();
  const std::string doing = "fetch " + log::redact_url(task_.fetch.target.url.canonical());
  if (task_.fetch.expected && !may_be_of(*task_.fetch.expected, edition.version)) {
    return finish_stream(fail(ErrorCode::version_changed, doing, "the answer is of another edition than expected"));
  }
  const std::uint64_t wanted = task_.parts[part_].offset;
  if (offset > wanted) {
    return finish_stream(fail(ErrorCode::bad_response, doing,
                              fmt::format("the answer begins at byte {} although {} was asked for", offset, wanted)));
  }
  position_ = offset;
  goes_on_ = requested_whole_ || !task_.fetch.length || offset < wanted;
  const bool no_windows = task_.fetch.expected && (!task_.windows || (!requested_whole_ && offset < wanted));
  if (no_windows) source_->windows_ = false;
  if (answered_) return;
  answered_ = true;
  events_->on_answer(&edition, no_windows);
}

void OriginStream::on_data(Buffer bytes) {
  if (source_ == nullptr || !fetch_) return;
  const auto self = shared_from_this();
  outstanding_ += bytes.size();
  // Usually the whole buffer is wanted and passed on as it is. Otherwise it is cut into wanted and wasted bytes.
  const ByteRange& part = task_.parts[part_];
  if (phase_ == Phase::reading && position_ == part.offset + delivered_ && bytes.size() <= part.length - delivered_) {
    position_ += bytes.size();
    deliver(std::move(bytes));
  } else {
    cut(bytes.bytes());
  }
  if (source_ != nullptr) act_on_phase();
}

void OriginStream::cut(Bytes bytes) {
  while (!bytes.empty() && source_ != nullptr && phase_ == Phase::reading) {
    const ByteRange& part = task_.parts[part_];
    const std::uint64_t wanted = part.offset + delivered_;
    const bool before = position_ < wanted;
    const std::uint64_t limit = before ? wanted - position_ : part.length - delivered_;
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), limit));
    position_ += take;
    if (before) {
      events_->on_wasted(take);
      consumed(take);
    } else {
      deliver(copy_of(bytes.first(take)));
    }
    bytes = bytes.subspan(take);
  }
  if (bytes.empty() || source_ == nullptr) return;
  events_->on_wasted(bytes.size());  // beyond the wanted parts of this answer
  consumed(bytes.size());
}

void OriginStream::deliver(Buffer bytes) {
  delivered_ += bytes.size();
  events_->on_data(std::move(bytes));
  if (source_ != nullptr && delivered_ == task_.parts[part_].length) phase_ = after_part();
}

OriginStream::Phase OriginStream::after_part() {
  const bool answer_over = !goes_on_ || (task_.whole_size && position_ == *task_.whole_size);
  if (part_ + 1 == task_.parts.size()) return answer_over ? Phase::ending : Phase::complete;
  ++part_;
  delivered_ = 0;
  if (answer_over) return Phase::between;
  return position_ <= task_.parts[part_].offset ? Phase::reading : Phase::again;
}

void OriginStream::act_on_phase() {
  if (phase_ != Phase::complete && phase_ != Phase::again) return;
  source_->origin_.cancel(*fetch_);
  fetch_.reset();
  if (phase_ == Phase::complete) return finish_stream({});
  request_part();
}

void OriginStream::on_done(Status status) {
  if (source_ == nullptr || !fetch_) return;
  const auto self = shared_from_this();
  fetch_.reset();
  if (!status) return finish_stream(std::move(status));
  if (phase_ == Phase::between) return request_part();
  const bool open_end = task_.parts[part_].length == kUnknownEnd;
  if (phase_ == Phase::reading && !open_end) return finish_stream(tl::unexpected<Error>(short_answer()));
  finish_stream({});
}

Error OriginStream::short_answer() const {
  const std::string doing = "fetch " + log::redact_url(task_.fetch.target.url.canonical());
  if (!task_.whole_size && task_.parts[part_].length != kUnknownEnd) {
    return Error{ErrorCode::invalid_argument, doing,
                 fmt::format("the file ends at byte {}, before the end of a range that was asked for", position_)};
  }
  return Error{ErrorCode::connection_lost, doing,
               fmt::format("the answer ended at byte {}, before its end", position_)};
}

void OriginStream::finish_stream(Status status) {
  const auto self = shared_from_this();
  OriginSource* source = source_;
  const auto events = events_;
  stop();
  // Bytes still queued at the receiver need no report of consumption any more.
  source->forget_stream(id_);
  events->on_done(std::move(status));
}

void OriginStream::consumed(std::size_t bytes) {
  const std::size_t settled = std::min(outstanding_before_, bytes);
  outstanding_before_ -= settled;
  bytes = std::min(bytes - settled, outstanding_);
  outstanding_ -= bytes;
  if (bytes > 0 && fetch_ && source_ != nullptr) source_->origin_.consumed(*fetch_, bytes);
}

void OriginStream::set_rate(std::uint64_t bytes_per_second) {
  rate_ = bytes_per_second;
  if (fetch_ && source_ != nullptr) source_->origin_.set_rate(*fetch_, bytes_per_second);
}

}  // namespace larder::agent
