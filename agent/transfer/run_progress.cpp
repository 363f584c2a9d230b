// Download: progress reports to its members.
#include <fmt/format.h>

#include <algorithm>

#include "agent/transfer/run.h"

namespace larder::agent {
namespace {

constexpr Duration kProgressInterval = std::chrono::milliseconds(100);

}  // namespace

void Download::schedule_progress() {
  if (ended_ || progress_timer_ != 0 || finishing_) return;
  const Duration since = context_.runtime.clock.now() - last_progress_;
  if (since >= kProgressInterval) return report_progress();
  progress_timer_ = context_.runtime.timers.after(kProgressInterval - since, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->progress_timer_ = 0;
    self->report_progress();
  });
}

void Download::report_progress() {
  const auto self = shared_from_this();
  context_.runtime.timers.cancel(std::exchange(progress_timer_, 0));
  last_progress_ = context_.runtime.clock.now();
  const auto members = members_;
  for (const MemberPtr& member : members) {
    if (ended_) return;
    if (!member->gone) member->events->on_progress(progress_of(*member));
  }
}

// Bytes in flight count for the owner; for the other members they are cache, like all bytes not fetched for them.
TransferProgress Download::progress_of(const Member& member) const {
  TransferProgress progress;
  progress.size = map_.content_size();
  if (aside_ && content_.empty()) return progress_aside(member);
  if (writer() != nullptr) progress.figures = committed_figures(writer()->committed(), member.file_id());
  std::uint64_t in_flight = fill_ && !attempt_failed_ ? fill_->uncommitted() : kept_;
  // A block delivered by two streams at once counts twice until one of them completes it.
  const SourceFigures& so_far = progress.figures;
  const std::uint64_t there = so_far.origin + so_far.peers + so_far.cache;
  if (progress.size) in_flight = std::min(in_flight, *progress.size - std::min(*progress.size, there));
  const bool owner = !members_.empty() && members_.front().get() == &member;
  if (owner && !copy_) {
    const std::uint64_t of_peers = fill_ ? std::min(in_flight, fill_->uncommitted_of_peers()) : 0;
    progress.figures.peers += of_peers;
    progress.figures.origin += in_flight - of_peers;
  } else {
    progress.figures.cache += in_flight;
  }
  progress.bytes = progress.figures.origin + progress.figures.peers + progress.figures.cache;
  progress.figures.wasted = member.wasted;
  if (edition_) progress.version = edition_->version;
  if (edition_) progress.file_name = edition_->file_name;
  progress.content = content_;
  progress.contiguous = contiguous_;
  progress.restarts = member.restarts;
  progress.note = note();
  progress.privacy = privacy_;
  if (fill_) progress.crowd = fill_->crowd();
  return progress;
}

// Returns the figures of the old content while the download is between two editions.
TransferProgress Download::progress_aside(const Member& member) const {
  TransferProgress progress;
  progress.size = aside_->info.size;
  progress.figures = committed_figures(aside_->segments, member.file_id());
  progress.bytes = aside_->info.bytes_held;
  progress.figures.wasted = member.wasted;
  progress.version = aside_->info.versions.front();
  progress.content = aside_->info.id;
  progress.contiguous = aside_->contiguous;
  progress.restarts = member.restarts;
  progress.privacy = privacy_;
  return progress;
}

std::string Download::note() const {
  if (!edition_) return {};
  std::string note;
  if (offline_ && unreachable_) {
    const Duration age = std::max(Duration{}, context_.runtime.clock.wall() - *offline_);
    note = fmt::format("the origin was not asked ({}); this edition was fetched from it {} ago", unreachable_->text(),
                       format_duration(age));
  }
  if (edition_->one_stream) note = "one stream: the origin cannot resume";
  // That a content stays on this machine is of interest only where there are neighbours.
  if (!shareable() || (request_.share && context_.neighbours != nullptr && context_.neighbours->anyone())) {
    const std::string why = origin::privacy_note(privacy_);
    if (!why.empty()) note += (note.empty() ? "" : "; ") + why;
  }
  return note;
}

}  // namespace larder::agent
