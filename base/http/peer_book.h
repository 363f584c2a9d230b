// Who holds how much of a server: connections, requests that are being answered, bytes in memory, by peer. Decides
// only; the connections do what it says. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/http/message/limits.h"

namespace larder::http {

class PeerBook {
  struct Peer;
  struct Book;

 public:
  enum class Refused { no, too_many, too_many_of_peer };

  // One connection's part in it. What it holds is given back where it ends; it may outlive the book.
  class Visit {
   public:
    Visit() = default;
    Visit(Visit&& other) noexcept;
    Visit& operator=(Visit&& other) noexcept;
    ~Visit();
    explicit operator bool() const { return book_ != nullptr; }

    // False: the peer has as many as it may; `on_room` is called when it may be worth another try.
    [[nodiscard]] bool begin_request();
    void end_request();
    // What this connection holds in memory now.
    void hold(std::size_t bytes);
    // False: the peer holds as much as it may, and nothing more is to be read from it; `on_room` as above.
    [[nodiscard]] bool may_read();
    // Called within another visit's end_request(), hold() or end: it only notes that there is something to do. Not
    // called once the visit has ended.
    void on_room(std::function<void()> note);

   private:
    friend class PeerBook;
    struct Waiting;
    void wait();
    void give_back();
    std::shared_ptr<Book> book_;
    Peer* peer_ = nullptr;
    bool privileged_ = false;
    std::size_t requests_ = 0, bytes_ = 0;
    std::shared_ptr<Waiting> waiting_;
  };

  explicit PeerBook(const PeerLimits& limits);
  // `most`: connections of this peer, where it is not the limit of all.
  [[nodiscard]] Refused refuses(const std::string& peer, bool privileged,
                                std::optional<std::size_t> most = std::nullopt) const;
  // Also where refuses() says that it should not.
  [[nodiscard]] Visit enter(const std::string& peer, bool privileged);

  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t connections(const std::string& peer) const;
  [[nodiscard]] std::size_t requests(const std::string& peer) const;
  [[nodiscard]] std::size_t bytes(const std::string& peer) const;

 private:
  std::shared_ptr<Book> book_;
};

}  // namespace larder::http
