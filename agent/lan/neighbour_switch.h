// The neighbours for transfers, for the whole life of the agent while groups come and go: passes each call on to the
// present neighbourhood. Without one there are no peers. For URLs that are never shared (peer.never_share) no peer is
// asked. Loop thread only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/config.h"
#include "peer/offer/share_policy.h"
#include "peer/supply/neighbours.h"

namespace larder::agent {

class NeighbourSwitch final : public peer::Neighbours {
 public:
  // `config` refers to the present configuration, which may be replaced; it outlives this object.
  explicit NeighbourSwitch(const std::shared_ptr<const Config>& config) : config_(config) {}
  void set(peer::Neighbours* now) { now_ = now; }  // null: no peers

  [[nodiscard]] bool anyone() const override { return now_ != nullptr && now_->anyone(); }
  void prefetch_lookup(const std::string& url) override {
    if (now_ != nullptr && may_ask(url)) now_->prefetch_lookup(url);
  }
  [[nodiscard]] bool promising(const std::string& url) const override {
    return now_ != nullptr && now_->promising(url);
  }
  void find_supply(peer::NeighbourQuery query, UniqueFunction<void(std::shared_ptr<peer::Supply>)> done) override {
    if (now_ == nullptr || !may_ask(query.version.url)) return done(nullptr);
    now_->find_supply(std::move(query), std::move(done));
  }
  void find_newest(const std::string& url, UniqueFunction<void(std::optional<peer::NewestEdition>)> done) override {
    if (now_ == nullptr || !may_ask(url)) return done(std::nullopt);
    now_->find_newest(url, std::move(done));
  }
  [[nodiscard]] bool contradicted(const cache::Version& version) const override {
    return now_ != nullptr && now_->contradicted(version);
  }
  void judged_bad(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) override {
    if (now_ != nullptr) now_->judged_bad(version, segments);
  }
  void merged(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
              const cache::ContentId& held) override {
    if (now_ != nullptr) now_->merged(version, segments, held);
  }
  void fetched(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) override {
    if (now_ != nullptr) now_->fetched(version, segments);
  }

 private:
  [[nodiscard]] bool may_ask(const std::string& url) const {
    return peer::SharePolicy(config_->peer_never_share, 0).may_ask(url);
  }

  const std::shared_ptr<const Config>& config_;
  peer::Neighbours* now_ = nullptr;
};

}  // namespace larder::agent
