// The second half of a writer: from complete segments to the index, and the end.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash/merkle.h"
#include "cache/write/content_hash.h"
#include "cache/write/writer.h"

namespace larder::cache {
namespace {

// Up to this many leaves, computing the root takes less time than a switch to a disk thread.
constexpr std::size_t kLeavesOnLoop = 16;

}  // namespace

Digest WriterCore::root_of(const Leaves& leaves) const {
  const SegmentLayout layout(*size_);
  return layout.count() == 1 ? content_root(leaves) : merkle_root(leaves, layout.segment_blocks());
}

void WriterCore::segment_whole(WholeSegment segment) {
  const std::uint64_t index = segment.index;
  ++uncommitted_;
  committing_bytes_.bytes += SegmentLayout(*size_).range(index).length;
  committing_bytes_.of_peers += segment.peer_bytes;
  committing_[index].segment = {index,
                                {},
                                std::move(segment.leaves),
                                segment.source,
                                std::move(segment.fetched_for),
                                segment.peer_bytes,
                                std::move(segment.attestation),
                                segment.source == Source::origin ? version_name_ : Digest{},
                                segment.transport};
  start_root(index);
  sync_segment(index);
}

void WriterCore::start_root(std::uint64_t index) {
  Committing& committing = committing_.at(index);
  if (committing.segment.leaves->size() <= kLeavesOnLoop) {
    committing.segment.root = root_of(*committing.segment.leaves);
    committing.has_root = true;
    return;
  }
  host()->disk().submit([self = shared_from_this(), leaves = committing.segment.leaves, index]() mutable -> Task {
    const Digest root = self->root_of(*leaves);
    return [self = std::move(self), index, root] {
      if (self->host() == nullptr) return;
      Committing& rooted = self->committing_.at(index);
      rooted.segment.root = root;
      rooted.has_root = true;
      self->segment_part_done(index);
    };
  });
}

void WriterCore::sync_segment(std::uint64_t index) {
  host()->sync().request(file_, [self = shared_from_this(), index](Result<FileStat> left) {
    if (self->host() == nullptr) return;
    if (left) {
      self->last_synced_state_ = *left;
    } else {
      self->sound_ = false;  // the durable part of the file is not known any more
      self->fail(left.error());
    }
    self->committing_.at(index).synced = true;
    self->segment_part_done(index);
  });
}

void WriterCore::segment_part_done(std::uint64_t index) {
  const auto found = committing_.find(index);
  if (!found->second.has_root || !found->second.synced) return;
  ready_.push_back(std::move(found->second.segment));
  committing_.erase(found);
  commit_ready();
  advance();
}

bool WriterCore::all_committed() const {
  return !hashing_ && committing_.empty() && commits_.count() == 0;
}

bool WriterCore::all_ready() const {
  return size_ && committed_.size() + ready_.size() == SegmentLayout(*size_).count();
}

index::Commit WriterCore::ready_commit() const {
  const SegmentLayout layout(*size_);
  index::Commit commit;
  commit.id = id_;
  commit.content_size = *size_;
  commit.segments = ready_;
  for (const index::Segment& segment : ready_) commit.added_bytes += layout.range(segment.index).length;
  if (last_synced_state_)
    commit.mark = {last_synced_state_->inode, last_synced_state_->size, last_synced_state_->modified_ns};
  return commit;
}

void WriterCore::commit_ready() {
  if (!sound_ || ready_.empty()) return;
  if (finish_ && all_ready() && commits_.count() == 0) return;  // committed with the completion, in one transaction
  index::Commit commit = ready_commit();
  host()->commit(std::move(commit), [self = shared_from_this(), segments = std::exchange(ready_, {}),
                                     hold = commits_.begin()](Status done) mutable {
    hold.release();
    if (self->host() == nullptr) return;
    if (done) {
      self->add_committed(segments);
    } else {
      self->sound_ = false;
      self->fail(done.error());
    }
    self->advance();
  });
}

void WriterCore::add_committed(const std::vector<index::Segment>& segments) {
  const SegmentLayout layout(*size_);
  for (const index::Segment& segment : segments) {
    const SegmentInfo info{segment.index,       layout.range(segment.index), segment.root,
                           segment.source,      segment.fetched_for,         segment.peer_bytes,
                           segment.attestation, segment.fetched_as,          segment.transport};
    const auto at = std::lower_bound(committed_.begin(), committed_.end(), info.index,
                                     [](const SegmentInfo& one, std::uint64_t index) { return one.index < index; });
    committed_.insert(at, info);
    committing_bytes_.bytes -= info.range.length;
    committing_bytes_.of_peers -= info.peer_bytes;
    if (handle_ == nullptr) continue;
    const auto on_segment = handle_->on_segment;  // a copy: the callback may destroy the handle
    if (on_segment) on_segment(info);
  }
  uncommitted_ -= std::min(uncommitted_, segments.size());
  tell_drained();
}

void WriterCore::finish_content(bool want_sha256, UniqueFunction<void(Result<ContentInfo>)> done) {
  const std::string doing = "finish content " + id_;
  std::optional<Error> refused = failed_;
  if (!refused && (finish_ || finished_)) refused = Error{ErrorCode::invalid_state, doing, "it is finished already"};
  if (!refused && !size_ && !set_end_) refused = Error{ErrorCode::invalid_state, doing, "its size is not known"};
  if (!refused) {
    while (!streams_.empty()) close_stream(streams_.begin()->first);
    while (!spans_.empty()) close_span(spans_.begin()->first);
    std::uint64_t bytes = 0;
    for (const ByteRange& range : missing()) bytes += range.length;
    if (bytes > 0) refused = Error{ErrorCode::invalid_state, doing, fmt::format("{} bytes of it are missing", bytes)};
  }
  if (host() == nullptr) return;
  if (refused) {
    host()->post([done = std::move(done), error = *refused]() mutable { done(tl::unexpected(error)); });
    return;
  }
  finish_ = Finish{want_sha256, false, std::move(done)};
  if (size_ == 0 && committed_.empty()) segment_whole({0, std::make_shared<Leaves>(), Source::origin, {}});
  advance();
}

void WriterCore::cut_unknown_size() {
  auto segments = table_.set_size(*set_end_);
  if (!segments) {
    return fail(
        Error{ErrorCode::invalid_state, "finish content " + id_, fmt::format("its bytes do not end at {}", *set_end_)});
  }
  size_ = set_end_;
  for (WholeSegment& segment : *segments) segment_whole(std::move(segment));
}

void WriterCore::try_finish() {
  if (!finish_ || finish_->started || failed_ || jobs_.count() > 0 || !all_committed()) return;
  if (!size_) {
    cut_unknown_size();
    if (failed_ || !all_committed()) return;
  }
  if (!all_ready()) return;
  finish_->started = true;
  if (last_synced_state_) return find_sha256();
  sync_for_finish();
}

// Syncs for the file's state: all segments were committed by an earlier writer, so this one has not synced.
void WriterCore::sync_for_finish() {
  host()->sync().request(file_, [self = shared_from_this()](Result<FileStat> left) {
    if (self->host() == nullptr) return;
    if (!left) {
      self->fail(left.error());
      return self->advance();
    }
    self->last_synced_state_ = *left;
    self->find_sha256();
  });
}

void WriterCore::find_sha256() {
  if (auto hashed = ordered_.finish(*size_)) return complete(hashed);
  if (*size_ == 0) return complete(sha256({}));
  if (*size_ <= kBlockSize) return complete(committed_.empty() ? ready_.front().root : committed_.front().root);
  if (!finish_->want_sha256) return complete(std::nullopt);
  read_for_sha256(std::make_shared<Sha256>(), 0);
}

void WriterCore::read_for_sha256(std::shared_ptr<Sha256> hash, std::uint64_t offset) {
  host()->disk().submit([self = shared_from_this(), hash = std::move(hash), offset]() mutable -> Task {
    const auto file = self->file_->open();
    Result<std::uint64_t> reached = offset;
    if (file) {
      reached = hash_step(**file, self->id_, *hash, offset, *self->size_);
    } else {
      reached = tl::unexpected(file.error());
    }
    return [self = std::move(self), hash = std::move(hash), reached = std::move(reached)]() mutable {
      if (self->host() == nullptr) return;
      if (!reached) {
        self->fail(reached.error());
        return self->advance();
      }
      if (*reached < *self->size_) return self->read_for_sha256(std::move(hash), *reached);
      self->complete(hash->finish());
    };
  });
}

void WriterCore::complete(std::optional<Digest> sha256) {
  if (failed_) return advance();
  std::vector<std::pair<std::uint64_t, Digest>> ordered;
  ordered.reserve(committed_.size() + ready_.size());
  for (const SegmentInfo& segment : committed_) ordered.emplace_back(segment.index, segment.root);
  for (const index::Segment& segment : ready_) ordered.emplace_back(segment.index, segment.root);
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Digest> roots;
  roots.reserve(ordered.size());
  for (const auto& [index, root] : ordered) roots.push_back(root);

  index::Completion completion;
  completion.commit = ready_commit();
  completion.version = version_;
  completion.root =
      roots.size() == 1 ? roots.front() : fold_segment_roots(roots, SegmentLayout(*size_).segment_blocks());
  completion.sha256 = sha256;
  host()->complete(std::move(completion), [self = shared_from_this(),
                                           segments = std::exchange(ready_, {})](Result<ContentInfo> result) mutable {
    if (self->host() == nullptr) return;
    if (!result) {
      self->fail(result.error());
      return self->advance();
    }
    self->finished_ = true;
    self->add_committed(segments);
    self->answer_finish(std::move(result));
    self->advance();
  });
}

void WriterCore::answer_finish(Result<ContentInfo> result) {
  if (!finish_) return;
  auto done = std::move(finish_->done);
  finish_.reset();
  if (done) done(std::move(result));
}

}  // namespace larder::cache
