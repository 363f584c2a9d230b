// Keeps the offer table in step with the cache: all of it at the start and after a new group key, page by page with
// pauses between, then each content that changes. Loop thread; cache calls are asynchronous. Owned by main.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/cache.h"
#include "peer/offer/offer_table.h"

namespace larder::peer {

class OfferFeed {
 public:
  static constexpr std::size_t kPage = 128;
  static constexpr Duration kPause = std::chrono::milliseconds(5);  // others need the index too
  static constexpr std::size_t kMaxUnderWay = 4;
  static constexpr std::size_t kMaxWaiting = 4096;  // beyond it everything is read again
  static constexpr Duration kRetry = std::chrono::seconds(5);

  OfferFeed(cache::Cache& cache, OfferTable& table, Runtime runtime);
  ~OfferFeed();
  OfferFeed(const OfferFeed&) = delete;
  OfferFeed& operator=(const OfferFeed&) = delete;

  // A content that changed is offered as it is now; `segments` are the committed ones, none where it is offered whole.
  using Offered = std::function<void(const cache::ContentInfo& info, const std::vector<cache::SegmentInfo>& segments)>;
  void on_offered(Offered offered);
  void restart();                            // reads everything
  void changed(const cache::ContentId& id);  // for Cache::observe
  [[nodiscard]] bool settled() const;        // all was read, and nothing waits

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace larder::peer
