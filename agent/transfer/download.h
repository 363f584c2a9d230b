// One download of one version of a URL (or ranges of it), shared by one or more requests ("members").
//
// Probes; chooses a content (a complete one, a partial one to continue, or a new one); asks the neighbours for holders;
// fills and finishes the content; starts over when the edition changes. The first member is the owner: bytes are
// fetched on its account, and the next member takes over when it leaves. Loop thread only. Created and owned by
// manager.h; an ended download is destroyed at a later turn of the loop, since it is often on the call stack.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/transfer/account.h"
#include "agent/transfer/conclusion.h"
#include "agent/transfer/fill/fill.h"
#include "agent/transfer/member.h"
#include "agent/transfer/rules/transfer_rules.h"
#include "agent/transfer/source/copy_source.h"
#include "agent/transfer/source/origin_source.h"
#include "cache/done.h"
#include "cache/write/content_writer.h"
#include "peer/supply/neighbours.h"

namespace larder::cache {
class Cache;
}

namespace larder::agent {

class Download;

struct TransferContext {
  cache::Cache& cache;
  origin::Origin& origin;
  Runtime runtime;
  Blocking blocking;
  peer::Neighbours* neighbours = nullptr;  // null: no peers
};

// Receives the results of a download. The first three are called for a member that has left the download already. May
// be called from within any method of Download or event of its fill.
class DownloadHost {
 public:
  virtual ~DownloadHost() = default;
  virtual void on_bytes_complete(const MemberPtr& member, MemberContent content) = 0;
  virtual void on_download_failed(const MemberPtr& member, const Error& error) = 0;
  virtual void on_must_not_share(const MemberPtr& member) = 0;  // give the member a download of its own
  virtual void on_download_private(Download& download) = 0;     // no further member may join
  virtual void on_download_over(Download& download) = 0;        // no members are left
  virtual void retire_later(std::shared_ptr<void> object) = 0;  // destroy at the loop's next turn
};

class Download final : public FillEvents, public std::enable_shared_from_this<Download> {
 public:
  Download(TransferContext& context, DownloadHost& host, MemberPtr owner);
  ~Download() override;
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  void start();
  void join(const MemberPtr& member);
  void leave(const MemberPtr& member);
  void update_rate();
  void abort_download();  // ends the download without events

  // FillEvents
  void on_fill_answer(const origin::Edition& edition) override;
  void on_fill_received() override;
  void on_fill_wasted(std::uint64_t bytes) override;
  void on_fill_committed() override;
  void on_fill_complete() override;
  void on_fill_broken(const Error& error) override;
  [[nodiscard]] const std::string& account() override { return members_.front()->file_id(); }

 private:
  // Returns a callback that does nothing once the download is over or has started over.
  template <class T, class F>
  cache::Done<T> guard(F action) {
    return [weak = weak_from_this(), attempt = attempt_, action = std::move(action)](Result<T> result) mutable {
      const auto self = weak.lock();
      if (self && !self->ended_ && self->attempt_ == attempt) action(*self, std::move(result));
    };
  }

  [[nodiscard]] const TransferRequest& request() const { return request_; }
  // Whether other jobs of this machine, and whether neighbours, may have the content.
  [[nodiscard]] bool shareable() const { return reach_of(privacy_) != origin::Reach::own_job; }
  [[nodiscard]] bool for_neighbours() const { return reach_of(privacy_) == origin::Reach::everybody; }
  // Whether other jobs may find the bytes that this download fetches, and whether neighbours may be given them.
  [[nodiscard]] bool keeps() const { return shareable() && request_.store && request_.ranges.empty(); }
  [[nodiscard]] bool offers() const { return request_.share && for_neighbours(); }
  [[nodiscard]] bool may_start_with_get() const;
  void probe_origin();
  void fetch_as_probe();
  bool set_edition(const origin::Edition& edition);
  [[nodiscard]] std::optional<Error> doubt_about(const origin::Edition& edition) const;
  [[nodiscard]] Error doubtful(Error error) const;
  Status plan_content();
  bool refuse_too_large(std::uint64_t size);
  void report_connected();
  void split_followers();
  [[nodiscard]] bool leaves_to_members(const origin::Edition& edition);

  void narrow_privacy(origin::Privacy privacy);

  void choose_content();
  void keep_to_owner(const cache::ContentInfo& info);
  void open_copy(const cache::ContentInfo& whole);
  void choose_own_content();
  void choose_shared_content();
  void use_content(const cache::ContentInfo& info);
  void resume_content(const cache::ContentInfo& info, bool own);
  void resume_privately(const cache::ContentInfo& info);
  void open_writer(const cache::ContentInfo& info, bool shareable);
  void create_content(bool bounded);
  void adopt_writer(std::unique_ptr<cache::ContentWriter> writer);
  void hold_content(const MemberPtr& member);
  void make_fill();

  // download_peers.cpp
  [[nodiscard]] bool asks_neighbours() const;
  void look_up_holders();
  void on_supply(std::shared_ptr<peer::Supply> supply);
  void begin_fill();
  void attest_segments(const std::vector<cache::SegmentInfo>& segments, const cache::ContentId& held);
  void check_contradiction();
  void post_contradiction();
  [[nodiscard]] bool mixes_editions() const;
  void on_origin_contradicts();
  [[nodiscard]] bool may_go_offline(const Error& error) const;
  void go_offline(const Error& error);
  [[nodiscard]] const cache::ContentInfo* begun() const;
  [[nodiscard]] bool may_go_on(const Error& error) const;
  void go_on_without_origin(const Error& error);
  [[nodiscard]] Error what_is_missing(const Error& error);
  void offline_from_cache(const cache::ContentInfo& info);
  void offline_from_peers();
  void on_newest_edition(peer::NewestEdition newest);
  [[nodiscard]] PaceRules pace() const;

  [[nodiscard]] bool wants_sha256() const;
  void finish_content();
  void on_content_finished(const cache::ContentInfo& info);
  void on_contradicted_finished(const Result<cache::ContentInfo>& info);
  void forget_contradicted(const cache::ContentInfo& info);
  void start_over(std::string_view why = "edition changed", bool may_come_back = true);
  void give_up_content(bool may_come_back);
  bool set_part_aside();
  void count_as_used(std::uint64_t committed);
  void abandon_all(UniqueFunction<void(Download&)> then);
  bool abandon_old_parts(UniqueFunction<void(Download&)> then);
  void fail_members(const Error& error);
  void end_fill();
  void keep_unfinished();

  void schedule_progress();
  void report_progress();
  [[nodiscard]] TransferProgress progress_of(const Member& member) const;
  [[nodiscard]] TransferProgress progress_aside(const Member& member) const;
  [[nodiscard]] std::string note() const;
  [[nodiscard]] std::uint64_t rate() const;
  [[nodiscard]] cache::ContentWriter* writer() const {
    if (waiting_) return waiting_.get();
    return fill_ ? fill_->writer() : nullptr;
  }
  std::vector<MemberPtr> end_members();

  TransferContext& context_;
  DownloadHost& host_;
  TransferRequest request_;        // of the first owner: target and options
  origin::Privacy before_answer_;  // privacy by the request alone, and by answers that were given up
  std::vector<MemberPtr> members_;
  RestartRule restarts_;
  unsigned attempt_ = 0;  // number of the attempt: callbacks of an earlier one are recognised
  bool ended_ = false;
  bool connected_ = false;
  bool attempt_failed_ = false;  // the attempt failed: bytes in flight are no longer counted
  bool revalidate_ = false;      // ask intermediate caches to revalidate
  bool finishing_ = false;       // the writer is finishing: no byte is missing
  bool contradicted_ = false;    // bytes from peers and from the origin differ: the content must not be used

  std::optional<origin::FetchId> probe_;
  std::optional<origin::Edition> edition_;
  origin::Privacy privacy_;  // of the request and, once known, of the edition
  PieceMap map_ = PieceMap::whole(std::nullopt);
  cache::Version wanted_;  // version under which the content is created or found
  std::shared_ptr<CopySource> copy_;
  std::shared_ptr<OriginSource> origin_;
  std::shared_ptr<Fill> fill_;
  std::unique_ptr<cache::ContentWriter> waiting_;  // writer, until the neighbours have answered
  TimerId grace_timer_ = 0;
  std::shared_ptr<peer::Supply> supply_;  // found before the fill was made
  std::optional<Error> unreachable_;      // error with which the origin was unreachable
  std::optional<WallTime> offline_;       // fetch time of the edition that is used without asking the origin
  cache::ContentId content_;
  // Partial content of the edition that the origin had before, held until the new one is complete: the origin may
  // return to it.
  struct Aside {
    cache::ContentInfo info;
    std::vector<cache::SegmentInfo> segments;
    std::uint64_t contiguous = 0;
  };
  std::optional<Aside> aside_;  // until a content is chosen; the same content is in Member::own_contents
  std::optional<cache::FirstAnswer> begun_with_;  // first answer of the last edition with a validator that was given up
  bool found_by_others_ = false;                  // other jobs may find the content
  std::uint64_t committed_before_ = 0;            // bytes committed when the content was adopted
  std::uint64_t kept_ = 0;                        // bytes of unfinished segments kept for the next attempt
  CommittedPrefix prefix_;
  std::uint64_t contiguous_ = 0;

  SteadyTime last_progress_{};
  TimerId progress_timer_ = 0;
};

}  // namespace larder::agent
