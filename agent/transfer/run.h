// The getting of one version of one URL (or ranges of it) for one or several members.
//
// Probes, chooses a content (one that is there, one to go on with, a new one), asks the neighbours who has it, fills
// it, finishes it; starts over when the edition changes. The first member is the owner: bytes are fetched on its
// account and under its options; when it leaves, the next one owns. Loop thread only; made and kept by manager.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/transfer/account.h"
#include "agent/transfer/fill/fill.h"
#include "agent/transfer/member.h"
#include "agent/transfer/rules/transfer_rules.h"
#include "agent/transfer/settle.h"
#include "agent/transfer/source/copy_source.h"
#include "agent/transfer/source/origin_source.h"
#include "peer/supply/neighbours.h"

namespace larder::agent {

class Run;

struct TransferContext {
  cache::Cache& cache;
  origin::Origin& origin;
  Runtime runtime;
  Blocking blocking;
  peer::Neighbours* neighbours = nullptr;  // null: alone
};

// What a run says of its members to whoever keeps it. Each of the first three takes the member out of the run.
class RunHost {
 public:
  virtual ~RunHost() = default;
  virtual void run_settles(const MemberPtr& member, Settlement settlement) = 0;
  virtual void run_failed(const MemberPtr& member, const Error& error) = 0;
  virtual void run_alone(const MemberPtr& member) = 0;    // the content may not be shared: get it for itself
  virtual void run_private(Run& run) = 0;                 // nobody may join any more
  virtual void run_over(Run& run) = 0;                    // no members are left
  virtual void retire(std::shared_ptr<void> object) = 0;  // destroy at the loop's next turn
};

class Run final : public FillEvents, public std::enable_shared_from_this<Run> {
 public:
  Run(TransferContext& context, RunHost& host, MemberPtr owner);
  ~Run() override;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start();
  void join(const MemberPtr& member);
  void leave(const MemberPtr& member);
  void update_rate();
  void abort();  // ends without a word

  // FillEvents
  void fill_answered(const origin::Edition& edition) override;
  void fill_received() override;
  void fill_wasted(std::uint64_t bytes) override;
  void fill_committed() override;
  void fill_complete() override;
  void fill_broken(const Error& error) override;
  [[nodiscard]] const std::string& account() override { return members_.front()->file_id(); }

 private:
  // A callback that does nothing once the run is over or has started over.
  template <class T, class F>
  cache::Done<T> guard(F action) {
    return [weak = weak_from_this(), turn = turn_, action = std::move(action)](Result<T> result) mutable {
      const auto self = weak.lock();
      if (self && !self->over_ && self->turn_ == turn) action(*self, std::move(result));
    };
  }

  [[nodiscard]] const TransferRequest& request() const { return request_; }
  // Other jobs of this machine may have it; neighbours too.
  [[nodiscard]] bool shareable() const { return reach_of(privacy_) != origin::Reach::own_job; }
  [[nodiscard]] bool for_neighbours() const { return reach_of(privacy_) == origin::Reach::everybody; }
  // What this run puts into a content may be found there by other jobs; and given to neighbours.
  [[nodiscard]] bool keeps() const { return shareable() && request_.store && request_.ranges.empty(); }
  [[nodiscard]] bool offers() const { return request_.share && for_neighbours(); }
  [[nodiscard]] bool may_start_with_get() const;
  void probe();
  void fetch_as_probe();
  bool edition_known(const origin::Edition& edition);
  [[nodiscard]] std::optional<Error> doubt_about(const origin::Edition& edition) const;
  [[nodiscard]] Error doubtful(Error error) const;
  Status plan_content();
  bool refuse_too_large(std::uint64_t size);
  void tell_connected();
  void split_followers();
  [[nodiscard]] bool leaves_to_members(const origin::Edition& edition);

  void narrow(origin::Privacy privacy);

  void choose();
  void keep_to_owner(const cache::ContentInfo& info);
  void open_copy(const cache::ContentInfo& whole);
  void choose_held();
  void choose_shared();
  void found(const cache::ContentInfo& info);
  void resume(const cache::ContentInfo& info, bool own);
  void resume_privately(const cache::ContentInfo& info);
  void open_writer(const cache::ContentInfo& info, bool shareable);
  void create(bool bounded);
  void adopt(std::unique_ptr<cache::ContentWriter> writer);
  void hold(const MemberPtr& member);
  void make_fill();

  // run_peers.cpp
  [[nodiscard]] bool asks_neighbours() const;
  void look_up();
  void found_supply(std::shared_ptr<peer::Supply> supply);
  void begin();
  void tell_neighbours(const std::vector<cache::SegmentInfo>& segments, const cache::ContentId& held);
  void look_for_contradiction();
  void contradicted_soon();
  [[nodiscard]] bool mixes_editions() const;
  void origin_contradicts();
  [[nodiscard]] bool may_go_offline(const Error& error) const;
  void go_offline(const Error& error);
  [[nodiscard]] const cache::ContentInfo* begun() const;
  [[nodiscard]] bool may_go_on(const Error& error) const;
  void go_on_without_origin(const Error& error);
  [[nodiscard]] Error what_is_missing(const Error& error);
  void offline_from_cache(const cache::ContentInfo& info);
  void offline_from_peers();
  void offline_found(peer::NewestEdition newest);
  [[nodiscard]] PaceRules pace() const;

  [[nodiscard]] bool wants_sha256() const;
  void finish();
  void finished(const cache::ContentInfo& info);
  void finished_contradicted(const Result<cache::ContentInfo>& info);
  void forget_contradicted(const cache::ContentInfo& info);
  void start_over(std::string_view why = "edition changed", bool may_come_back = true);
  void give_up_content(bool may_come_back);
  bool put_by();
  void not_wasted(std::uint64_t committed);
  void abandon_all(UniqueFunction<void(Run&)> then);
  bool abandon_old_parts(UniqueFunction<void(Run&)> then);
  void fail(const Error& error);
  void end_fill();
  void keep_what_came();

  void progress_soon();
  void tell_progress();
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
  RunHost& host_;
  TransferRequest request_;        // the first owner's: target and what is to be fetched
  origin::Privacy before_answer_;  // what the request alone says, or an answer that was given up
  std::vector<MemberPtr> members_;
  RestartRule restarts_;
  unsigned turn_ = 0;  // grows with each new start: late answers are recognised
  bool over_ = false;
  bool connected_ = false;
  bool lost_ = false;          // the attempt failed: bytes in flight are no longer counted
  bool revalidate_ = false;    // ask past intermediate caches
  bool finishing_ = false;     // all bytes are there
  bool contradicted_ = false;  // by the origin, what peers brought: this content is not to be used

  std::optional<origin::FetchId> probe_;
  std::optional<origin::Edition> edition_;
  origin::Privacy privacy_;  // with what the edition says, once it is known
  PieceMap map_ = PieceMap::whole(std::nullopt);
  cache::Version wanted_;  // what the content is bound to
  std::shared_ptr<CopySource> copy_;
  std::shared_ptr<OriginSource> origin_;
  std::shared_ptr<Fill> fill_;
  std::unique_ptr<cache::ContentWriter> waiting_;  // the content, until the neighbours have answered
  TimerId grace_timer_ = 0;
  std::shared_ptr<peer::Supply> supply_;  // found, not yet a source
  std::optional<Error> unreachable_;      // why the origin could not be asked
  std::optional<WallTime> offline_;       // goes on without it: when the edition was fetched
  cache::ContentId content_;
  // The content of an edition that the origin no longer seems to have, held until the new one is whole: the origin may
  // find back to it.
  struct Aside {
    cache::ContentInfo info;
    std::vector<cache::SegmentInfo> segments;
    std::uint64_t contiguous = 0;
  };
  std::optional<Aside> aside_;                    // until another content is chosen; then it is in Member::held
  std::optional<cache::FirstAnswer> begun_with_;  // the last edition with a validator that was given up
  bool found_by_others_ = false;                  // the content, by other jobs
  std::uint64_t committed_before_ = 0;            // when the content was adopted
  std::uint64_t kept_ = 0;                        // of unfinished segments, for the next attempt
  CommittedPrefix prefix_;
  std::uint64_t contiguous_ = 0;

  SteadyTime last_progress_{};
  TimerId progress_timer_ = 0;
};

}  // namespace larder::agent
