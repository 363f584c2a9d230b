// Keeps the offer table in step with the cache. restart() reads all contents, page by page with pauses, at the start
// and after a new group key; from then on on_content_changed() reads each content that changes. Loop thread; cache
// calls are asynchronous. Owned by agent/lan; nothing is called after its destructor.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/record.h"
#include "peer/offer/offer_table.h"

namespace larder::cache {
class Cache;
}

namespace larder::peer {

class OfferFeed {
 public:
  static constexpr std::size_t kPage = 128;
  static constexpr Duration kPause = std::chrono::milliseconds(5);  // between pages: the index has other users
  static constexpr std::size_t kMaxUnderWay = 4;
  static constexpr std::size_t kMaxWaiting = 4096;  // changed contents; with more, everything is read again
  static constexpr Duration kRetry = std::chrono::seconds(5);

  OfferFeed(cache::Cache& cache, OfferTable& table, Runtime runtime);
  ~OfferFeed();
  OfferFeed(const OfferFeed&) = delete;
  OfferFeed& operator=(const OfferFeed&) = delete;

  // Called after a changed content was put into the table (not for pages of restart()). `segments`: the committed
  // segments; empty for a complete, validated content.
  using Offered = std::function<void(const cache::ContentInfo& info, const std::vector<cache::SegmentInfo>& segments)>;
  void on_offered(Offered offered);
  void restart();                                       // reads everything again
  void on_content_changed(const cache::ContentId& id);  // for Cache::observe
  [[nodiscard]] bool idle() const;                      // everything was read, and no change waits

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace larder::peer
