#include "agent/cli/show/peer_views.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/cli/show/progress.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

using nlohmann::json;

template <class T>
void get(const json& from, const char* name, T& into) {
  const auto found = from.find(name);
  if (found != from.end() && !found->is_null()) into = found->get<T>();
}

void read_peer(const json& from, PeersView::Peer& peer) {
  get(from, "id", peer.id);
  get(from, "name", peer.name);
  get(from, "address", peer.address);
  get(from, "shunned", peer.shunned);
  get(from, "shunned_until", peer.shunned_until);
  get(from, "doubted", peer.doubted);
  get(from, "doubted_until", peer.doubted_until);
  get(from, "unreachable", peer.unreachable);
  get(from, "cannot_reach", peer.cannot_reach);
  get(from, "second_place", peer.second_place);
  get(from, "version", peer.version);
  get(from, "serving", peer.serving);
  get(from, "multicast", peer.multicast);
  get(from, "load", peer.load);
  if (const auto heard = from.find("last_heard_s"); heard != from.end() && !heard->is_null()) {
    peer.last_heard_s = heard->get<double>();
  }
}

void read_view(const json& from, PeersView& view) {
  get(from, "id", view.id);
  get(from, "enabled", view.enabled);
  get(from, "in_group", view.in_group);
  get(from, "up", view.up);
  get(from, "use", view.use);
  get(from, "serving", view.serving);
  get(from, "multicast", view.multicast);
  get(from, "trouble", view.trouble);
  get(from, "serving_trouble", view.serving_trouble);
  get(from, "offered", view.offered);
  get(from, "catalogue_port", view.catalogue_port);
  get(from, "swarm_port", view.swarm_port);
  get(from, "discovery_port", view.discovery_port);
  get(from, "multicast_interfaces", view.multicast_interfaces);
  get(from, "multicast_hellos", view.multicast_hellos);
  get(from, "unicast_hellos", view.unicast_hellos);
  get(from, "clock_rejections", view.clock_rejections);
  get(from, "given", view.given);
  get(from, "taken", view.taken);
  get(from, "condemned_versions", view.condemned_versions);
  get(from, "inconstant_hosts", view.inconstant_hosts);
  get(from, "listening_trouble", view.listening_trouble);
  get(from, "unreached_trouble", view.unreached_trouble);
  get(from, "copied", view.copied);
  get(from, "copied_command", view.copied_command);
  get(from, "known_members", view.known_members);
  if (const auto alone = from.find("alone_for_s"); alone != from.end() && alone->is_number())
    view.alone_for_s = alone->get<double>();
  if (const auto peers = from.find("peers"); peers != from.end()) {
    for (const json& one : peers->get_ref<const json::array_t&>()) read_peer(one, view.peers.emplace_back());
  }
}

std::string state_of(const PeersView::Peer& peer) {
  const auto told = [&peer](const char* what, const std::string& why, const std::string& until) {
    return fmt::format("{}{}: {}; larder peers pardon {:.8}", what, until.empty() ? "" : " until " + printable(until),
                       printable(why), printable(peer.id));
  };
  if (!peer.shunned.empty()) return told("shunned", peer.shunned, peer.shunned_until);
  if (!peer.doubted.empty()) return told("its word does not count", peer.doubted, peer.doubted_until);
  if (!peer.second_place.empty())
    return fmt::format("two machines have this identity, the other at {}: larder group leave and join on the copy",
                       printable(peer.second_place));
  if (!peer.unreachable.empty()) return printable(peer.unreachable);
  if (!peer.cannot_reach.empty()) return "says that it does not reach this machine at " + printable(peer.cannot_reach);
  if (!peer.serving) return "does not serve";
  return peer.load == 0 ? "serves" : fmt::format("serves, {} now", peer.load);
}

std::string own_lines(const PeersView& view) {
  if (!view.enabled) return "sharing is off: peer.enabled is false\n";
  if (!view.in_group) return "no group: this agent works alone; see larder group --help\n";
  if (!view.up)
    return fmt::format("sharing is not up: {}\n", view.trouble.empty() ? "it begins" : printable(view.trouble));
  std::string text =
      fmt::format("this agent  {:.8}, ports {} and {} (TCP), {} (UDP), {}, {} contents offered\n", printable(view.id),
                  view.catalogue_port, view.swarm_port, view.discovery_port,
                  view.serving ? "serves" : "does not serve: " + printable(view.serving_trouble), view.offered);
  if (view.given > 0 || view.taken > 0) {
    text += fmt::format("            {} given to others, {} taken from them\n", format_bytes(view.given),
                        format_bytes(view.taken));
  }
  if (!view.use) text += "            takes nothing from peers: peer.use is false\n";
  if (view.condemned_versions > 0)
    text += fmt::format("            {} contents are not shared: agents were given different bytes under one name\n",
                        view.condemned_versions);
  if (view.inconstant_hosts > 0)
    text +=
        fmt::format("            nothing of {} origins is shared for a while: they are not constant (see the log)\n",
                    view.inconstant_hosts);
  if (!view.copied.empty())
    text += fmt::format("            {}; on the copy: {}\n", printable(view.copied), printable(view.copied_command));
  for (const std::string& trouble : {view.listening_trouble, view.unreached_trouble, view.trouble}) {
    if (!trouble.empty()) text += fmt::format("            {}\n", printable(trouble));
  }
  return text;
}

}  // namespace

// Catches the exceptions of nlohmann's accessors on a wrong type.
Result<PeersView> parse_peers(std::string_view text) {
  try {
    PeersView view;
    read_view(json::parse(text), view);
    return view;
  } catch (const json::exception& e) {
    return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", e.what());
  }
}

Result<PardonedView> parse_pardoned(std::string_view text) {
  try {
    const json from = json::parse(text);
    PardonedView view;
    get(from, "id", view.id);
    get(from, "pardoned", view.pardoned);
    return view;
  } catch (const json::exception& e) {
    return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", e.what());
  }
}

std::string peers_summary(const PeersView& view) {
  if (!view.enabled) return "sharing is off";
  if (!view.in_group) return "no group: this agent works alone";
  if (!view.up) return "sharing is not up, see larder doctor";
  std::size_t around = 0;
  for (const PeersView::Peer& peer : view.peers) around += peer.last_heard_s ? 1U : 0U;
  return fmt::format("{} around; {} contents offered", around, view.offered);
}

std::string peers_page(const PeersView& view) {
  std::string page = own_lines(view);
  if (!view.up) return page;
  if (view.peers.empty()) return page + "nobody else is around\n";
  page += fmt::format("{:<8}  {:<24}  {:<24}  {:>6}  {}\n", "AGENT", "NAME", "ADDRESS", "HEARD", "STATE");
  for (const PeersView::Peer& peer : view.peers) {
    page += fmt::format("{:<8.8}  {:<24}  {:<24}  {:>6}  {}\n", printable(peer.id), printable(peer.name),
                        peer.address.empty() ? "not around" : printable(peer.address),
                        peer.last_heard_s ? fmt::format("{:.0f} s", *peer.last_heard_s) : "–", state_of(peer));
  }
  return page;
}

}  // namespace larder::agent
