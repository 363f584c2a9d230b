// All transfers: decides which requests share a download, and takes each member from start() to its result. Loop thread
// only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/transfer/download.h"
#include "agent/transfer/rules/recent_urls.h"
#include "base/runtime/alive.h"
#include "cache/done.h"

namespace larder::cache {
class Cache;
}

namespace larder::agent {

// Returns the key by which requests share a download: equal keys may share; an empty key never does (credentials,
// ranges, a fetch from the origin alone, content that is not to be kept).
[[nodiscard]] std::string sharing_key(const TransferRequest& request);

class Manager final : public Transfers, public DownloadHost {
 public:
  // `neighbours` may be null.
  Manager(cache::Cache& cache, origin::Origin& origin, Runtime runtime, Blocking blocking,
          peer::Neighbours* neighbours = nullptr);
  ~Manager() override;
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  TransferId start(TransferRequest request, std::shared_ptr<TransferEvents> events) override;
  void stop(TransferId id) override;
  void set_rate(TransferId id, std::uint64_t bytes_per_second) override;
  void judged_bad(cache::Version version, const cache::ContentId& content, const cache::ContentId& fresh,
                  UniqueFunction<void()> done) override;
  [[nodiscard]] std::size_t active() const override { return entries_.size(); }

  void on_bytes_complete(const MemberPtr& member, MemberContent content) override;
  void on_download_failed(const MemberPtr& member, const Error& error) override;
  void on_must_not_share(const MemberPtr& member) override;
  void on_download_private(Download& download) override;
  void on_download_over(Download& download) override;
  void retire_later(std::shared_ptr<void> object) override;

 private:
  struct Entry {
    MemberPtr member;
    std::shared_ptr<Download> download;  // null before place_member() and after the download gave the member back
  };
  // Returns a callback that does nothing once the member has ended or the manager is destroyed.
  template <class T, class F>
  cache::Done<T> guard(const MemberPtr& member, F action) {
    return alive_.guard([member, action = std::move(action)](Result<T> result) mutable {
      if (!member->gone) action(std::move(result));
    });
  }

  void find_by_digest(const MemberPtr& member);
  void look_up(const MemberPtr& member);
  void place_member(const MemberPtr& member);
  void look_up_again(const MemberPtr& member);
  void finish_member(const MemberPtr& member, Result<TransferResult> result);

  TransferContext context_;
  TransferId next_id_ = 1;
  std::map<TransferId, Entry> entries_;
  std::set<std::shared_ptr<Download>> downloads_;
  std::map<std::string, std::shared_ptr<Download>> joinable_;
  RecentUrls recent_;
  std::vector<std::shared_ptr<void>> retired_;
  Alive alive_;
};

}  // namespace larder::agent
