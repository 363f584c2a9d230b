#include "peer/offer/offer_feed.h"

#include <set>
#include <vector>

#include "base/io/log.h"
#include "base/runtime/callback_token.h"
#include "cache/cache.h"

namespace larder::peer {

struct OfferFeed::State : std::enable_shared_from_this<State> {
  State(cache::Cache& c, OfferTable& t, Runtime r) : cache(c), table(t), runtime(r) {}

  void scan(const cache::ContentId& after);
  void scan_later(Duration pause, cache::ContentId after);
  void pump();
  void look_at(const cache::ContentId& id);
  void looked(const cache::ContentId& id);

  cache::Cache& cache;
  OfferTable& table;
  Runtime runtime;
  unsigned turn = 0;  // number of the present restart(); older scans end
  bool scanning = false;
  TimerId timer = 0;
  std::set<cache::ContentId> waiting;
  std::set<cache::ContentId> under_way;
  Offered offered;
};

OfferFeed::OfferFeed(cache::Cache& cache, OfferTable& table, Runtime runtime)
    : state_(std::make_shared<State>(cache, table, runtime)) {}

OfferFeed::~OfferFeed() {
  state_->runtime.timers.cancel(state_->timer);
}

void OfferFeed::on_offered(Offered offered) {
  state_->offered = std::move(offered);
}

void OfferFeed::restart() {
  ++state_->turn;
  state_->scanning = true;
  state_->runtime.timers.cancel(state_->timer);
  state_->scan({});
}

void OfferFeed::on_content_changed(const cache::ContentId& id) {
  if (state_->waiting.size() >= kMaxWaiting) {
    // Dropped contents may be among those that waited: an empty table is sure to list none of them.
    state_->waiting.clear();
    state_->table.reset(GroupKey(state_->table.key()));
    return restart();
  }
  state_->waiting.insert(id);
  state_->pump();
}

bool OfferFeed::idle() const {
  return !state_->scanning && state_->waiting.empty() && state_->under_way.empty();
}

void OfferFeed::State::scan_later(Duration pause, cache::ContentId after) {
  timer = runtime.timers.after(pause, [weak = weak_from_this(), after = std::move(after)] {
    if (const auto self = weak.lock()) self->scan(after);
  });
}

void OfferFeed::State::scan(const cache::ContentId& after) {
  cache.offerable(
      after, kPage, [weak = weak_from_this(), mine = turn, after](Result<std::vector<cache::Cache::Offerable>> page) {
        const auto self = weak.lock();
        if (!self || self->turn != mine) return;
        if (!page) {
          log::warn("what is here to offer could not be read, again later error=\"{}\"", page.error().text());
          return self->scan_later(kRetry, after);
        }
        for (const auto& item : *page) {
          // A content that changed meanwhile is read by itself, later than this page.
          const bool newer = self->waiting.contains(item.info.id) || self->under_way.contains(item.info.id);
          if (!newer) self->table.update(item.info, item.segments);
        }
        if (page->empty()) {
          self->scanning = false;
        } else {
          self->scan_later(kPause, page->back().info.id);
        }
      });
}

void OfferFeed::State::pump() {
  for (auto next = waiting.begin(); next != waiting.end() && under_way.size() < kMaxUnderWay;) {
    if (under_way.contains(*next)) {  // read again once the present read has ended
      ++next;
      continue;
    }
    const cache::ContentId id = *next;
    next = waiting.erase(next);
    under_way.insert(id);
    look_at(id);
  }
}

void OfferFeed::State::look_at(const cache::ContentId& id) {
  // One of kMaxUnderWay places: the token gives it back even if the callback is lost.
  const auto place = std::make_shared<CallbackToken>(runtime.executor, [weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->looked(id);
  });
  cache.get(id, [weak = weak_from_this(), id, place](Result<cache::ContentInfo> got) {
    const auto self = weak.lock();
    if (!self) return;
    if (!got) {
      if (got.error().code == ErrorCode::not_found) self->table.remove(id);
      place->mark_answered();
      return self->looked(id);
    }
    if (got->state == cache::ContentState::complete && got->validated) {
      self->table.update(*got, {});
      if (self->offered) self->offered(*got, {});
      place->mark_answered();
      return self->looked(id);
    }
    self->cache.segments(id,
                         [weak, id, place, info = std::move(*got)](Result<std::vector<cache::SegmentInfo>> segments) {
                           const auto still = weak.lock();
                           if (!still) return;
                           std::vector<std::uint64_t> committed;
                           if (segments) {
                             for (const auto& segment : *segments) committed.push_back(segment.index);
                           }
                           still->table.update(info, committed);
                           if (still->offered && segments) still->offered(info, *segments);
                           place->mark_answered();
                           still->looked(id);
                         });
  });
}

void OfferFeed::State::looked(const cache::ContentId& id) {
  under_way.erase(id);
  pump();
}

}  // namespace larder::peer
