#include "agent/lan/kept_trust.h"

#include <utility>

#include "base/io/log.h"

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

void KeptTrust::on_member_met(const peer::AgentId& agent, Bytes certificate, WallTime now) {
  const Status kept = members.remember(agent, certificate, now);
  if (!kept) log::info("certificate not kept agent={} error=\"{}\"", peer::agent_name(agent), kept.error().text());
}

std::vector<peer::AgentId> KeptTrust::all_shunned(WallTime now) const {
  std::vector<peer::AgentId> agents;
  for (const peer::Shunned& one : trust.all_shunned(now)) agents.push_back(one.agent);
  return agents;
}

void KeptTrust::forget_all() {
  trust.forget_all();
  members.forget_all();
}

}  // namespace larder::agent
