#include "agent/daemon/kept_trust.h"

#include <utility>

#include "base/log.h"

namespace larder::agent {

KeptTrust::KeptTrust(cache::Database& database, Runtime runtime, std::size_t min_attesters)
    : trust(min_attesters), trust_store_(database, runtime), member_store_(database, runtime) {}

void KeptTrust::load(WallTime now, std::function<void()> done) {
  trust_store_.load(trust, now, [](const Status& loaded) {
    if (!loaded) log::error("who is shunned could not be read error=\"{}\"", loaded.error().text());
  });
  // The database answers in order.
  member_store_.load(members, [done = std::move(done)](const Status& loaded) {
    if (!loaded) log::error("certificates of members could not be read error=\"{}\"", loaded.error().text());
    done();
  });
}

void KeptTrust::forget_all() {
  trust.forget_all();
  members.forget_all();
}

}  // namespace larder::agent
