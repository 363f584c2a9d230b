#include "tests/sim/crowd_scenarios.h"

#include "base/runtime/loop.h"

namespace larder::sim {

WorldOptions large_crowd(std::size_t hosts) {
  WorldOptions options;
  options.hosts = hosts;
  options.size = std::uint64_t{2} << 30;
  options.wan = 500e6 / 8;
  options.jitter = seconds(2);
  return options;
}

std::map<std::string, WorldOptions> scenarios() {
  std::map<std::string, WorldOptions> all;
  all["plain"] = {};
  all["large"] = large_crowd(500);
  all["churn"].killed = 0.3;
  all["sleep"].slept = 0.3;
  all["loss"].loss = 0.2;
  all["cut_off"].cut_off = 0.5;
  all["unheard"].unheard = 0.17;
  all["late"].late = seconds(11);
  all["split"].split_from = seconds(3);
  all["split"].split_until = seconds(8);
  all["alone"].hosts = 1;
  all["alone_among_many"].hosts = 1;
  all["alone_among_many"].idle = 50;
  all["small_files"].hosts = 20;
  all["small_files"].files = 200;
  all["small_files"].size = 256 << 10;
  all["small_files_alone"] = all["small_files"];
  all["small_files_alone"].hosts = 1;
  const std::map<std::string, Attack> attacks = {{"claims_all", Attack::claims_all},
                                                 {"false_progress", Attack::false_progress},
                                                 {"says_held", Attack::says_held},
                                                 {"stalls", Attack::stalls},
                                                 {"slow", Attack::slow}};
  for (const auto& [name, attack] : attacks) {
    all[name].attack = attack;
    all[name].attackers = 1;
  }
  WorldOptions halves;
  halves.hosts = 2;
  halves.origin = false;
  halves.limit = seconds(60);
  halves.jitter = milliseconds(100);
  halves.holds = {0, 0.5, 0.5, 1};
  all["complementary_halves"] = halves;
  halves.holds = {0, 0.5, 0, 0.5};
  all["equal_halves"] = halves;
  return all;
}

WorldOptions random_world(std::uint64_t seed) {
  const auto random = make_seeded_random(seed);
  const auto chance = [&random](double part) { return random->unit() < part; };
  WorldOptions options;
  options.seed = seed;
  options.hosts = 2 + random->below(20);
  options.size = chance(0.3) ? 1 + random->below(4 << 20) : (1 + random->below(300)) << 20;
  options.wan = 1e6 * (0.5 + 20 * random->unit());
  options.lan = 125e6 * (0.1 + random->unit());
  options.jitter = milliseconds(random->below(10'000));
  options.latency = std::chrono::microseconds(100 + random->below(10'000));
  options.loss = chance(0.5) ? 0.001 : 0.3 * random->unit();
  options.round_trip = milliseconds(1 + random->below(300));
  options.patience = chance(0.5) ? seconds(5) : seconds(1);
  if (chance(0.4)) options.killed = 0.4 * random->unit();
  if (chance(0.3)) options.slept = 0.4 * random->unit();
  if (chance(0.3)) options.cut_off = 0.5 * random->unit();
  if (chance(0.2)) options.unheard = 0.3 * random->unit();
  if (chance(0.2)) options.split_until = milliseconds(random->below(20'000));
  if (chance(0.2)) options.idle = random->below(100);
  if (chance(0.5)) {
    options.attack = static_cast<Attack>(1 + random->below(5));
    options.attackers = 1;
  }
  return options;
}

}  // namespace larder::sim
