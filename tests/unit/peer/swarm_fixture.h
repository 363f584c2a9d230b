// Agents that share windows with each other on 127.0.0.x, over real sockets and libtorrent, their loops one virtual
// loop: time passes only where a test says so.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/hash/merkle.h"
#include "base/io/file_system.h"
#include "peer/group/certificate.h"
#include "peer/swarm/swarm.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::peer {

// Bytes with their leaves and root; reproducible.
struct Content {
  explicit Content(std::uint64_t size, std::uint64_t seed = 1);
  std::vector<std::byte> bytes;
  // A window into it.
  [[nodiscard]] std::vector<Digest> leaves(ByteRange range) const;
  [[nodiscard]] TorrentId window(ByteRange range) const;
  [[nodiscard]] ByteRange all() const { return {0, bytes.size()}; }
};

// A file that stays open as a content does.
class FileLease final : public cache::ContentLease {
 public:
  FileLease(const std::string& path, const std::vector<std::byte>& bytes);
  [[nodiscard]] int descriptor() const override { return file_->descriptor(); }
  [[nodiscard]] File& file() override { return *file_; }

 private:
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  std::unique_ptr<File> file_;
};

class Group {
 public:
  Group();
  [[nodiscard]] SwarmCredentials admit(const AgentKey& agent) const;
  [[nodiscard]] const std::string& authority() const { return authority_pem_; }

 private:
  AgentKey key_;
  std::string authority_pem_;
};

// One fetch's events, gathered; consumes at once unless told otherwise.
class Download final : public SwarmEvents {
 public:
  explicit Download(std::uint64_t length) : bytes(length), seen(block_count(length)) {}
  void on_blocks(std::uint64_t offset, Buffer buffer, const AgentId& from) override;
  void on_bad_block(const AgentId& from) override { bad.push_back(from); }
  void on_peer_lost(const AgentId& peer) override { lost.push_back(peer); }
  void on_failed(const Error& error) override { failed.push_back(error); }

  void consume_all();
  [[nodiscard]] bool complete() const { return received == bytes.size(); }
  [[nodiscard]] bool from(const AgentId& agent) const;

  Swarm* swarm = nullptr;  // null: nothing is consumed
  SwarmFetchId id = 0;
  File* file = nullptr;  // written before it is consumed
  std::uint64_t file_offset = 0;
  std::vector<std::byte> bytes;
  std::vector<bool> seen;
  std::uint64_t received = 0;
  std::uint64_t twice = 0;
  std::vector<ByteRange> unconsumed;
  std::vector<AgentId> senders;
  std::vector<AgentId> bad;
  std::vector<AgentId> lost;
  std::vector<Error> failed;
};

// How an agent differs from an ordinary one.
struct AgentOptions {
  SwarmSettings settings;
  const SwarmCredentials* credentials = nullptr;
};

class SwarmTest : public testing::Test {
 protected:
  struct Agent {
    AgentKey key = AgentKey::generate();
    std::unique_ptr<Swarm> swarm;
    Endpoint endpoint;
    [[nodiscard]] SwarmPeer peer() const { return {key.id(), endpoint}; }
  };

  static void SetUpTestSuite() { ASSERT_TRUE(initialise_crypto()); }

  [[nodiscard]] std::unique_ptr<Agent> make_agent(AgentOptions options = {});
  [[nodiscard]] std::shared_ptr<FileLease> lease(const std::vector<std::byte>& bytes);
  // Serves and waits until it does.
  void serve(Agent& agent, const Content& content, ByteRange range, std::shared_ptr<cache::ContentLease> from);
  void serve(Agent& agent, const Content& content);
  [[nodiscard]] static SwarmFetch request(const Content& content, ByteRange range, std::vector<SwarmPeer> peers);
  // Begins and wants everything.
  [[nodiscard]] std::shared_ptr<Download> begin(Agent& agent, SwarmFetch what);
  [[nodiscard]] bool wait(const std::function<bool()>& done);
  void expect_content(const Download& download, const Content& content, ByteRange range);

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  Group group_;
  int last_host_ = 1;
  int last_file_ = 0;
};

}  // namespace larder::peer
