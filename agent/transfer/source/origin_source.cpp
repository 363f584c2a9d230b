#include "agent/transfer/source/origin_source.h"

#include "agent/transfer/source/origin_run.h"

namespace larder::agent {

OriginSource::OriginSource(origin::Origin& origin, origin::Target target, bool no_cache)
    : origin_(origin), target_(std::move(target)), no_cache_(no_cache) {}

OriginSource::~OriginSource() {
  for (auto& [id, run] : runs_) run->stop();
}

void OriginSource::bind(const origin::Edition& edition, PieceMap map) {
  expected_ = edition.version;
  map_ = std::move(map);
  windows_ = edition.ranges && !edition.one_stream;
}

RunId OriginSource::start(ByteRange window, std::shared_ptr<SourceEvents> events) {
  const RunId id = next_run_++;
  OriginRun::Task task;
  task.fetch.target = target_;
  task.fetch.expected = expected_;
  // The probe asks past intermediate caches, also when it is the GET itself (docs/design.md, The origin).
  task.fetch.no_cache = no_cache_ || !expected_;
  task.parts = map_.parts(window);
  task.whole_size = map_.origin_size();
  task.windows = windows_;
  auto run = std::make_shared<OriginRun>(*this, id, std::move(task), std::move(events));
  runs_.emplace(id, run);
  run->start();
  return id;
}

void OriginSource::cancel(RunId run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  found->second->stop();
  runs_.erase(found);
}

void OriginSource::consumed(RunId run, std::size_t bytes) {
  const auto found = runs_.find(run);
  if (found != runs_.end()) found->second->consumed(bytes);
}

void OriginSource::set_rate(RunId run, std::uint64_t bytes_per_second) {
  const auto found = runs_.find(run);
  if (found != runs_.end()) found->second->set_rate(bytes_per_second);
}

void OriginSource::forget(RunId run) {
  runs_.erase(run);
}

}  // namespace larder::agent
