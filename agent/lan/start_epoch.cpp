#include "agent/lan/start_epoch.h"

#include <utility>

namespace larder::agent {

void StartEpoch::obtain(std::function<void(Status)> done) {
  if (std::exchange(under_way_, true)) return;
  auto got = std::make_shared<Result<std::uint64_t>>(
      fail(ErrorCode::busy, "begin sharing", "too much waits for the disk threads; it is tried again"));
  auto answer = alive_.guard([this, got, done = std::move(done)] {
    under_way_ = false;
    if (!*got) return done(tl::unexpected<Error>(got->error()));
    value_ = **got;
    done({});
  });
  const bool queued =
      disk_.submit([got, answer, store = store_, now = runtime_.clock.wall(), &executor = runtime_.executor] {
        *got = store->next_start_epoch(now);
        executor.post(answer);
      });
  if (!queued) runtime_.executor.post(answer);
}

}  // namespace larder::agent
