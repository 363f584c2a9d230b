#include "base/process/hook_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/fair_queue.h"
#include "base/runtime/alive.h"

namespace larder {
namespace {

// The watching thread: spawns, polls, kills in time, posts the outcome.
class Watcher {
 public:
  using Outcome = UniqueFunction<void(std::uint64_t id, Result<HookOutcome> outcome)>;  // called on the thread

  explicit Watcher(Outcome outcome)
      : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), outcome_(std::move(outcome)), thread_([this] { watch(); }) {}

  ~Watcher() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake();
    thread_.join();
  }

  void launch(std::uint64_t id, HookRequest request) {
    {
      const std::lock_guard lock(mutex_);
      fresh_.emplace_back(id, std::move(request));
    }
    wake();
  }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Running {
    std::uint64_t id;
    std::unique_ptr<HookProcess> process;
    Time deadline;
  };

  void wake() const {
    const std::uint64_t one = 1;
    // If it is full, the thread is awake already.
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  }

  void watch() {
    while (take_fresh()) {
      wait();
      const Time now = std::chrono::steady_clock::now();
      for (Running& running : running_) {
        running.process->read_output();
        if (now < running.deadline) continue;
        running.process->kill();
        running.deadline = Time::max();
      }
    }
    running_.clear();
  }

  // Spawns the hooks launched since the last turn. Returns false when the thread must end.
  bool take_fresh() {
    std::vector<std::pair<std::uint64_t, HookRequest>> fresh;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return false;
      fresh.swap(fresh_);
    }
    for (auto& [id, request] : fresh) {
      const auto timeout = request.timeout;
      Result<std::unique_ptr<HookProcess>> process = HookProcess::spawn(std::move(request));
      if (process) {
        running_.push_back({id, std::move(*process), std::chrono::steady_clock::now() + timeout});
      } else {
        outcome_(id, tl::unexpected<Error>(process.error()));
      }
    }
    return true;
  }

  void wait() {
    std::vector<pollfd> polls{{wake_.get(), POLLIN, 0}};
    Time first = Time::max();
    for (const Running& running : running_) {
      polls.push_back({running.process->pid_descriptor(), POLLIN, 0});
      polls.push_back({running.process->output_descriptor(), POLLIN, 0});  // -1 is ignored
      first = std::min(first, running.deadline);
    }
    ::poll(polls.data(), polls.size(), milliseconds_until(first));
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
    // From the back, since ended ones are taken out.
    for (std::size_t i = running_.size(); i-- > 0;) {
      if ((polls[1 + 2 * i].revents & POLLIN) == 0) continue;
      Running ended = std::move(running_[i]);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      ended.process->read_output();
      outcome_(ended.id, ended.process->reap());
    }
  }

  static int milliseconds_until(Time time) {
    if (time == Time::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  UniqueFd wake_;
  Outcome outcome_;
  std::mutex mutex_;  // guards the next two
  bool stop_ = false;
  std::vector<std::pair<std::uint64_t, HookRequest>> fresh_;
  std::vector<Running> running_;
  std::thread thread_;  // last: it starts when all other members exist
};

// Opens the file anew, so that the hook has a file offset of its own.
Result<UniqueFd> open_anew(const std::string& hook, int descriptor) {
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  UniqueFd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened) return opened;
  return fail(ErrorCode::hook_failed, "run the hook " + hook, "open the content: " + std::string(std::strerror(errno)));
}

Status open_content(HookRunner::Request& request) {
  Result<UniqueFd> first = open_anew(request.process.name, request.content);
  if (!first) return tl::unexpected<Error>(first.error());
  Result<UniqueFd> second = open_anew(request.process.name, request.content);
  if (!second) return tl::unexpected<Error>(second.error());
  request.process.content = std::move(*first);
  request.process.content_again = std::move(*second);
  return {};
}

}  // namespace

struct HookRunner::Impl {
  struct Pending {
    Request request;
    Done done;
    FairPlaces::Place place = {};
  };

  explicit Impl(Executor& executor) : loop(executor) {}

  void start_next() {
    const auto wants = [](const Pending& pending) { return std::array{pending.request.want}; };
    const auto fits = [this](const Pending&, Owner owner) { return places.may_take(owner); };
    while (auto turn = waiting.take_next(places, wants, fits)) {
      Pending next = std::move(turn->item);
      if (const Status status = open_content(next.request); !status) {
        loop.post(alive.guard(
            [done = std::move(next.done), error = status.error()]() mutable { done(tl::unexpected<Error>(error)); }));
        continue;
      }
      const std::uint64_t id = ++last_id;
      if (!watcher) watcher = make_watcher();
      watcher->launch(id, std::move(next.request.process));
      next.place = places.take_places(turn->owner);
      running.emplace(id, std::move(next));
    }
  }

  std::unique_ptr<Watcher> make_watcher() {
    auto tell = alive.guard([this](std::uint64_t id, Result<HookOutcome> outcome) { ended(id, std::move(outcome)); });
    return std::make_unique<Watcher>(
        [tell = std::move(tell), &loop = loop](std::uint64_t id, Result<HookOutcome> outcome) {
          // Called on the watching thread, which the destructor joins before the loop or this object ends.
          loop.post([tell = tell, id, outcome = std::move(outcome)]() mutable { tell(id, std::move(outcome)); });
        });
  }

  void ended(std::uint64_t id, Result<HookOutcome> outcome) {
    const auto found = running.find(id);
    if (found == running.end()) return;
    Done done = std::move(found->second.done);
    running.erase(found);
    start_next();
    done(std::move(outcome));
  }

  Executor& loop;
  std::uint64_t last_id = 0;
  FairPlaces places = FairPlaces::with_reserve(kMaxRunning);
  FairQueue<Pending> waiting;
  std::map<std::uint64_t, Pending> running;
  std::unique_ptr<Watcher> watcher;
  Alive alive;
};

HookRunner::HookRunner(Executor& loop) : impl_(std::make_unique<Impl>(loop)) {}

HookRunner::~HookRunner() {
  impl_->alive.end_guards();
  impl_->watcher.reset();
}

void HookRunner::run_hook(Request request, Done done) {
  impl_->waiting.add({std::move(request), std::move(done)});
  impl_->start_next();
}

}  // namespace larder
