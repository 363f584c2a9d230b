// A queue of items that wait for a place of FairPlaces. Order: round robin by owner, the one that holds least first;
// then by urgency within the owner; then by arrival. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "base/fair_places.h"

namespace larder {

template <class T>
class FairQueue {
 public:
  void add(T item) { items_.push_back(std::move(item)); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] std::deque<T>& items() { return items_; }  // by arrival
  [[nodiscard]] const std::deque<T>& items() const { return items_; }
  template <class Predicate>
  void erase_if(Predicate predicate) {
    std::erase_if(items_, std::move(predicate));
  }

  struct Next {
    T item;
    Owner owner = 0;  // the owner for whom it is served
  };
  // Removes and returns the next item that `fits(item, owner)`. `wants(item)` is a range of Want: an item that several
  // owners want is served for the owner whose turn comes first.
  template <class Wants, class Fits>
  std::optional<Next> take_next(const FairPlaces& places, Wants wants, Fits fits) {
    using Key = std::pair<FairPlaces::Rank, unsigned>;
    std::optional<std::tuple<Key, std::size_t, Owner>> best;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      for (const Want& want : wants(std::as_const(items_[i]))) {
        const Key key{places.rank(want.owner), want.urgency};
        if (best && !(key < std::get<0>(*best))) continue;
        if (fits(std::as_const(items_[i]), want.owner)) best = {key, i, want.owner};
      }
    }
    if (!best) return std::nullopt;
    const auto at = items_.begin() + static_cast<std::ptrdiff_t>(std::get<1>(*best));
    Next next{std::move(*at), std::get<2>(*best)};
    items_.erase(at);
    return next;
  }

 private:
  std::deque<T> items_;
};

}  // namespace larder
