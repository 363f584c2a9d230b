// One version as peers deliver it (neighbours.h): the proof of its roots, its holders, and the deliveries, which share
// one torrent of the whole content or one for each segment. Loop thread only.
// supply_crowd.cpp: its membership in the version's crowd, where it has one.
//
// Owned by the transfer and, until the hand-over, by the look-up. The Neighbourhood that made it may end first: close()
// then ends all deliveries with no_progress.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/index.h"
#include "cache/record/interval_set.h"
#include "peer/crowd/crowd_host.h"
#include "peer/supply/neighbours.h"
#include "peer/supply/segment_fetch.h"
#include "peer/trust/opinions.h"
#include "peer/trust/proof.h"

namespace larder::peer {

class SupplyImpl final : public Supply,
                         public SegmentFetchOwner,
                         public CrowdUser,
                         public std::enable_shared_from_this<SupplyImpl> {
 public:
  // `version` has a size above 0.
  SupplyImpl(std::shared_ptr<SupplyTools> tools, cache::Version version, const Digest& version_key,
             const Digest& group);
  ~SupplyImpl() override;
  SupplyImpl(const SupplyImpl&) = delete;
  SupplyImpl& operator=(const SupplyImpl&) = delete;

  // -- for the look-up
  [[nodiscard]] const cache::Version& version() const { return version_; }
  [[nodiscard]] const Digest& version_key() const { return version_key_; }
  HolderTable& holder_table() override { return table_; }
  [[nodiscard]] Proof& proof() { return proof_; }
  [[nodiscard]] Opinions& opinions() { return opinions_; }
  // Takes a whole small content that a holder's catalogue sent. False: the bytes do not match the attested root.
  bool take_bytes(std::vector<std::byte> bytes);
  [[nodiscard]] bool has_bytes() const { return !bytes_.empty(); }
  void drop_bytes() { bytes_.clear(); }  // another member contradicts the root: deliveries of them fail
  // Sets the transfer's own partial content, from which fetches serve other peers; `held` may be empty.
  void set_own(std::shared_ptr<cache::ContentLease> content, std::vector<ByteRange> held);
  // Called when holders or roots were learnt: running fetches may use them, and on_changed is called later.
  void on_holders_learnt();
  void set_others_listener(std::function<void(const std::vector<std::byte>&)> others) {
    others_listener_ = std::move(others);
  }
  [[nodiscard]] bool in_use() const { return !deliveries_.empty(); }
  void close();
  // -- the crowd. join_crowd() takes the membership of this version's crowd; set_crowd_listener() sets the listener for
  // what members announce that they hold.
  void join_crowd(std::unique_ptr<CrowdMembership> seat, std::uint64_t min_rate);
  [[nodiscard]] CrowdMembership* membership() const { return membership_.get(); }
  void set_crowd_listener(std::function<void(const AgentId&, const CrowdEntry&)> heard) {
    crowd_listener_ = std::move(heard);
  }
  void count_new_holdings(std::size_t more) { holdings_ += more; }  // a holder announced segments that are new for it
  // Called when this agent offers a segment. The swarm serves it on demand from now on, so a fetch of it that serves no
  // peers and has no delivery is stopped.
  void on_offered(std::uint64_t segment);
  void on_crowd_changed() override { post_changed(); }
  void on_crowd_entry(const AgentId& agent, const CrowdEntry& entry) override {
    if (crowd_listener_) crowd_listener_(agent, entry);
  }

  // -- Supply
  [[nodiscard]] std::uint64_t size() const override { return *version_.size; }
  [[nodiscard]] bool complete() const override;
  [[nodiscard]] std::vector<std::uint64_t> segments() const override;
  [[nodiscard]] std::size_t holders() const override;
  [[nodiscard]] std::vector<std::byte> attestation(std::uint64_t segment) const override;
  DeliveryId deliver(ByteRange window, std::shared_ptr<DeliveryEvents> events) override;
  void cancel(DeliveryId delivery) override;
  void consumed(DeliveryId delivery, ByteRange range) override;
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> from_origin() const override;
  [[nodiscard]] std::vector<std::uint64_t> order() const override;
  [[nodiscard]] bool promising() const override;
  [[nodiscard]] std::optional<CrowdFigures> crowd() const override;
  void on_origin_progress(SegmentIndex segment, std::uint64_t bytes) override;
  void set_origin_usable(bool usable) override;

  // -- SegmentFetchOwner
  [[nodiscard]] std::vector<HolderFacts> ranked_with(std::uint64_t segment) override;
  void on_segment_not_given(std::uint64_t segment, const AgentId& agent) override;
  void on_fetched_blocks(SegmentFetch& fetch, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override;
  void on_other_holders(const std::vector<std::byte>& body) override;
  void on_holder_lost(const AgentId& agent) override;
  void on_fetch_over(SegmentFetch& fetch, const Error& error) override;

 private:
  struct Delivery {
    ByteRange window;
    std::shared_ptr<DeliveryEvents> events;
    std::shared_ptr<SegmentFetch> fetch;  // null: from the bytes that came with the catalogue's answer
    cache::IntervalSet received;
    std::uint64_t missing_bytes = 0;  // bytes to come
  };
  struct Part {
    DeliveryId id = 0;  // 0: no delivery wants it
    ByteRange range;
  };
  [[nodiscard]] std::vector<Part> split_by_delivery(ByteRange range);
  [[nodiscard]] bool as_whole() const;
  [[nodiscard]] bool is_deliverable(std::uint64_t segment) const;
  std::shared_ptr<SegmentFetch> fetch_for(std::uint64_t segment);
  void deliver_bytes(DeliveryId id);
  void pass_blocks(DeliveryId id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves);
  void update_wants(const std::shared_ptr<SegmentFetch>& fetch);
  void end_delivery(DeliveryId id, Status status);
  void post_delivery_end(DeliveryId id, Status status);
  void post_changed();
  [[nodiscard]] DeliveryId delivery_at(std::uint64_t offset) const;  // 0: no delivery wants it
  [[nodiscard]] SegmentFetch* fetch_at(std::uint64_t offset) const;
  [[nodiscard]] bool has_delivery(const SegmentFetch& fetch) const;
  void on_delivery_left(const std::shared_ptr<SegmentFetch>& fetch);  // called when one of its deliveries has ended
  void retire_finished_fetches();
  void end_unused_fetches();
  void count_for_crowd(ByteRange received);

  std::shared_ptr<SupplyTools> tools_;
  cache::Version version_;
  Digest version_key_;
  Proof proof_;
  Opinions opinions_;  // for crowds; outside of one the look-up hears two holders before the hand-over
  HolderTable table_;
  std::vector<std::byte> bytes_;
  std::vector<Digest> byte_leaves_;
  std::shared_ptr<cache::ContentLease> own_;
  std::vector<ByteRange> own_ranges_;
  std::function<void(const std::vector<std::byte>&)> others_listener_;
  DeliveryId next_ = 1;
  std::map<DeliveryId, Delivery> deliveries_;
  std::shared_ptr<SegmentFetch> whole_;
  std::map<std::uint64_t, std::shared_ptr<SegmentFetch>> by_segment_;
  std::deque<std::uint64_t> finished_;  // segments whose torrents go on serving peers, the latest last
  std::map<std::shared_ptr<SegmentFetch>, SteadyTime> unused_since_;  // fetches without a delivery
  TimerId unused_timer_ = 0;
  bool change_posted_ = false;
  bool closed_ = false;
  std::unique_ptr<CrowdMembership> membership_;
  std::function<void(const AgentId&, const CrowdEntry&)> crowd_listener_;
  std::size_t holdings_ = 0;
  bool by_segments_ = false;  // a torrent of one segment was begun
  std::uint64_t min_rate_ = 0;
  struct Round {  // measures the rate of peers' bytes, for the crowd's "delivering"
    SteadyTime since{};
    std::uint64_t bytes = 0;
    std::set<std::uint64_t> segments;
  } round_;
};

}  // namespace larder::peer
