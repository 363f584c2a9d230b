#include "peer/swarm/torrent_disk.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <iterator>
#include <libtorrent/add_torrent_params.hpp>
#include <new>
#include <utility>

#include "base/io/log.h"

namespace larder::peer {
namespace {

namespace lt = libtorrent;

constexpr std::size_t kReaders = 2;
// More reads than the send buffers of 200 connections can request at once (swarm_settings.cpp).
constexpr std::size_t kMaxWaitingReads = 65536;
// Room behind a block for the header of the next one: libtorrent puts it there, and TLS then sends one record of full
// length instead of two halves (boost.asio puts at most 8 KiB of several buffers into one record).
constexpr std::uint64_t kNextHeader = 13;

lt::storage_error read_error(boost::system::errc::errc_t code) {
  return {boost::system::errc::make_error_code(code), lt::operation_t::file_read};
}

std::size_t index_of(lt::storage_index_t storage) {
  return static_cast<std::size_t>(static_cast<std::uint32_t>(storage));
}

}  // namespace

// Finished reads, handed to the network thread many at once. Outlives the disk while readers run.
struct TorrentDisk::Completions {
  Completions(boost::asio::io_context& context, TorrentDisk& owner) : network(context), disk(owner) {}

  // The posted handler holds `self` until the reads are delivered.
  static void add(const std::shared_ptr<Completions>& self, std::vector<ReadDone> reads) {
    const std::lock_guard lock(self->mutex);
    if (self->done.empty()) boost::asio::post(self->network, [self] { self->deliver(); });
    std::move(reads.begin(), reads.end(), std::back_inserter(self->done));
  }

  void deliver() {
    std::vector<ReadDone> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(done);
    }
    for (ReadDone& read : batch) {
      lt::disk_buffer_holder holder;
      if (read.error.ec) {
        std::free(read.buffer);
      } else {
        holder = lt::disk_buffer_holder(disk, read.buffer, read.length + static_cast<int>(kNextHeader));
      }
      read.handler(std::move(holder), read.error);
    }
  }

  boost::asio::io_context& network;
  TorrentDisk& disk;  // lives as long as the session, and so longer than the network thread's handlers
  std::mutex mutex;
  std::vector<ReadDone> done;
};

TorrentDisk::TorrentDisk(boost::asio::io_context& network, std::shared_ptr<TorrentRegistry> expected)
    : network_(network),
      expected_(std::move(expected)),
      completions_(std::make_shared<Completions>(network, *this)),
      aborting_(std::make_shared<std::atomic<bool>>(false)),
      pause_(network),
      readers_(std::make_unique<WorkerPool>("swarm-read", kReaders, kMaxWaitingReads)) {}

TorrentDisk::~TorrentDisk() {
  abort(true);
}

void TorrentDisk::free_disk_buffer(char* buffer) {
  std::free(buffer);
}

lt::storage_holder TorrentDisk::new_torrent(const lt::storage_params& params,
                                            const std::shared_ptr<void>& /*torrent*/) {
  const auto found = expected_->find(params.path);
  if (found == expected_->end()) throw std::bad_alloc();  // the torrent was not opened by SwarmSession
  std::size_t index = 0;
  while (index < storages_.size() && storages_[index] != nullptr) ++index;
  if (index == storages_.size()) storages_.emplace_back();
  storages_[index] = found->second;
  return {lt::storage_index_t(static_cast<std::uint32_t>(index)), *this};
}

void TorrentDisk::remove_torrent(lt::storage_index_t storage) {
  storages_[index_of(storage)].reset();
}

TorrentStorage& TorrentDisk::at(lt::storage_index_t storage) const {
  return *storages_[index_of(storage)];
}

void TorrentDisk::refuse_read(ReadHandler handler) {
  boost::asio::post(network_, [handler = std::move(handler)] {
    handler(lt::disk_buffer_holder(), read_error(boost::system::errc::no_such_file_or_directory));
  });
}

void TorrentDisk::async_read(lt::storage_index_t storage, const lt::peer_request& request, ReadHandler handler,
                             lt::disk_job_flags_t /*flags*/) {
  const std::shared_ptr<TorrentStorage> torrent = storages_[index_of(storage)];
  const std::uint64_t offset = torrent->offset_of(request);
  const auto length = static_cast<std::uint64_t>(request.length);
  if (length > kBlockSize || !torrent->readable({offset, length}) || aborting_->load()) {
    refuse_read(std::move(handler));
    return;
  }
  reads_.push_back({torrent, offset, length, std::move(handler)});
  look_again_soon();
}

TorrentDisk::ReadDone TorrentDisk::do_read(Read read, const std::atomic<bool>& aborting) {
  ReadDone done{std::move(read.handler), nullptr, static_cast<int>(read.length), {}};
  done.buffer = static_cast<char*>(std::malloc(read.length + kNextHeader));
  if (done.buffer == nullptr) {
    done.error = read_error(boost::system::errc::not_enough_memory);
  } else if (aborting.load()) {
    done.error = read_error(boost::system::errc::operation_canceled);
  } else if (const Status status =
                 read.storage->read(read.offset, {reinterpret_cast<std::byte*>(done.buffer), read.length});
             !status) {
    done.error = read_error(boost::system::errc::io_error);
    read.storage->sink().on_failed(status.error());
  }
  return done;
}

void TorrentDisk::start_reads() {
  read_batch_.on_handed_over(std::chrono::steady_clock::now());
  std::vector<Read> waiting = std::exchange(reads_, {});
  for (std::size_t at = 0; at < waiting.size(); at += ReadBatch::kEnough) {
    const auto begin = std::make_move_iterator(waiting.begin() + static_cast<std::ptrdiff_t>(at));
    const std::size_t count = std::min(ReadBatch::kEnough, waiting.size() - at);
    const auto batch = std::make_shared<std::vector<Read>>(begin, begin + static_cast<std::ptrdiff_t>(count));
    auto work = [batch, completions = completions_, aborting = aborting_,
                 guard = boost::asio::make_work_guard(network_)]() mutable {
      std::vector<ReadDone> done;
      done.reserve(batch->size());
      for (Read& read : *batch) done.push_back(do_read(std::move(read), *aborting));
      Completions::add(completions, std::move(done));
    };
    if (readers_ && readers_->submit(std::move(work))) continue;
    for (Read& read : *batch) refuse_read(std::move(read.handler));
  }
}

// Starts the pause after which waiting reads are started and waiting blocks reported, alone if need be.
void TorrentDisk::look_again_soon() {
  if (std::exchange(pausing_, true)) return;
  pause_.expires_after(kBatchPause);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    pausing_ = false;
    if (!reads_.empty()) start_reads();
    for (const auto& torrent : storages_) {
      if (torrent) torrent->report_arrivals();
    }
  });
}

bool TorrentDisk::async_write(lt::storage_index_t storage, const lt::peer_request& request, const char* bytes,
                              std::shared_ptr<lt::disk_observer> observer,
                              std::function<void(const lt::storage_error&)> handler, lt::disk_job_flags_t /*flags*/) {
  TorrentStorage& torrent = at(storage);
  const Bytes block(reinterpret_cast<const std::byte*>(bytes), static_cast<std::size_t>(request.length));
  const bool pause = torrent.write(torrent.offset_of(request), block, observer, std::move(handler));
  if (torrent.has_unreported_arrivals()) look_again_soon();
  return pause;
}

void TorrentDisk::async_hash(lt::storage_index_t storage, lt::piece_index_t piece, lt::span<lt::sha256_hash> into,
                             lt::disk_job_flags_t /*flags*/, TorrentStorage::HashDone handler) {
  TorrentStorage& torrent = at(storage);
  if (torrent.wait_for_hash(piece, into, handler)) return;
  torrent.fill_hashes(piece, into);
  boost::asio::post(network_, [piece, handler = std::move(handler)] { handler(piece, {}, {}); });
}

void TorrentDisk::async_hash2(
    lt::storage_index_t storage, lt::piece_index_t piece, int offset, lt::disk_job_flags_t /*flags*/,
    std::function<void(lt::piece_index_t, const lt::sha256_hash&, const lt::storage_error&)> handler) {
  const TorrentStorage& torrent = at(storage);
  const std::uint64_t block = static_cast<std::uint64_t>(static_cast<int>(piece)) * torrent.blocks_in_piece() +
                              static_cast<std::uint64_t>(offset) / kBlockSize;
  lt::sha256_hash hash;
  lt::storage_error error;
  if (block < torrent.blocks()) {
    hash.assign(reinterpret_cast<const char*>(torrent.leaves()[block].data()));
  } else {
    error = read_error(boost::system::errc::invalid_argument);
  }
  boost::asio::post(network_, [=, handler = std::move(handler)] { handler(piece, hash, error); });
}

void TorrentDisk::async_move_storage(
    lt::storage_index_t /*storage*/, std::string path, lt::move_flags_t /*flags*/,
    std::function<void(lt::status_t, const std::string&, const lt::storage_error&)> handler) {
  boost::asio::post(network_, [path = std::move(path), handler = std::move(handler)] {
    handler(lt::status_t::fatal_disk_error, path, read_error(boost::system::errc::operation_not_permitted));
  });
}

void TorrentDisk::async_release_files(lt::storage_index_t /*storage*/, std::function<void()> handler) {
  if (handler) boost::asio::post(network_, std::move(handler));
}

void TorrentDisk::async_check_files(lt::storage_index_t /*storage*/, const lt::add_torrent_params* /*params*/,
                                    lt::aux::vector<std::string, lt::file_index_t> /*links*/,
                                    std::function<void(lt::status_t, const lt::storage_error&)> handler) {
  boost::asio::post(network_, [handler = std::move(handler)] { handler(lt::status_t::no_error, {}); });
}

void TorrentDisk::async_stop_torrent(lt::storage_index_t storage, std::function<void()> handler) {
  // Waiting handlers keep the torrent alive; they must end before libtorrent can release it.
  for (auto& task : at(storage).abandon()) boost::asio::post(network_, std::move(task));
  if (handler) boost::asio::post(network_, std::move(handler));
}

void TorrentDisk::async_rename_file(
    lt::storage_index_t /*storage*/, lt::file_index_t file, std::string name,
    std::function<void(const std::string&, lt::file_index_t, const lt::storage_error&)> handler) {
  boost::asio::post(network_, [file, name = std::move(name), handler = std::move(handler)] {
    handler(name, file, read_error(boost::system::errc::operation_not_permitted));
  });
}

void TorrentDisk::async_delete_files(lt::storage_index_t /*storage*/, lt::remove_flags_t /*options*/,
                                     std::function<void(const lt::storage_error&)> handler) {
  boost::asio::post(
      network_, [handler = std::move(handler)] { handler(read_error(boost::system::errc::operation_not_permitted)); });
}

void TorrentDisk::async_set_file_priority(
    lt::storage_index_t /*storage*/, lt::aux::vector<lt::download_priority_t, lt::file_index_t> priorities,
    std::function<void(const lt::storage_error&, lt::aux::vector<lt::download_priority_t, lt::file_index_t>)> handler) {
  boost::asio::post(network_,
                    [priorities = std::move(priorities), handler = std::move(handler)] { handler({}, priorities); });
}

void TorrentDisk::async_clear_piece(lt::storage_index_t /*storage*/, lt::piece_index_t piece,
                                    std::function<void(lt::piece_index_t)> handler) {
  boost::asio::post(network_, [piece, handler = std::move(handler)] { handler(piece); });
}

void TorrentDisk::update_stats_counters(lt::counters& /*counters*/) const {}

std::vector<lt::open_file_state> TorrentDisk::get_status(lt::storage_index_t /*storage*/) const {
  return {};
}

void TorrentDisk::abort(bool wait) {
  aborting_->store(true);
  pause_.cancel();
  pausing_ = false;
  for (Read& read : std::exchange(reads_, {})) refuse_read(std::move(read.handler));
  if (wait) readers_.reset();  // waiting reads end as cancelled
}

// Called by libtorrent at the end of each of its events.
void TorrentDisk::submit_jobs() {
  if (read_batch_.due(reads_.size(), std::chrono::steady_clock::now())) start_reads();
}

void TorrentDisk::settings_updated() {}

}  // namespace larder::peer
