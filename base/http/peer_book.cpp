#include "base/http/peer_book.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace larder::http {

struct PeerBook::Visit::Waiting {
  std::function<void()> note;
  bool listed = false;
};

struct PeerBook::Peer {
  std::string name;
  std::size_t connections = 0, requests = 0, bytes = 0;
  std::vector<std::weak_ptr<Visit::Waiting>> waiting;

  // All of them: whoever finds nothing left waits again.
  void wake() {
    for (const auto& weak : std::exchange(waiting, {})) {
      const auto one = weak.lock();
      if (!one) continue;
      one->listed = false;
      if (one->note) one->note();
    }
  }
};

struct PeerBook::Book {
  PeerLimits limits;
  std::size_t connections = 0;
  std::unordered_map<std::string, Peer> peers;  // those with connections

  [[nodiscard]] const Peer* find(const std::string& name) const {
    const auto found = peers.find(name);
    return found == peers.end() ? nullptr : &found->second;
  }
};

PeerBook::PeerBook(const PeerLimits& limits) : book_(std::make_shared<Book>()) {
  book_->limits = limits;
}

PeerBook::Refused PeerBook::refuses(const std::string& peer, bool privileged, std::optional<std::size_t> most) const {
  const PeerLimits& limits = book_->limits;
  const std::size_t room = limits.connections - (privileged ? 0 : std::min(limits.reserve, limits.connections));
  if (book_->connections >= room) return Refused::too_many;
  if (!privileged && connections(peer) >= most.value_or(limits.connections_per_peer)) return Refused::too_many_of_peer;
  return Refused::no;
}

PeerBook::Visit PeerBook::enter(const std::string& peer, bool privileged) {
  Visit visit;
  visit.book_ = book_;
  visit.peer_ = &book_->peers[peer];
  visit.peer_->name = peer;
  visit.privileged_ = privileged;
  ++visit.peer_->connections;
  ++book_->connections;
  return visit;
}

std::size_t PeerBook::connections() const {
  return book_->connections;
}
std::size_t PeerBook::connections(const std::string& peer) const {
  const Peer* found = book_->find(peer);
  return found ? found->connections : 0;
}
std::size_t PeerBook::requests(const std::string& peer) const {
  const Peer* found = book_->find(peer);
  return found ? found->requests : 0;
}
std::size_t PeerBook::bytes(const std::string& peer) const {
  const Peer* found = book_->find(peer);
  return found ? found->bytes : 0;
}

// --- Visit

PeerBook::Visit::Visit(Visit&& other) noexcept {
  *this = std::move(other);
}

PeerBook::Visit& PeerBook::Visit::operator=(Visit&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  book_ = std::move(other.book_);
  peer_ = std::exchange(other.peer_, nullptr);
  privileged_ = other.privileged_;
  requests_ = std::exchange(other.requests_, 0);
  bytes_ = std::exchange(other.bytes_, 0);
  waiting_ = std::move(other.waiting_);
  return *this;
}

PeerBook::Visit::~Visit() {
  give_back();
}

void PeerBook::Visit::give_back() {
  if (!book_) return;
  waiting_.reset();
  peer_->requests -= requests_;
  peer_->bytes -= bytes_;
  requests_ = bytes_ = 0;
  --book_->connections;
  const auto book = std::move(book_);  // a note may end other visits, and the book with them
  Peer* const peer = std::exchange(peer_, nullptr);
  if (--peer->connections == 0) {
    const std::string name = peer->name;
    book->peers.erase(name);
  } else {
    peer->wake();
  }
}

void PeerBook::Visit::on_room(std::function<void()> note) {
  if (!waiting_) waiting_ = std::make_shared<Waiting>();
  waiting_->note = std::move(note);
}

void PeerBook::Visit::wait() {
  if (!waiting_ || waiting_->listed) return;
  waiting_->listed = true;
  peer_->waiting.push_back(waiting_);
}

bool PeerBook::Visit::begin_request() {
  if (peer_->requests >= book_->limits.requests_per_peer) {
    wait();
    return false;
  }
  ++peer_->requests;
  ++requests_;
  return true;
}

void PeerBook::Visit::end_request() {
  if (requests_ == 0) return;
  --requests_;
  --peer_->requests;
  peer_->wake();
}

void PeerBook::Visit::hold(std::size_t bytes) {
  const bool less = bytes < bytes_;
  peer_->bytes = peer_->bytes - bytes_ + bytes;
  bytes_ = bytes;
  if (less) peer_->wake();
}

bool PeerBook::Visit::may_read() {
  if (peer_->bytes < book_->limits.bytes_per_peer) return true;
  wait();
  return false;
}

}  // namespace larder::http
