// Download: chooses the content to fill: a complete one, a partial one to continue, or a new one.
#include <algorithm>

#include "agent/transfer/download.h"
#include "base/io/log.h"
#include "cache/cache.h"

namespace larder::agent {
namespace {

// A private content of unknown size may be the truncated answer of a broken connection: it is not used as complete.
bool may_be_complete(const cache::ContentInfo& info, const cache::Version& version) {
  return version.size.has_value() || info.shareable;
}

bool knows(const cache::ContentInfo& info, const cache::Version& version) {
  return std::find(info.versions.begin(), info.versions.end(), version) != info.versions.end();
}

bool has_two_urls(const cache::ContentInfo& info) {
  return std::any_of(info.versions.begin(), info.versions.end(),
                     [&info](const cache::Version& version) { return version.url != info.versions.front().url; });
}

}  // namespace

// Ranges of a file that the cache holds complete are copied from there.
void Download::choose_content() {
  if (request_.ranges.empty() || !shareable() || request_.origin_alone) return choose_own_content();
  using Found = std::optional<cache::ContentInfo>;
  context_.cache.find_version(edition_->version, guard<Found>([](Download& self, Result<Found> info) {
                                if (!info) log::warn("cache not asked error={}", info.error().text());
                                const bool usable = info && *info && (*info)->state == cache::ContentState::complete &&
                                                    (*info)->shareable;
                                if (usable) return self.open_copy(**info);
                                self.choose_own_content();
                              }));
}

void Download::open_copy(const cache::ContentInfo& whole) {
  using Lease = std::shared_ptr<cache::ContentLease>;
  context_.cache.open(whole.id, guard<Lease>([](Download& self, Result<Lease> lease) {
                        if (lease) {
                          self.copy_ = std::make_shared<CopySource>(self.context_.runtime, self.context_.blocking,
                                                                    std::move(*lease), self.map_);
                        } else {
                          log::warn("cached content not opened, asking the origin error={}", lease.error().text());
                        }
                        self.choose_own_content();
                      }));
}

// Chooses the content of an earlier attempt if it is of exactly this version, which takes a validator to tell. A
// content begun as private to one job stays so, whatever the origin says now: only its owner continues it.
void Download::choose_own_content() {
  if (request_.origin_alone || !names_edition(wanted_) || fill_) return choose_shared_content();
  const auto members = members_;
  for (const MemberPtr& member : members) {
    for (const cache::ContentInfo& info : member->own_contents) {
      if (info.state == cache::ContentState::set_aside || !knows(info, wanted_)) continue;
      const bool complete = info.state == cache::ContentState::complete;
      if (complete ? !may_be_complete(info, wanted_) : !info.size || info.size != map_.content_size()) continue;
      const bool of_owner_alone = keeps() && !info.shareable;
      if (of_owner_alone && member != members.front()) continue;
      if (of_owner_alone) keep_to_owner(info);
      return complete ? use_content(info) : resume_content(info, true);
    }
  }
  choose_shared_content();
}

void Download::keep_to_owner(const cache::ContentInfo& info) {
  using origin::Privacy;
  privacy_ = stricter(privacy_, has_two_urls(info) ? Privacy::two_urls : Privacy::private_beginning);
  split_followers();
}

void Download::choose_shared_content() {
  const bool known = !fill_ || restarts_.restarts() > 0;  // a first GET is the probe only where nothing is known
  const bool alone = request_.origin_alone || !shareable() || !request_.ranges.empty();
  if (!known || alone || !names_edition(wanted_)) return create_content(true);
  using Found = std::optional<cache::ContentInfo>;
  context_.cache.find_version(wanted_, guard<Found>([](Download& self, Result<Found> info) {
                                if (!info) log::warn("cache not asked error={}", info.error().text());
                                if (!info || !*info || !(*info)->shareable) return self.create_content(true);
                                if ((*info)->state == cache::ContentState::complete) return self.use_content(**info);
                                // A GET of everything is under way already: it fills a content of its own.
                                const bool fits =
                                    !self.fill_ && (*info)->size && (*info)->size == self.map_.content_size();
                                if (!fits) return self.create_content(true);
                                self.resume_content(**info, false);
                              }));
}

void Download::use_content(const cache::ContentInfo& info) {
  const auto self = shared_from_this();
  if (fill_) on_fill_wasted(fill_->uncommitted());
  MemberContent content;
  content.info = info;
  content.edition = edition_;
  content.note = note();
  content.privacy = privacy_;
  content.offline = offline_;
  for (const MemberPtr& member : end_members()) {
    MemberContent own = content;
    own.held = std::any_of(member->own_contents.begin(), member->own_contents.end(),
                           [&info](const cache::ContentInfo& held) { return held.id == info.id; });
    host_.on_bytes_complete(member, std::move(own));
  }
  host_.on_download_over(*this);
}

// Continues a partial content, unless its circle is wider than that of the bytes to come. `own`: a member holds it from
// an earlier attempt.
void Download::resume_content(const cache::ContentInfo& info, bool own) {
  const bool too_wide = info.shareable && (!keeps() || (info.offered && !offers()));
  if (!too_wide) return open_writer(info, info.shareable);
  if (own && !shareable()) return resume_privately(info);
  create_content(true);
}

void Download::resume_privately(const cache::ContentInfo& info) {
  context_.cache.go_on_privately(
      info.id, members_.front()->file_id(), wanted_, guard<void>([info](Download& self, Status status) {
        if (status) return self.open_writer(info, false);
        log::info("partial content not gone on with id={} reason={}", info.id, status.error().text());
        self.create_content(true);
      }));
}

void Download::open_writer(const cache::ContentInfo& info, bool shareable) {
  using Writer = std::unique_ptr<cache::ContentWriter>;
  context_.cache.resume(info.id, guard<Writer>([info, shareable](Download& self, Result<Writer> writer) {
                          // Since it was found, the content may have become private to another job, under another URL.
                          const bool same = writer && (*writer)->size() == self.map_.content_size() &&
                                            (*writer)->shareable() == shareable && (*writer)->version() == self.wanted_;
                          if (same) return self.adopt_writer(std::move(*writer));
                          // Another transfer is writing it, or the file differs from its record: create a content of
                          // its own.
                          if (!writer) {
                            log::info("partial content not gone on with id={} reason={}", info.id,
                                      writer.error().text());
                          }
                          self.create_content(true);
                        }));
}

void Download::create_content(bool bounded) {
  cache::Cache::Create what;
  what.version = wanted_;
  what.shareable = keeps();
  what.bounded_by_cache = bounded && what.shareable;
  what.offered = offers();
  what.want_sha256 = wants_sha256();
  if (!offline_) what.first_answer = first_answer_of(*edition_);
  using Writer = std::unique_ptr<cache::ContentWriter>;
  cache::Cache& cache = context_.cache;
  const bool may_widen = what.bounded_by_cache;
  context_.cache.create(what, [weak = weak_from_this(), attempt = attempt_, may_widen, &cache](Result<Writer> writer) {
    const auto self = weak.lock();
    if (!self || self->ended_ || self->attempt_ != attempt) {
      if (!writer) return;
      // The download is over and nobody holds the new content.
      const cache::ContentId id = (*writer)->id();
      writer->reset();
      return cache.drop(id, [](Status) {});
    }
    if (writer) return self->adopt_writer(std::move(*writer));
    if (writer.error().code == ErrorCode::disk_full &&
        self->abandon_old_parts([may_widen](Download& download) { download.create_content(may_widen); })) {
      return;
    }
    // The cache has no room for it: fetch the file all the same, and do not keep it afterwards.
    if (may_widen && writer.error().code == ErrorCode::disk_full) return self->create_content(false);
    // Report the size first: knowing it, the caller may choose another way.
    if (self->edition_) self->report_progress();
    if (!self->ended_) self->fail_members(writer.error());
  });
}

void Download::adopt_writer(std::unique_ptr<cache::ContentWriter> writer) {
  const auto self = shared_from_this();
  content_ = writer->id();
  if (aside_ && aside_->info.id == content_) count_as_used(bytes_of(writer->committed()));
  aside_.reset();
  found_by_others_ = writer->shareable();
  committed_before_ += bytes_of(writer->committed());
  contiguous_ = prefix_.update(writer->committed());
  const auto members = members_;
  for (const MemberPtr& member : members) {
    hold_content(member);
    abandon_all_but_old_part(context_.cache, member, content_, request_.target.url.canonical());
  }
  waiting_ = std::move(writer);
  if (!fill_ && !supply_ && asks_neighbours() && for_neighbours() && map_.content_size().value_or(0) > 0) {
    look_up_holders();
  } else {
    begin_fill();
  }
  if (!ended_) report_progress();
}

void Download::begin_fill() {
  if (!waiting_) return;
  context_.runtime.timers.cancel(std::exchange(grace_timer_, 0));
  if (!fill_) make_fill();
  if (origin_) origin_->bind(*edition_, map_);
  const bool can_go_on = edition_->ranges && !edition_->one_stream && edition_->version.has_validator();
  const auto fill = fill_;
  fill->bind(std::exchange(waiting_, nullptr), can_go_on && map_.content_size().has_value());
}

void Download::hold_content(const MemberPtr& member) {
  context_.cache.hold(content_, member->holder(), guard<void>([](Download& self, Status status) {
                        if (!status) self.fail_members(status.error());
                      }));
}

}  // namespace larder::agent
