#include "inbox/service/turns.h"

#include <utility>

namespace larder::inbox {
namespace {

struct Waiter {
  bool appends = false;
  Turns::Go go;
};

struct Entry {
  std::deque<Waiter> waiting;
  Task stop;            // of whose turn it is
  bool wanted = false;  // a newer request came meanwhile
};

tl::unexpected<Refused> refused(Problem problem, const std::string& id, const char* why) {
  return tl::unexpected<Refused>(
      Refused{problem, "cannot change upload " + id + ": " + why, std::nullopt,
              problem == Problem::busy ? std::optional(std::chrono::seconds(5)) : std::nullopt});
}

}  // namespace

struct Turn::State : std::enable_shared_from_this<Turn::State> {
  explicit State(Executor& executor) : loop(executor) {}

  void give(const std::string& id, Turns::Go go) {
    loop.post([turn = Turn(shared_from_this(), id), go = std::move(go)]() mutable { go(std::move(turn)); });
  }

  void want(Entry& entry) {
    entry.wanted = true;
    if (auto stop = std::exchange(entry.stop, nullptr)) loop.post(std::move(stop));
  }

  void end(const std::string& id) {
    const auto found = entries.find(id);
    if (found == entries.end()) return;
    Entry& entry = found->second;
    if (entry.waiting.empty() || ended) {
      entries.erase(found);
      return;
    }
    Waiter next = std::move(entry.waiting.front());
    entry.waiting.pop_front();
    entry.stop = nullptr;
    entry.wanted = !entry.waiting.empty();
    give(id, std::move(next.go));
  }

  Executor& loop;
  std::map<std::string, Entry> entries;
  bool ended = false;
};

Turn& Turn::operator=(Turn&& other) noexcept {
  if (this != &other) {
    end();
    state_ = std::move(other.state_);
    id_ = std::move(other.id_);
  }
  return *this;
}

void Turn::end() {
  if (const auto state = std::exchange(state_, nullptr)) state->end(id_);
}

void Turn::on_wanted(Task stop) {
  if (!state_) return;
  const auto found = state_->entries.find(id_);
  if (found == state_->entries.end()) return;
  if (found->second.wanted) {
    state_->loop.post(std::move(stop));
  } else {
    found->second.stop = std::move(stop);
  }
}

Turns::Turns(Executor& loop) : state_(std::make_shared<Turn::State>(loop)) {}

Turns::~Turns() {
  state_->ended = true;
  state_->entries.clear();
}

void Turns::ask(const std::string& id, bool appends, Go go) {
  const auto [found, is_new] = state_->entries.try_emplace(id);
  if (is_new) return state_->give(id, std::move(go));
  Entry& entry = found->second;
  std::erase_if(entry.waiting, [&](Waiter& waiter) {
    if (!waiter.appends) return false;
    state_->loop.post([id, older = std::move(waiter.go)]() mutable {
      older(refused(Problem::superseded, id, "a newer request came"));
    });
    return true;
  });
  if (entry.waiting.size() >= kMaxWaiting) {
    state_->loop.post([id, go = std::move(go)]() mutable {
      go(refused(Problem::busy, id, "too many requests for it wait; try again later"));
    });
    return;
  }
  entry.waiting.push_back({appends, std::move(go)});
  state_->want(entry);
}

void Turns::stop_all() {
  for (auto& [id, entry] : state_->entries) state_->want(entry);
}

std::size_t Turns::busy() const {
  return state_->entries.size();
}

}  // namespace larder::inbox
