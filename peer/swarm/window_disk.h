// libtorrent's disk interface over contents and segments (docs/design.md, Hashes and segments): no files of its own, no
// mapping. Served blocks are read through the content's lease on reader threads. Arrived blocks go to the torrent's
// owner. Hashes are the leaves that the block check proved. Called by libtorrent on the network thread. Private to the
// swarm.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <libtorrent/disk_buffer_holder.hpp>
#include <libtorrent/disk_interface.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/runtime/worker_pool.h"
#include "peer/swarm/batching.h"
#include "peer/swarm/swarm_window.h"

namespace larder::peer {

// The torrents of torrents that are being added, by save path. Network thread.
using TorrentRegistry = std::map<std::string, std::shared_ptr<TorrentStorage>>;

class TorrentDisk final : public libtorrent::disk_interface, public libtorrent::buffer_allocator_interface {
 public:
  TorrentDisk(boost::asio::io_context& network, std::shared_ptr<TorrentRegistry> expected);
  ~TorrentDisk() override;
  TorrentDisk(const TorrentDisk&) = delete;
  TorrentDisk& operator=(const TorrentDisk&) = delete;

  void free_disk_buffer(char* buffer) override;

  libtorrent::storage_holder new_torrent(const libtorrent::storage_params& params,
                                         const std::shared_ptr<void>& torrent) override;
  void remove_torrent(libtorrent::storage_index_t storage) override;

  void async_read(libtorrent::storage_index_t storage, const libtorrent::peer_request& request,
                  std::function<void(libtorrent::disk_buffer_holder, const libtorrent::storage_error&)> handler,
                  libtorrent::disk_job_flags_t flags) override;
  bool async_write(libtorrent::storage_index_t storage, const libtorrent::peer_request& request, const char* bytes,
                   std::shared_ptr<libtorrent::disk_observer> observer,
                   std::function<void(const libtorrent::storage_error&)> handler,
                   libtorrent::disk_job_flags_t flags) override;
  void async_hash(libtorrent::storage_index_t storage, libtorrent::piece_index_t piece,
                  libtorrent::span<libtorrent::sha256_hash> into, libtorrent::disk_job_flags_t flags,
                  TorrentStorage::HashDone handler) override;
  void async_hash2(
      libtorrent::storage_index_t storage, libtorrent::piece_index_t piece, int offset,
      libtorrent::disk_job_flags_t flags,
      std::function<void(libtorrent::piece_index_t, const libtorrent::sha256_hash&, const libtorrent::storage_error&)>
          handler) override;

  // A torrent cannot be moved, renamed or deleted from here; libtorrent is never asked to.
  void async_move_storage(
      libtorrent::storage_index_t storage, std::string path, libtorrent::move_flags_t flags,
      std::function<void(libtorrent::status_t, const std::string&, const libtorrent::storage_error&)> handler) override;
  void async_release_files(libtorrent::storage_index_t storage, std::function<void()> handler) override;
  void async_check_files(libtorrent::storage_index_t storage, const libtorrent::add_torrent_params* params,
                         libtorrent::aux::vector<std::string, libtorrent::file_index_t> links,
                         std::function<void(libtorrent::status_t, const libtorrent::storage_error&)> handler) override;
  void async_stop_torrent(libtorrent::storage_index_t storage, std::function<void()> handler) override;
  void async_rename_file(
      libtorrent::storage_index_t storage, libtorrent::file_index_t file, std::string name,
      std::function<void(const std::string&, libtorrent::file_index_t, const libtorrent::storage_error&)> handler)
      override;
  void async_delete_files(libtorrent::storage_index_t storage, libtorrent::remove_flags_t options,
                          std::function<void(const libtorrent::storage_error&)> handler) override;
  void async_set_file_priority(
      libtorrent::storage_index_t storage,
      libtorrent::aux::vector<libtorrent::download_priority_t, libtorrent::file_index_t> priorities,
      std::function<void(const libtorrent::storage_error&,
                         libtorrent::aux::vector<libtorrent::download_priority_t, libtorrent::file_index_t>)>
          handler) override;
  void async_clear_piece(libtorrent::storage_index_t storage, libtorrent::piece_index_t piece,
                         std::function<void(libtorrent::piece_index_t)> handler) override;

  void update_stats_counters(libtorrent::counters& counters) const override;
  std::vector<libtorrent::open_file_state> get_status(libtorrent::storage_index_t storage) const override;
  void abort(bool wait) override;
  void submit_jobs() override;
  void settings_updated() override;

 private:
  using ReadHandler = std::function<void(libtorrent::disk_buffer_holder, const libtorrent::storage_error&)>;
  struct ReadDone {
    ReadHandler handler;
    char* buffer = nullptr;
    int length = 0;
    libtorrent::storage_error error;
  };
  struct Read {
    std::shared_ptr<TorrentStorage> storage;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    ReadHandler handler;
  };
  struct Completions;

  [[nodiscard]] TorrentStorage& at(libtorrent::storage_index_t storage) const;
  void refuse_read(ReadHandler handler);
  [[nodiscard]] static ReadDone do_read(Read read, const std::atomic<bool>& aborting);
  void start_reads();
  void look_again_soon();

  boost::asio::io_context& network_;
  std::shared_ptr<TorrentRegistry> expected_;
  std::vector<std::shared_ptr<TorrentStorage>> storages_;  // by storage index; null: free
  std::shared_ptr<Completions> completions_;
  std::shared_ptr<std::atomic<bool>> aborting_;
  std::vector<Read> reads_;  // wait for further reads to go along
  ReadBatch read_batch_;
  boost::asio::steady_timer pause_;
  bool pausing_ = false;
  std::unique_ptr<WorkerPool> readers_;
};

}  // namespace larder::peer
