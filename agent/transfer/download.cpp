#include "agent/transfer/download.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/transfer/source/peer_source.h"
#include "base/io/log.h"
#include "cache/cache.h"

namespace larder::agent {
namespace {

constexpr std::uint64_t kSmall = kMiB;  // contents up to this size end with their first commit

}  // namespace

Download::Download(TransferContext& context, DownloadHost& host, MemberPtr owner)
    : context_(context),
      host_(host),
      request_(owner->request),
      before_answer_(origin::privacy_before_answer(owner->request.target)),
      revalidate_(owner->request.origin_alone),
      privacy_(before_answer_) {
  request_.target.claim = std::make_shared<origin::Claim>(request_.want);
  members_.push_back(std::move(owner));
}

Download::~Download() {
  abort_download();
}

void Download::abort_download() {
  const bool spoiled = !ended_ && contradicted_ && finishing_;
  ended_ = true;
  ++attempt_;
  if (probe_) context_.origin.cancel(*probe_);
  probe_.reset();
  context_.runtime.timers.cancel(progress_timer_);
  end_fill();
  if (!spoiled) return;
  // The cache would finish the content without this download, and other jobs would find the contradicted bytes.
  context_.cache.drop(content_, [id = content_](const Status& status) {
    if (!status) log::error("contradicted content is not dropped id={} error=\"{}\"", id, status.error().text());
  });
}

// Keeps bytes of unfinished segments for the next attempt, so that the file completes even from an origin which always
// breaks within a segment. Only for an edition that the next attempt can tell from another.
void Download::keep_unfinished() {
  if (contradicted_ || finishing_ || !edition_ || !wanted_.has_validator() || writer() == nullptr) return;
  if (fill_) fill_->stop_streams();
  if (writer()->keep_unfinished()) kept_ = writer()->unfinished().bytes;
}

void Download::end_fill() {
  context_.runtime.timers.cancel(std::exchange(grace_timer_, 0));
  waiting_.reset();
  supply_.reset();
  origin_.reset();
  if (!fill_) return;
  fill_->stop_streams();
  host_.retire_later(std::move(fill_));
  fill_.reset();
}

// Where nothing is known to compare its answer with, the GET itself is the probe (docs/design.md, The origin). Several
// streams need the size before the first one starts, and neighbours need the version.
bool Download::may_start_with_get() const {
  if (!request_.ranges.empty() || request_.parallel_ranges > 1) return false;
  if (request_.origin_alone) return true;
  const Member& owner = *members_.front();
  return !owner.url_known && owner.own_contents.empty() && !asks_neighbours();
}

void Download::start() {
  if (may_start_with_get()) return fetch_as_probe();
  probe_origin();
}

void Download::probe_origin() {
  if (asks_neighbours()) context_.neighbours->prefetch_lookup(request_.target.url.canonical());
  probe_ =
      context_.origin.probe(request_.target, guard<origin::Edition>([](Download& self, Result<origin::Edition> answer) {
                              self.probe_.reset();
                              if (!answer) return self.fail_members(answer.error());
                              if (self.set_edition(*answer)) self.choose_content();
                            }));
}

void Download::fetch_as_probe() {
  make_fill();
  fill_->start_as_probe();
}

void Download::make_fill() {
  Fill::Options options;
  options.parallel_ranges = request_.parallel_ranges;
  options.max_rate = rate();
  options.pace = pace();
  options.doing = "fetch " + log::redact_url(request_.target.url.canonical());
  fill_ = std::make_shared<Fill>(*this, context_.runtime, std::move(options));
  if (copy_) fill_->add_source(copy_);
  if (supply_) fill_->add_source(std::make_shared<PeerSource>(context_.runtime, std::exchange(supply_, nullptr)));
  if (offline_) return;
  origin_ = std::make_shared<OriginSource>(context_.origin, request_.target, revalidate_);
  fill_->add_source(origin_);
}

void Download::on_fill_answer(const origin::Edition& edition) {
  if (!edition_) {
    if (set_edition(edition)) choose_content();
    return;
  }
  if (!edition.file_name.empty()) edition_->file_name = edition.file_name;
  // The source checks the edition. But a HEAD need not carry all that the GET after it carries: cookies, no-store,
  // Vary, the end of the file.
  if (reach_of(edition.privacy) < reach_of(privacy_)) return narrow_privacy(edition.privacy);
  if (!edition.sha256 || !request_.ranges.empty()) return;
  if (edition_->sha256 && edition_->sha256 != edition.sha256) return start_over("the origin promises another digest");
  edition_->sha256 = edition.sha256;
}

// Starts over because a later answer gives the content to fewer than the first did.
void Download::narrow_privacy(origin::Privacy privacy) {
  const auto self = shared_from_this();
  before_answer_ = stricter(before_answer_, privacy);
  start_over(fmt::format("it is for fewer than the first answer said ({})", privacy_info(privacy).code), false);
}

std::optional<Error> Download::doubt_about(const origin::Edition& edition) const {
  std::vector<cache::FirstAnswer> begun = begun_with(members_.front()->own_contents);
  if (begun_with_ && !begun_with_->host.empty()) begun.push_back(*begun_with_);
  const auto why = why_not_the_origins(begun, edition);
  if (!why) return std::nullopt;
  return Error{ErrorCode::http_transient, "fetch " + log::redact_url(request_.target.url.canonical()), *why};
}

// Makes a forbidden redirect retryable for a file that was begun without it: the login page of a network is often at a
// private address, where a redirect from outside may not lead.
Error Download::doubtful(Error error) const {
  const bool begun = (writer() != nullptr && !writer()->committed().empty()) ||
                     std::any_of(members_.begin(), members_.end(), [](const MemberPtr& member) {
                       return std::any_of(member->own_contents.begin(), member->own_contents.end(), can_go_on);
                     });
  if (error.code != ErrorCode::redirect_forbidden || !begun) return error;
  error.code = ErrorCode::http_transient;
  error.detail += "; the file was begun without such a redirect, which need not be the origin's; what is there is kept";
  return error;
}

// Returns false when the download is over.
bool Download::set_edition(const origin::Edition& edition) {
  if (const auto doubt = doubt_about(edition)) {
    fail_members(*doubt);
    return false;
  }
  if (leaves_to_members(edition)) return false;
  edition_ = edition;
  privacy_ = stricter(stricter(before_answer_, edition.privacy),
                      edition.version.has_validator() ? origin::Privacy::shareable : origin::Privacy::no_validator);
  report_connected();
  if (ended_) return false;
  if (!shareable()) split_followers();
  if (const Status status = plan_content(); !status) {
    fail_members(status.error());
    return false;
  }
  if (const auto size = map_.content_size(); size && !refuse_too_large(*size)) return false;
  return true;
}

Status Download::plan_content() {
  const cache::Version& version = edition_->version;
  map_ = PieceMap::whole(version.size);
  wanted_ = version;
  if (request_.ranges.empty()) return {};
  Result<PieceMap> map = PieceMap::of_ranges(request_.ranges, version.size, version.url);
  if (!map) return tl::unexpected<Error>(map.error());
  map_ = std::move(*map);
  wanted_ = version_of_ranges(version, request_.ranges, map_.content_size());
  return {};
}

// Fails the members whose limit is below `size`. Returns false when the download is over.
bool Download::refuse_too_large(std::uint64_t size) {
  const auto members = members_;
  for (const MemberPtr& member : members) {
    const std::uint64_t limit = member->request.max_size;
    if (member->gone || limit == 0 || size <= limit) continue;
    const Error error{ErrorCode::too_large, "fetch " + log::redact_url(request_.target.url.canonical()),
                      fmt::format("the file has {} {} bytes, more than the limit of {}",
                                  map_.content_size() ? "exactly" : "at least", size, limit)};
    const bool last = members_.size() == 1;
    if (last) {
      fail_members(error);
      return false;
    }
    std::erase(members_, member);
    host_.on_download_failed(member, error);
    if (ended_) return false;
  }
  return !ended_;
}

void Download::report_connected() {
  connected_ = true;
  const auto self = shared_from_this();
  const auto members = members_;
  for (const MemberPtr& member : members) {
    if (member->gone || std::exchange(member->connected, true)) continue;
    member->events->on_connected();
  }
}

// Leaves the owner alone in the download: a content that must not be shared serves one file only.
void Download::split_followers() {
  host_.on_download_private(*this);
  const std::vector<MemberPtr> followers(members_.begin() + 1, members_.end());
  members_.resize(1);
  for (const MemberPtr& member : followers) host_.on_must_not_share(member);
}

// Ends the download if the answer is in a coding and was asked for on the digest or signature of an owner that has
// left. The other members ask for themselves.
bool Download::leaves_to_members(const origin::Edition& edition) {
  const bool left = request_.target.bytes_proven && !members_.front()->request.target.bytes_proven;
  if (!edition.coded || !left) return false;
  const auto self = shared_from_this();
  for (const MemberPtr& member : end_members()) {
    if (!member->gone) host_.on_must_not_share(member);
  }
  host_.on_download_over(*this);
  return true;
}

void Download::join(const MemberPtr& member) {
  members_.push_back(member);
  request_.target.claim->add(member->request.want);
  member->restarts = restarts_.restarts();
  update_rate();
  if (!content_.empty()) {
    hold_content(member);
    abandon_all_but_old_part(context_.cache, member, content_, request_.target.url.canonical());
  }
  if (!connected_) return;
  if (const auto size = map_.content_size(); size && !refuse_too_large(*size)) return;
  report_connected();
  if (!ended_ && !member->gone) member->events->on_progress(progress_of(*member));
}

void Download::leave(const MemberPtr& member) {
  std::erase(members_, member);
  request_.target.claim->remove(member->request.want);
  if (!members_.empty()) return update_rate();
  const auto self = shared_from_this();
  keep_unfinished();
  abort_download();
  host_.on_download_over(*this);
}

std::uint64_t Download::rate() const {
  std::uint64_t rate = 0;
  for (const MemberPtr& member : members_) {
    if (member->request.max_rate == 0) return 0;
    rate = std::max(rate, member->request.max_rate);
  }
  return rate;
}

void Download::update_rate() {
  if (!fill_) return;
  fill_->set_rate(rate());
  fill_->set_pace(pace());
}

void Download::on_fill_received() {
  const auto self = shared_from_this();
  if (!map_.content_size() && !refuse_too_large(fill_->received())) return;
  schedule_progress();
}

void Download::on_fill_wasted(std::uint64_t bytes) {
  if (!members_.empty()) members_.front()->wasted += bytes;
}

void Download::on_fill_committed() {
  check_contradiction();
  if (contradicted_) return;
  contiguous_ = prefix_.update(writer()->committed());
  // The conclusion that follows at once reports the same.
  const bool ends = finishing_ && map_.content_size().value_or(UINT64_MAX) <= kSmall;
  if (!ends) report_progress();
}

void Download::on_fill_complete() {
  finish_content();
}

void Download::on_fill_broken(const Error& error) {
  const auto self = shared_from_this();
  if (error.code == ErrorCode::version_changed) return start_over();
  fail_members(error);
}

bool Download::wants_sha256() const {
  if (edition_->sha256 && request_.ranges.empty()) return true;
  return std::any_of(members_.begin(), members_.end(), [](const MemberPtr& member) {
    return member->request.want_sha256 || member->request.sha256.has_value();
  });
}

void Download::finish_content() {
  if (contradicted_) return;
  finishing_ = true;
  writer()->finish_content(wants_sha256(),
                           guard<cache::ContentInfo>([](Download& self, Result<cache::ContentInfo> info) {
                             if (self.contradicted_) return self.on_contradicted_finished(info);
                             if (!info) return self.fail_members(info.error());
                             self.on_content_finished(*info);
                           }));
}

void Download::on_content_finished(const cache::ContentInfo& info) {
  const auto self = shared_from_this();
  const std::vector<cache::SegmentInfo> segments = writer()->committed();
  const std::uint64_t committed = bytes_of(segments);
  const std::uint64_t added = committed - std::min(committed, committed_before_);
  on_fill_wasted(fill_->received() - std::min(fill_->received(), added));

  MemberContent content;
  content.info = info;
  content.found = false;
  content.held = info.id == content_;
  if (!content.held) content.replaces = content_;
  content.edition = edition_;
  content.note = note();
  content.privacy = privacy_;
  content.offline = offline_;
  if (info.shareable) attest_segments(segments, info.id);
  for (const MemberPtr& member : end_members()) {
    MemberContent own = content;
    own.figures = finished_figures(segments, member->file_id(), info.size.value_or(committed));
    host_.on_bytes_complete(member, std::move(own));
  }
  host_.on_download_over(*this);
}

// The contradiction was found with one of the last segments.
void Download::on_contradicted_finished(const Result<cache::ContentInfo>& info) {
  if (info) forget_contradicted(*info);
  post_contradiction();
}

// Keeps the cache from giving the content as this version. A record of others that it was merged into has these bytes
// from elsewhere, and stays.
void Download::forget_contradicted(const cache::ContentInfo& info) {
  const auto logged = [id = info.id](const Status& status) {
    if (!status) {
      log::error("content that is not what was attested is not set aside id={} error=\"{}\"", id,
                 status.error().text());
    }
  };
  if (info.id == content_) return context_.cache.set_aside(info.id, wanted_, logged);
  for (const MemberPtr& member : members_) context_.cache.release(info.id, member->file_id(), logged);
}

std::vector<MemberPtr> Download::end_members() {
  abort_download();
  return std::exchange(members_, {});
}

void Download::fail_members(const Error& error) {
  const auto self = shared_from_this();
  // A copy: the owner of `error` may end on the way.
  const Error copy = doubtful(error);
  if (may_go_offline(copy)) return go_offline(copy);
  if (may_go_on(copy)) return go_on_without_origin(copy);
  if (copy.code == ErrorCode::disk_full &&
      abandon_old_parts([copy](Download& download) { download.fail_members(copy); }))
    return;
  const Error told = what_is_missing(copy);
  keep_unfinished();
  if (fill_) on_fill_wasted(fill_->uncommitted() - std::min(kept_, fill_->uncommitted()));
  // The final figures: uncommitted bytes are wasted. An attempt without content and waste reports nothing, since the
  // figures of an earlier attempt still hold.
  attempt_failed_ = true;
  const bool news = !content_.empty() || std::any_of(members_.begin(), members_.end(),
                                                     [](const MemberPtr& member) { return member->wasted > 0; });
  if (news) report_progress();
  // Members with a digest or signature may accept an answer that is refused to the others: each asks alone.
  const bool doubted = told.code == ErrorCode::bad_response && !request_.target.bytes_proven;
  for (const MemberPtr& member : end_members()) {
    if (member->gone) continue;
    if (doubted && member->request.target.bytes_proven) {
      host_.on_must_not_share(member);
    } else {
      host_.on_download_failed(member, told);
    }
  }
  host_.on_download_over(*this);
}

}  // namespace larder::agent
