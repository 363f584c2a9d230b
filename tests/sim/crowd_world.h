// An office in virtual time, to see what the crowd's rules come to: the real Crowd, CrowdPace, CrowdMemory and
// ClaimRecord of up to thousands of agents, in one thread, repeatable by its seed.
//
// What is modelled:
// * the line to the origin, shared fairly by all streams; a round trip before the first byte; a host's own limit;
// * datagrams: all hosts hear one after the LAN's latency (one draw for a datagram, so that they overtake one another),
//   each host loses it with the given probability;
// * the LAN: a host gives to `slots` at once and takes from `slots` at once, each at that part of its line. As in a
//   torrent, who is taking a segment gives on what came of it, and has it a moment (kLag) after who gives it;
// * a holder without a free slot names up to 16 others that took the segment or are at it, as the catalogue does;
// * commits (a segment is offered a moment after its last byte), hosts that die, sleep, cannot reach the origin, lie.
// What is not: congestion of the LAN's core, disks, processor time, connections that fail half-way for no reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/clock.h"

namespace larder::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Attack {
  none,
  claims_all,      // claims as much as a datagram carries, and fetches nothing
  false_progress,  // tells progress of claims, and holds nothing in the end
  says_held,       // says that it holds everything, and gives nothing
  stalls,          // fetches a byte a second
  slow,            // fetches at a fiftieth of the line: honest
};

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t hosts = 12;
  std::size_t idle = 0;  // agents of the group that want nothing, and are as many again of the known
  std::uint64_t size = 128 << 20;
  std::size_t files = 1;     // of that size each
  std::size_t parallel = 8;  // files at a time of one host
  double wan = 50e6 / 8;     // bytes/s, shared by all
  double own_line = 1e12;    // bytes/s from the origin to one host, at most
  double lan = 1e9 / 8;      // bytes/s of each host, each way
  std::size_t slots = 4;
  Duration jitter = seconds(1);  // of the start
  Duration latency = std::chrono::microseconds(500);
  double loss = 0.001;                     // of datagrams
  Duration round_trip = milliseconds(20);  // to the origin
  Duration commit = milliseconds(30);
  Duration patience = milliseconds(1500);
  double killed = 0;       // part of the hosts, fetchers preferred, at random moments
  double slept = 0;        // part that sleeps for some seconds
  double cut_off = 0;      // part that cannot reach the origin
  double unheard = 0;      // part whom no other host can reach, nor they them, but by datagrams
  Duration split_from{};   // the LAN falls into two halves …
  Duration split_until{};  // … and is one again
  Duration late{};         // one more host joins then
  Attack attack = Attack::none;
  std::size_t attackers = 0;               // the first in rank; beside `hosts`
  std::vector<double> holds;               // of the first hosts: the part [from, to) held at the start, pairs
  bool origin = true;                      // false: nobody reaches it
  Duration limit = std::chrono::hours(2);  // of virtual time
};

struct HostReport {
  double begun = 0;
  double done = -1;  // of its last file; seconds since the beginning
  double origin_bytes = 0;
  double peer_bytes = 0;
  std::uint64_t datagrams = 0;  // sent
  bool alive = true;
  bool complete = false;
  bool origin = true;       // it can reach it
  std::size_t missing = 0;  // segments that it reports as to be had from nobody
};

struct WorldReport {
  std::vector<HostReport> hosts;  // without attackers
  double origin_bytes = 0;        // as the origin counts them
  std::uint64_t requests = 0;     // for bodies
  double ended = 0;               // when the last one was done
  std::uint64_t datagrams = 0;    // of all, attackers not counted
  std::uint64_t datagram_bytes = 0;
  std::uint64_t most_in_a_second = 0;
  std::size_t most_fetchers = 0;  // streams at once
  std::uint64_t steps = 0;        // calls of Crowd::step
  bool all_done = false;          // those alive
  // The bytes that each segment was fetched, of all files: for checks.
  double most_copies = 0;  // of one segment

  [[nodiscard]] double copies(const WorldOptions& options) const;
  [[nodiscard]] double quantile(double part) const;  // of the time from begin to done, of those that are
  [[nodiscard]] double datagrams_per_host_second() const;
};

[[nodiscard]] WorldReport run_world(const WorldOptions& options);

}  // namespace larder::sim
