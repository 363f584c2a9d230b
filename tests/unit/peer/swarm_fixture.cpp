#include "tests/unit/peer/swarm_fixture.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace larder::peer {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);
constexpr auto kYear = std::chrono::hours(24 * 365);

WallTime now() {
  return std::chrono::system_clock::now();  // OpenSSL looks at the real clock
}

}  // namespace

Content::Content(std::uint64_t size, std::uint64_t seed) : bytes(size) {
  const auto random = make_seeded_random(seed);
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t word = random->next();
    std::memcpy(&bytes[i], &word, std::min<std::size_t>(8, bytes.size() - i));
  }
}

std::vector<Digest> Content::leaves(ByteRange range) const {
  std::vector<Digest> leaves(block_count(range.length));
  hash_blocks(Bytes(bytes).subspan(range.offset, range.length), leaves);
  return leaves;
}

TorrentId Content::window(ByteRange range) const {
  return {content_root(leaves(range)), range.length};
}

FileLease::FileLease(const std::string& path, const std::vector<std::byte>& bytes) {
  file_ = std::move(*files_->open(path, OpenMode::create));
  if (!file_->write_at(0, bytes)) std::abort();
}

Group::Group()
    : key_(AgentKey::generate()),
      authority_pem_(*make_authority(key_, "office", now() - std::chrono::hours(1), kYear)) {}

SwarmCredentials Group::admit(const AgentKey& agent) const {
  return {authority_pem_, *issue_leaf(key_, authority_pem_, agent.id(), now() - std::chrono::hours(1), kYear),
          *private_key_pem(agent)};
}

void Download::on_blocks(std::uint64_t offset, Buffer buffer, const AgentId& sender) {
  ASSERT_EQ(offset % kBlockSize, 0U);
  ASSERT_LE(offset + buffer.size(), bytes.size());
  std::copy(buffer.bytes().begin(), buffer.bytes().end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  for (std::uint64_t block = offset / kBlockSize; block < block_count(offset + buffer.size()); ++block) {
    twice += seen[block] ? 1U : 0U;
    seen[block] = true;
  }
  received += buffer.size();
  if (!from(sender)) senders.push_back(sender);
  if (file != nullptr) {
    ASSERT_TRUE(file->write_at(file_offset + offset, buffer.bytes()));
  }
  unconsumed.push_back({offset, buffer.size()});
  if (swarm != nullptr) consume_all();
}

void Download::consume_all() {
  for (const ByteRange& range : std::exchange(unconsumed, {})) swarm->consumed(id, range);
}

bool Download::from(const AgentId& agent) const {
  return std::find(senders.begin(), senders.end(), agent) != senders.end();
}

std::unique_ptr<SwarmTest::Agent> SwarmTest::make_agent(AgentOptions options) {
  auto agent = std::make_unique<Agent>();
  const std::string host = "127.0.0." + std::to_string(++last_host_);
  options.settings.listen = {host};
  options.settings.port = 0;
  const SwarmCredentials own = group_.admit(agent->key);
  auto swarm =
      make_swarm(options.settings, options.credentials == nullptr ? own : *options.credentials, loop_.runtime());
  if (!swarm) {
    ADD_FAILURE() << swarm.error().text();
    return nullptr;
  }
  agent->swarm = std::move(*swarm);
  agent->endpoint = *parse_endpoint(host + ":" + std::to_string(agent->swarm->port()));
  return agent;
}

std::shared_ptr<FileLease> SwarmTest::lease(const std::vector<std::byte>& bytes) {
  return std::make_shared<FileLease>(directory_ / ("content" + std::to_string(++last_file_)), bytes);
}

void SwarmTest::serve(Agent& agent, const Content& content, ByteRange range,
                      std::shared_ptr<cache::ContentLease> from) {
  std::optional<Status> status;
  agent.swarm->serve({content.window(range), content.leaves(range), std::move(from), range.offset},
                     [&status](Status answered) { status = std::move(answered); });
  ASSERT_TRUE(wait([&status] { return status.has_value(); }));
  ASSERT_TRUE(*status) << status->error().text();
  EXPECT_TRUE(agent.swarm->serves(content.window(range)));
}

void SwarmTest::serve(Agent& agent, const Content& content) {
  serve(agent, content, content.all(), lease(content.bytes));
}

SwarmFetch SwarmTest::request(const Content& content, ByteRange range, std::vector<SwarmPeer> peers) {
  return {content.window(range), content.leaves(range), std::move(peers), {}, nullptr, 0};
}

std::shared_ptr<Download> SwarmTest::begin(Agent& agent, SwarmFetch what) {
  const std::uint64_t length = what.torrent.length;
  auto download = std::make_shared<Download>(length);
  download->swarm = agent.swarm.get();
  if (what.content != nullptr) {
    download->file = &what.content->file();
    download->file_offset = what.offset;
  }
  const auto id = agent.swarm->fetch(std::move(what), download);
  if (!id) {
    ADD_FAILURE() << id.error().text();
    return download;
  }
  download->id = *id;
  agent.swarm->want(*id, {{0, length}});
  return download;
}

bool SwarmTest::wait(const std::function<bool()>& done) {
  // Figures change on other threads without a word to the loop: looked at again every few milliseconds.
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (loop_.wait_for(done, std::chrono::milliseconds(5))) return true;
  }
  return false;
}

void SwarmTest::expect_content(const Download& download, const Content& content, ByteRange range) {
  EXPECT_EQ(download.twice, 0U);
  EXPECT_TRUE(download.failed.empty());
  EXPECT_TRUE(std::equal(download.bytes.begin(), download.bytes.end(),
                         content.bytes.begin() + static_cast<std::ptrdiff_t>(range.offset)));
}

}  // namespace larder::peer
