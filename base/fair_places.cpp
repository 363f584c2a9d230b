#include "base/fair_places.h"

#include <algorithm>
#include <utility>

namespace larder {
namespace {

constexpr std::size_t kRemembered = 1024;  // accounts; beyond it owners that hold nothing are forgotten

}  // namespace

struct FairPlaces::Book {
  struct Account {
    std::size_t held = 0;
    std::uint64_t served = 0;
  };
  std::map<Owner, Account> accounts;
  std::size_t held = 0;
  std::uint64_t turn = 0;

  void forget_oldest() {
    if (accounts.size() <= kRemembered) return;
    auto oldest = accounts.end();
    for (auto it = accounts.begin(); it != accounts.end(); ++it) {
      if (it->second.held == 0 && (oldest == accounts.end() || it->second.served < oldest->second.served)) oldest = it;
    }
    if (oldest != accounts.end()) accounts.erase(oldest);
  }
};

FairPlaces::Place::Place(Place&& other) noexcept
    : book_(std::move(other.book_)), owner_(other.owner_), size_(std::exchange(other.size_, 0)) {}

FairPlaces::Place& FairPlaces::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  book_ = std::move(other.book_);
  owner_ = other.owner_;
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void FairPlaces::Place::give_back() {
  if (!book_) return;
  book_->accounts[owner_].held -= size_;
  book_->held -= size_;
  book_->forget_oldest();
  book_.reset();
}

FairPlaces::FairPlaces(std::size_t total, std::size_t times)
    : total_(total), times_(times), book_(std::make_shared<Book>()) {}

bool FairPlaces::within_rule(std::size_t of_owner, std::size_t of_all) const {
  return of_owner <= times_ * (total_ - std::min(total_, of_all));
}

// The first place of an owner only needs to be free: with few places in all, the rule would give none to any owner.
bool FairPlaces::may_take(Owner owner, std::size_t size, bool alone) const {
  const std::size_t left = total_ - std::min(total_, held());
  if (size > left) return false;
  const std::size_t before = held(owner);
  const bool first_place = before == 0 && size == 1;
  return alone || first_place || within_rule(before + size, held() + size);
}

bool FairPlaces::holds_too_much(Owner owner) const {
  const std::size_t own = held(owner);
  return own > 1 && own * (times_ + 1) > times_ * (total_ - std::min(total_, held() - own));
}

FairPlaces::Place FairPlaces::take_places(Owner owner, std::size_t size) {
  Book::Account& account = book_->accounts[owner];
  account.held += size;
  account.served = ++book_->turn;
  book_->held += size;
  book_->forget_oldest();
  return Place(book_, owner, size);
}

std::size_t FairPlaces::held() const {
  return book_->held;
}

std::size_t FairPlaces::held(Owner owner) const {
  const auto found = book_->accounts.find(owner);
  return found == book_->accounts.end() ? 0 : found->second.held;
}

FairPlaces::Rank FairPlaces::rank(Owner owner) const {
  const auto found = book_->accounts.find(owner);
  return found == book_->accounts.end() ? Rank{} : Rank{found->second.held, found->second.served};
}

}  // namespace larder
