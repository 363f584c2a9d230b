#include "tests/unit/transfer/fake_origin.h"

#include <algorithm>
#include <cstring>

#include "base/runtime/loop.h"

namespace larder::test {

std::vector<std::byte> edition_bytes(std::uint64_t seed, std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (std::size_t at = 0; at < size; at += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(bytes.data() + at, &state, std::min(sizeof state, size - at));
  }
  return bytes;
}

FakeFile make_file(const std::string& url, std::uint64_t seed, std::size_t size) {
  FakeFile file;
  file.bytes = edition_bytes(seed, size);
  file.edition.version = {url, size, "\"e" + std::to_string(seed) + "\"", "Mon, 02 Jan 2023 03:04:05 GMT"};
  file.edition.ranges = true;
  file.edition.effective_url = url;
  return file;
}

void FakeOrigin::after(Duration delay, origin::FetchId id, void (FakeOrigin::*next)(origin::FetchId)) {
  runtime_.timers.after(delay, alive_.guard([this, id, next] {
    if (runs_.count(id) > 0) (this->*next)(id);
  }));
}

void FakeOrigin::publish(const std::string& url, FakeFile file) {
  files[url] = std::move(file);
  for (auto& [id, run] : runs_) {
    if (run->file && run->fetch.target.url.canonical() == url) run->behaviour.break_after = run->sent;
  }
}

origin::FetchId FakeOrigin::probe(const origin::Target& target, UniqueFunction<void(Result<origin::Edition>)> done) {
  ++probes;
  auto run = std::make_shared<Run>();
  run->fetch.target = target;
  run->probe_done = std::move(done);
  runs_.emplace(next_, std::move(run));
  after(latency, next_, &FakeOrigin::answer);
  return next_++;
}

origin::FetchId FakeOrigin::fetch(const origin::Fetch& fetch, std::shared_ptr<origin::FetchEvents> events) {
  fetches.push_back(fetch);
  auto run = std::make_shared<Run>();
  run->fetch = fetch;
  run->events = std::move(events);
  if (!script.empty()) {
    run->behaviour = script.front();
    script.pop_front();
  } else if (behave) {
    run->behaviour = behave(fetch);
  }
  runs_.emplace(next_, std::move(run));
  after(latency, next_, &FakeOrigin::answer);
  return next_++;
}

const FakeFile* FakeOrigin::file_for(const origin::Target& target, bool head) const {
  if (const auto& options = target.options) {
    if (const auto found = by_proxy.find(options->proxy); found != by_proxy.end()) return &found->second;
    for (const auto& [name, value] : options->headers) {
      if (const auto found = by_header.find(name); found != by_header.end()) return &found->second;
    }
  }
  const std::string url = target.url.canonical();
  const auto& answers = head && heads.count(url) > 0 ? heads : files;
  const auto found = answers.find(url);
  return found == answers.end() ? nullptr : &found->second;
}

void FakeOrigin::answer(origin::FetchId id) {
  const auto run = runs_.at(id);
  const std::string url = run->fetch.target.url.canonical();
  const bool head = static_cast<bool>(run->probe_done);
  const FakeFile* const file = file_for(run->fetch.target, head);
  if (unreachable) return finish(id, tl::unexpected<Error>(Error(*unreachable)));
  if (run->behaviour.refuse) return finish(id, tl::unexpected<Error>(*run->behaviour.refuse));
  if (file == nullptr) return finish(id, fail(ErrorCode::not_found, "fetch " + url, "404"));
  if (head) {
    auto done = std::move(run->probe_done);
    const origin::Edition edition = file->edition;
    runs_.erase(id);
    return done(edition);
  }
  run->file = *file;
  const cache::Version& now = run->file->edition.version;
  const auto& expected = run->fetch.expected;
  if (expected && (expected->etag != now.etag || expected->last_modified != now.last_modified ||
                   (expected->size && now.size && expected->size != now.size))) {
    return finish(id, fail(ErrorCode::version_changed, "fetch " + url, "another edition"));
  }
  const std::uint64_t size = run->file->bytes.size();
  const bool whole = run->behaviour.whole || !run->file->edition.ranges;
  if (!whole && run->fetch.offset > size) {
    return finish(id, fail(ErrorCode::range_not_supported, "fetch " + url, "416"));
  }
  run->position = whole ? 0 : run->fetch.offset;
  run->end = whole || !run->fetch.length ? size : std::min(size, run->fetch.offset + *run->fetch.length);
  after(gap, id, &FakeOrigin::step);
  run->events->on_edition(run->file->edition, run->position);
}

void FakeOrigin::step(origin::FetchId id) {
  const auto run = runs_.at(id);
  const auto& limit = run->behaviour.break_after;
  if (limit && run->sent >= *limit) {
    if (run->behaviour.silent_end) return finish(id, {});
    return finish(id, fail(run->behaviour.break_code, "fetch", "the connection broke"));
  }
  if (run->position == run->end) return finish(id, {});
  if (run->behaviour.stall_after && run->sent >= *run->behaviour.stall_after) return;
  if (run->outstanding >= origin::HttpClient::kWindow) {
    run->stuck = true;
    return;
  }
  std::uint64_t length = std::min<std::uint64_t>(chunk, run->end - run->position);
  length = std::min<std::uint64_t>(length, origin::HttpClient::kWindow - run->outstanding);
  if (limit) length = std::min(length, *limit - run->sent);
  Buffer buffer = copy_of(Bytes(run->file->bytes).subspan(run->position, length));
  run->position += length;
  run->sent += length;
  run->outstanding += length;
  delivered += length;
  most_outstanding = std::max(most_outstanding, run->outstanding);
  after(gap, id, &FakeOrigin::step);
  run->events->on_data(std::move(buffer));
}

void FakeOrigin::finish(origin::FetchId id, Status status) {
  const auto run = runs_.at(id);
  runs_.erase(id);
  if (run->probe_done) return run->probe_done(tl::unexpected<Error>(status.error()));
  run->events->on_done(std::move(status));
}

void FakeOrigin::cancel(origin::FetchId id) {
  runs_.erase(id);
}

void FakeOrigin::consumed(origin::FetchId id, std::size_t bytes) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return;
  Run& run = *found->second;
  run.outstanding -= std::min(run.outstanding, bytes);
  if (!std::exchange(run.stuck, false)) return;
  after({}, id, &FakeOrigin::step);
}

void FakeOrigin::set_rate(origin::FetchId id, std::uint64_t bytes_per_second) {
  rates[id] = bytes_per_second;
}

}  // namespace larder::test
