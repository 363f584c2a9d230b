#include "agent/transfer/source/origin_source.h"

#include "agent/transfer/source/origin_run.h"

namespace larder::agent {

OriginSource::OriginSource(origin::Origin& origin, origin::Target target, bool no_cache)
    : origin_(origin), target_(std::move(target)), no_cache_(no_cache) {}

OriginSource::~OriginSource() {
  for (auto& [id, stream] : streams_) stream->stop();
}

void OriginSource::bind(const origin::Edition& edition, PieceMap map) {
  expected_ = edition.version;
  map_ = std::move(map);
  windows_ = edition.ranges && !edition.one_stream;
}

SourceStreamId OriginSource::start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) {
  const SourceStreamId id = next_stream_++;
  OriginStream::Task task;
  task.fetch.target = target_;
  task.fetch.expected = expected_;
  // The probe asks past intermediate caches, also when it is the GET itself (docs/design.md, The origin).
  task.fetch.no_cache = no_cache_ || !expected_;
  task.parts = map_.parts(window);
  task.whole_size = map_.origin_size();
  task.windows = windows_;
  auto stream = std::make_shared<OriginStream>(*this, id, std::move(task), std::move(events));
  streams_.emplace(id, stream);
  stream->start();
  return id;
}

void OriginSource::cancel_stream(SourceStreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->stop();
  streams_.erase(found);
}

void OriginSource::consumed(SourceStreamId stream, std::size_t bytes) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) found->second->consumed(bytes);
}

void OriginSource::set_rate(SourceStreamId stream, std::uint64_t bytes_per_second) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) found->second->set_rate(bytes_per_second);
}

void OriginSource::forget_stream(SourceStreamId stream) {
  streams_.erase(stream);
}

}  // namespace larder::agent
