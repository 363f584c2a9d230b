// What the parts of the service share. For the sources of this room. Loop thread.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "inbox/ledger/ledger.h"
#include "inbox/service/settings.h"
#include "inbox/service/verdict_hook.h"
#include "inbox/store/store.h"

namespace larder::inbox {

template <class T>
using Done = UniqueFunction<void(Outcome<T>)>;

// What is worth remembering of uploads, for speed only. The oldest go first.
template <class T>
class Memory {
 public:
  static constexpr std::size_t kMost = 4096;

  void put(const std::string& id, T value) {
    const auto [found, is_new] = values_.insert_or_assign(id, std::move(value));
    if (!is_new) return;
    order_.push_back(id);
    if (order_.size() <= kMost) return;
    values_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] const T* find(const std::string& id) const {
    const auto found = values_.find(id);
    return found == values_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::optional<T> take(const std::string& id) {
    auto found = values_.extract(id);
    if (!found) return std::nullopt;
    std::erase(order_, id);
    return std::move(found.mapped());
  }

 private:
  std::map<std::string, T> values_;
  std::deque<std::string> order_;
};

struct Context {
  Ledger& ledger;
  Store& store;
  Runtime runtime;
  const UploadSettings settings;
  VerdictHook* const hook;   // may be null
  const std::string holder;  // this process, in the ledger
  UniqueFunction<void(const UploadRow&)> on_accepted;
  Memory<KnownHash> hashes = {};    // between two parts, so that only a restart has them read again
  Memory<std::string> owners = {};  // whose an upload is; that never changes
  std::size_t read_ahead = 0;       // bytes of all parts that are not written yet
  bool draining = false;

  [[nodiscard]] bool is_judged(const std::string& inbox) const { return hook != nullptr && hook->judges(inbox); }

  [[nodiscard]] bool waits_for_application(const std::string& inbox) const {
    return settings.limits_of(inbox).wait_for_application > Duration::zero();
  }

  Alive alive = {};

  // For callbacks of the ledger, the store and bodies: they do nothing once the Uploads have ended.
  template <class Function>
  [[nodiscard]] auto guard(Function function) const {
    return alive.guard(std::move(function));
  }
  [[nodiscard]] WallTime wall() const { return runtime.clock.wall(); }
  // Bytes of disk that declared sizes may need.
  void room(Done<std::uint64_t> done);
  void remember(const std::string& id, std::optional<KnownHash> known) {
    if (known) hashes.put(id, std::move(*known));
  }
  // The files of an upload that is over. What fails is tried again by the janitor.
  void drop_files(std::vector<std::string> ids, StatusDone done);
};

// With the row of the upload that it concerns.
[[nodiscard]] Refused refused_by(const Error& error, const UploadRow& row);
[[nodiscard]] Refused pending(const UploadRow& row);

}  // namespace larder::inbox
