// Download: what happens to its content when the origin's edition changed.
#include <algorithm>
#include <utility>

#include "agent/transfer/download.h"
#include "base/io/log.h"
#include "cache/cache.h"

namespace larder::agent {

// Starts over with the new edition; other files of the job are not affected. The old partial content stays held until
// the new one is complete, since the origin may return to it.
void Download::start_over(std::string_view why, bool may_come_back) {
  const bool probed_only = fill_ && fill_->received() == 0 && committed_before_ == 0;
  const bool again = restarts_.restart();
  give_up_content(again && may_come_back && !request_.origin_alone);
  if (!again) {
    return abandon_all(
        [](Download& self) { self.fail_members(self.restarts_.given_up(self.request_.target.url.canonical())); });
  }
  for (const MemberPtr& member : members_) member->restarts = restarts_.restarts();
  log::info("{}, starting over file={} restarts={} url={}", why, members_.front()->file_id(), restarts_.restarts(),
            log::redact_url(request_.target.url.canonical()));
  report_progress();
  if (ended_) return;
  // If the very first GET contradicts the probe before it, the probe is distrusted (a HEAD may be answered by another
  // server or program than a GET): the next probe is a GET.
  const bool get = request_.ranges.empty() && (request_.origin_alone || probed_only);
  if (get) return fetch_as_probe();
  probe_origin();
}

// `may_come_back`: a partial content that could be continued stays held.
void Download::give_up_content(bool may_come_back) {
  const auto self = shared_from_this();
  if (fill_) on_fill_wasted(fill_->uncommitted());
  if (edition_ && edition_->version.has_validator() && !offline_) begun_with_ = first_answer_of(*edition_);
  const bool aside = may_come_back && set_part_aside();
  for (const MemberPtr& member : members_) {
    if (!aside && writer() != nullptr) member->wasted += fetched_for(writer()->committed(), member->file_id());
  }
  ++attempt_;
  finishing_ = false;
  if (fill_) fill_->drop_writer();
  waiting_.reset();
  for (const MemberPtr& member : members_) {
    if (content_.empty() || aside) break;
    context_.cache.release(content_, member->file_id(), [](Status status) {
      if (!status) log::warn("content of another edition not released error={}", status.error().text());
    });
  }
  end_fill();
  copy_.reset();
  edition_.reset();
  privacy_ = before_answer_;
  content_.clear();
  prefix_ = {};
  contiguous_ = committed_before_ = 0;
  contradicted_ = false;
  map_ = PieceMap::whole(std::nullopt);
  revalidate_ = true;
}

// Sets the partial content aside. Returns false if it could not be continued.
bool Download::set_part_aside() {
  if (content_.empty() || writer() == nullptr || contradicted_) return false;
  cache::ContentInfo info;
  info.id = content_;
  info.size = map_.content_size();
  info.bytes_held = bytes_of(writer()->committed());
  info.shareable = found_by_others_;
  info.offered = offers();
  info.versions = {wanted_};
  info.created = context_.runtime.clock.wall();  // the origin named its edition in this attempt
  if (!offline_) info.first_answer = first_answer_of(*edition_);
  if (!can_go_on(info)) return false;
  for (const MemberPtr& member : members_) member->own_contents.push_back(info);
  aside_ = Aside{std::move(info), writer()->committed(), contiguous_};
  return true;
}

// Corrects `wasted` when the content set aside is adopted again: segments that were still on their way to the disk
// then, and counted as wasted, are committed now.
void Download::count_as_used(std::uint64_t committed) {
  const std::uint64_t more = committed - std::min(committed, aside_->info.bytes_held);
  std::uint64_t& wasted = members_.front()->wasted;
  wasted -= std::min(wasted, more);
}

// Releases all contents that the members hold but the current one. `then` is not called once the download
// has ended.
void Download::abandon_all(UniqueFunction<void(Download&)> then) {
  aside_.reset();
  auto left = std::make_shared<std::size_t>(members_.size());
  auto last = std::make_shared<UniqueFunction<void(Download&)>>(std::move(then));
  const auto members = members_;
  for (const MemberPtr& member : members) {
    abandon_all_but(context_.cache, member, content_, [weak = weak_from_this(), attempt = attempt_, left, last] {
      if (--*left > 0) return;
      const auto self = weak.lock();
      if (self && !self->ended_ && self->attempt_ == attempt) (*last)(*self);
    });
  }
}

// Releases the old parts first when the disk is full. Returns false, and does not call `then`, if there are none.
bool Download::abandon_old_parts(UniqueFunction<void(Download&)> then) {
  const bool any = std::any_of(members_.begin(), members_.end(), [this](const MemberPtr& member) {
    return old_part(member->own_contents, content_, request_.target.url.canonical()).has_value();
  });
  if (any) abandon_all(std::move(then));
  return any;
}

}  // namespace larder::agent
