#include "agent/api/json/peers_json.h"

#include "agent/api/json/json_writer.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void write_peer(JsonWriter& json, const PeerFact& peer) {
  json.begin_object().member("id", peer.id).member_or_null("name", peer.name);
  json.member_or_null("address", peer.address).member("serving", peer.serving).member("multicast", peer.multicast);
  json.member("load", peer.load);
  json.member("last_heard_s", peer.last_heard ? std::optional(in_seconds(*peer.last_heard)) : std::nullopt);
  json.member_or_null("shunned", peer.shunned);
  json.member_or_null("shunned_until", peer.shunned_until ? format_time(*peer.shunned_until) : "");
  json.member_or_null("doubted", peer.doubted);
  json.member_or_null("doubted_until", peer.doubted_until ? format_time(*peer.doubted_until) : "");
  json.member_or_null("unreachable", peer.unreachable).member_or_null("cannot_reach", peer.cannot_reach);
  json.member_or_null("second_place", peer.second_place);
  json.member_or_null("version", peer.version).member("protocol", peer.protocol);
  json.end_object();
}

void write_network(JsonWriter& json, const SharingFacts& facts) {
  json.member("catalogue_port", facts.catalogue_port).member("swarm_port", facts.swarm_port);
  json.member("discovery_port", facts.discovery_port).member("multicast", facts.multicast);
  json.member("multicast_interfaces", facts.multicast_interfaces);
  json.member("multicast_hellos", facts.multicast_hellos).member("unicast_hellos", facts.unicast_hellos);
  json.member("clock_rejections", facts.clock_rejections);
  json.member("given", facts.given).member("taken", facts.taken);
}

void write_reach(JsonWriter& json, const SharingFacts& facts) {
  json.member_or_null("listening_trouble", facts.listening_trouble);
  json.member_or_null("unreached_trouble", facts.unreached_trouble).member("unreached_by", facts.unreached_by);
  json.member_or_null("copied", facts.copied).member_or_null("copied_command", facts.copied_command);
  json.member("known_members", facts.known_members);
  json.member("alone_for_s", facts.alone_for ? std::optional(in_seconds(*facts.alone_for)) : std::nullopt);
  json.member("protocol", facts.protocol);
}

}  // namespace

std::string peers_view(const SharingFacts& facts) {
  JsonWriter json;
  json.begin_object().member_or_null("id", facts.id).member("enabled", facts.enabled);
  json.member("in_group", facts.in_group).member("up", facts.up).member_or_null("trouble", facts.trouble);
  json.member("use", facts.use).member("serving", facts.serving);
  json.member_or_null("serving_trouble", facts.serving_trouble).member("offered", facts.offered);
  write_network(json, facts);
  write_reach(json, facts);
  json.member("condemned_versions", facts.condemned_versions).member("inconstant_hosts", facts.inconstant_hosts);
  json.key("peers").begin_array();
  for (const PeerFact& peer : facts.peers) write_peer(json, peer);
  json.end_array();
  json.end_object();
  return json.take();
}

std::string pardoned_view(const PardonAnswer& answer) {
  JsonWriter json;
  json.begin_object().member("id", answer.id).member("pardoned", answer.pardoned).end_object();
  return json.take();
}

}  // namespace larder::agent
