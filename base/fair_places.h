// A scarce resource shared by the users of a machine: places (connections, hooks) or bytes. Decides how much an owner
// may take, and which owner is next. Pure, except that a Place gives itself back when it is destroyed; one thread.
//
// The rule: an owner may hold at most `times` as much as is then left for others. A single owner gets at most
// times / (times + 1) of the whole, so the next owner always finds some left; only several owners together can hold
// all. An owner who is alone, which the caller knows, may take all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace larder {

using Owner = std::uint32_t;  // a user id; for a subordinate user id, the user that it belongs to

// The owner of a request, and its urgency among requests of the same owner: 0 goes first.
struct Want {
  Owner owner = 0;
  unsigned urgency = 0;
  friend bool operator==(const Want&, const Want&) = default;
};

class FairPlaces {
  struct Book;

 public:
  // A token for a taken part, which its destructor gives back. May outlive the FairPlaces.
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
  // `of_one` for one owner, and a reserve on top that only other owners can take.
  [[nodiscard]] static FairPlaces with_reserve(std::size_t of_one, std::size_t times = kTimes) {
    return FairPlaces(of_one + (of_one + times - 1) / times, times);
  }
  void set_total(std::size_t total) { total_ = total; }  // places held beyond it stay held
  [[nodiscard]] std::size_t total() const { return total_; }

  // Returns whether the owner may take `size` more. `alone`: no other owner is present.
  [[nodiscard]] bool may_take(Owner owner, std::size_t size = 1, bool alone = false) const;
  // Returns whether the owner holds more than one place, and more than the rule allows while others are present.
  [[nodiscard]] bool holds_too_much(Owner owner) const;
  [[nodiscard]] Place take_places(Owner owner, std::size_t size = 1);

  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] std::size_t held(Owner owner) const;
  // Order of owners that wait, smallest first: the owner that holds least, then the one served longest ago.
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
