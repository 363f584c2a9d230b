#include "peer/swarm/swarm_settings.h"

#include <libtorrent/alert.hpp>
#include <limits>

namespace larder::peer {
namespace {

namespace lt = libtorrent;
using Pack = lt::settings_pack;

// Turns off everything that contacts strangers, and uTP, which is slower on a LAN and corrupts payload on close
// in 2.0.8.
void no_strangers(Pack& pack) {
  for (const int off :
       {Pack::enable_dht, Pack::enable_lsd, Pack::enable_upnp, Pack::enable_natpmp, Pack::enable_incoming_utp,
        Pack::enable_outgoing_utp, Pack::announce_to_all_trackers, Pack::announce_to_all_tiers}) {
    pack.set_bool(off, false);
  }
  pack.set_str(Pack::dht_bootstrap_nodes, "");
  pack.set_str(Pack::user_agent, "larder");
  pack.set_str(Pack::handshake_client_version, "larder");
  pack.set_str(Pack::peer_fingerprint, "-LD0100-");
  pack.set_int(Pack::mixed_mode_algorithm, Pack::prefer_tcp);
  // The torrent decides between TLS and plain TCP; the protocol's own RC4 is never used.
  pack.set_int(Pack::out_enc_policy, Pack::pe_disabled);
  pack.set_int(Pack::in_enc_policy, Pack::pe_disabled);
}

void full_pipes(Pack& pack) {
  // In the first second the rate is unknown and the low watermark counts: with 10 KiB a small torrent stalls for 44 ms.
  pack.set_int(Pack::send_buffer_low_watermark, 1024 * 1024);
  pack.set_int(Pack::send_buffer_watermark, 4 * 1024 * 1024);
  pack.set_int(Pack::send_buffer_watermark_factor, 150);
  pack.set_int(Pack::send_not_sent_low_watermark, 512 * 1024);
  pack.set_int(Pack::max_queued_disk_bytes, 16 * 1024 * 1024);
  pack.set_int(Pack::max_peer_recv_buffer_size, kMaxReceiveBuffer);
  pack.set_int(Pack::max_out_request_queue, 2000);
  pack.set_int(Pack::max_allowed_in_request_queue, 4000);
  // More overflows an int in 2.0.8 at a few hundred MB/s.
  pack.set_int(Pack::request_queue_time, 1);
  pack.set_int(Pack::initial_picker_threshold, 0);
  pack.set_int(Pack::predictive_piece_announce, 0);
  pack.set_int(Pack::allowed_fast_set_size, 0);
  pack.set_int(Pack::suggest_mode, Pack::no_piece_suggestions);
}

void prompt_dialling(Pack& pack) {
  pack.set_int(Pack::connection_speed, 200);
  pack.set_bool(Pack::smooth_connects, false);
  pack.set_int(Pack::torrent_connect_boost, 255);
  pack.set_int(Pack::min_reconnect_time, 1);
  pack.set_int(Pack::max_failcount, 20);
  pack.set_int(Pack::peer_connect_timeout, 3);
  pack.set_int(Pack::handshake_timeout, 5);
  pack.set_int(Pack::piece_timeout, 3);
  pack.set_int(Pack::request_timeout, 5);
  pack.set_int(Pack::peer_timeout, 20);
  pack.set_bool(Pack::allow_multiple_connections_per_ip, true);
  // Only the downloading side dials.
  pack.set_bool(Pack::seeding_outgoing_connections, false);
  // A fetch that wants nothing for now keeps its connections until it is stopped.
  pack.set_bool(Pack::close_redundant_connections, false);
}

void bounds(Pack& pack, const SwarmSettings& settings) {
  pack.set_int(Pack::connections_limit, static_cast<int>(settings.max_connections));
  pack.set_int(Pack::connections_slack, 0);
  pack.set_int(Pack::listen_queue_size, 128);
  pack.set_int(Pack::max_peerlist_size, 200);
  pack.set_int(Pack::unchoke_slots_limit, -1);
  pack.set_int(Pack::choking_algorithm, Pack::fixed_slots_choker);
  pack.set_int(Pack::active_downloads, -1);
  pack.set_int(Pack::active_seeds, -1);
  pack.set_int(Pack::active_limit, -1);
  pack.set_bool(Pack::dont_count_slow_torrents, true);
  pack.set_int(Pack::auto_manage_startup, 5);
  pack.set_bool(Pack::rate_limit_ip_overhead, false);
  pack.set_int(Pack::alert_queue_size, 10000);
  pack.set_int(Pack::alert_mask, lt::alert_category::error | lt::alert_category::status | lt::alert_category::storage);
}

// window_disk.h replaces libtorrent's disk; these settings keep that one harmless should it ever be used.
void no_mapped_files(Pack& pack) {
  pack.set_int(Pack::mmap_file_size_cutoff, std::numeric_limits<int>::max());
  pack.set_int(Pack::disk_write_mode, Pack::always_pwrite);
  pack.set_bool(Pack::no_recheck_incomplete_resume, true);
  pack.set_bool(Pack::disable_hash_checks, false);
}

}  // namespace

lt::settings_pack swarm_tick(bool limited) {
  Pack pack;
  pack.set_int(Pack::tick_interval, limited ? 100 : 500);
  return pack;
}

std::string swarm_listen_interfaces(const SwarmSettings& settings, std::uint16_t port) {
  std::vector<std::string> hosts = settings.listen;
  if (hosts.empty()) hosts = {"0.0.0.0", "::"};
  std::string text;
  for (const std::string& host : hosts) {
    if (!text.empty()) text += ',';
    text += host.find(':') == std::string::npos ? host : '[' + host + ']';
    text += ':' + std::to_string(port) + (settings.encryption ? "s" : "");
  }
  return text;
}

lt::settings_pack swarm_settings_pack(const SwarmSettings& settings) {
  Pack pack = swarm_tick(settings.upload_rate != 0 || settings.download_rate != 0);
  no_strangers(pack);
  full_pipes(pack);
  prompt_dialling(pack);
  bounds(pack, settings);
  no_mapped_files(pack);
  pack.set_str(Pack::listen_interfaces, swarm_listen_interfaces(settings, settings.port));
  // A port in use is reported as an error; libtorrent must not choose another one.
  pack.set_bool(Pack::listen_system_port_fallback, false);
  pack.set_int(Pack::max_retry_port_bind, 0);
  return pack;
}

}  // namespace larder::peer
