// A scarce thing shared by the users of a machine: places (connections, hooks) or bytes. Says who may take how much,
// and who is next. Pure but for the places, which are given back where their tokens end; one thread.
//
// The rule: an owner may hold at most `times` as much as is then left for others. One owner alone comes to
// times / (times + 1) of the whole, and whoever comes next always finds something: nobody can hold all but by being
// many. Where nobody else is about, which the user of this class knows, all of it may be had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace larder {

using Owner = std::uint32_t;  // a user id; of a subordinate one the user whose it is

// For whom something is asked, and how urgent it is among what the same owner asks: 0 goes first.
struct Want {
  Owner owner = 0;
  unsigned urgency = 0;
  friend bool operator==(const Want&, const Want&) = default;
};

class FairPlaces {
  struct Book;

 public:
  // Of what was taken; given back when it ends. It may outlive the FairPlaces.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place() { give_back(); }
    [[nodiscard]] explicit operator bool() const { return book_ != nullptr; }
    [[nodiscard]] Owner owner() const { return owner_; }

   private:
    friend class FairPlaces;
    Place(std::shared_ptr<Book> book, Owner owner, std::size_t size)
        : book_(std::move(book)), owner_(owner), size_(size) {}
    void give_back();
    std::shared_ptr<Book> book_;
    Owner owner_ = 0;
    std::size_t size_ = 0;
  };

  static constexpr std::size_t kTimes = 4;

  explicit FairPlaces(std::size_t total, std::size_t times = kTimes);
  // `of_one` for one owner, and a reserve on top that only others find.
  [[nodiscard]] static FairPlaces with_reserve(std::size_t of_one, std::size_t times = kTimes) {
    return FairPlaces(of_one + (of_one + times - 1) / times, times);
  }
  void set_total(std::size_t total) { total_ = total; }  // what is held beyond it stays held
  [[nodiscard]] std::size_t total() const { return total_; }

  // `alone`: no other owner is about.
  [[nodiscard]] bool may_take(Owner owner, std::size_t size = 1, bool alone = false) const;
  // Whether it holds more than the rule lets it have while others are about.
  [[nodiscard]] bool holds_too_much(Owner owner) const;
  [[nodiscard]] Place take(Owner owner, std::size_t size = 1);

  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] std::size_t held(Owner owner) const;
  // Who is next, among owners that wait: the smaller rank. Who holds least, then who was served longest ago.
  struct Rank {
    std::size_t held = 0;
    std::uint64_t served = 0;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  [[nodiscard]] Rank rank(Owner owner) const;

 private:
  [[nodiscard]] bool within_rule(std::size_t of_owner, std::size_t of_all) const;

  std::size_t total_;
  std::size_t times_;
  std::shared_ptr<Book> book_;
};

}  // namespace larder
