#include "peer/group/identity.h"

#include <algorithm>
#include <string_view>

#include "base/text/units.h"
#include "peer/common/wire.h"
#include "peer/group/certificate.h"

namespace larder::peer {
namespace {

constexpr std::string_view kMagic = "LRDRIDNT";
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kChecksum = 32;
constexpr std::size_t kMaxText = 64 * 1024 - 1;

enum class Kind : std::uint8_t { group = 1, book = 2, next_key = 3, start_epoch = 4 };

tl::unexpected<Error> damaged(std::string why) {
  return fail(ErrorCode::content_damaged, "read the agent's identity", std::move(why));
}

void write_text(WireWriter& out, std::string_view text) {
  out.number(static_cast<std::uint16_t>(std::min(text.size(), kMaxText)));
  out.bytes(as_bytes(text.substr(0, kMaxText)));
}

std::string read_text(WireReader& in) {
  const Bytes field = in.bytes(in.number<std::uint16_t>());
  return {reinterpret_cast<const char*>(field.data()), field.size()};
}

void write_time(WireWriter& out, WallTime time) {
  out.number(static_cast<std::uint64_t>(to_unix_ns(time)));
}

WallTime read_time(WireReader& in) {
  return from_unix_ns(static_cast<std::int64_t>(in.number<std::uint64_t>()));
}

WireWriter begin(Kind kind) {
  WireWriter out;
  out.bytes(as_bytes(kMagic));
  out.number(kFormat);
  out.number(static_cast<std::uint8_t>(kind));
  return out;
}

std::vector<std::byte> finish(WireWriter out) {
  std::vector<std::byte> bytes = out.take();
  const Digest checksum = blake2b256(bytes);
  bytes.insert(bytes.end(), checksum.begin(), checksum.end());
  return bytes;
}

// Returns the bytes between the head and the checksum.
Result<Bytes> open(Bytes bytes, Kind kind) {
  const std::size_t head = kMagic.size() + 2;
  if (bytes.size() < head + kChecksum) return damaged("it is cut");
  const Bytes covered = bytes.first(bytes.size() - kChecksum);
  const Digest checksum = blake2b256(covered);
  if (!std::equal(checksum.begin(), checksum.end(), bytes.last(kChecksum).begin()))
    return damaged("its checksum does not match");
  WireReader in(covered);
  const Bytes magic = in.bytes(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), as_bytes(kMagic).begin())) return damaged("it is no file of Larder's");
  if (in.number<std::uint8_t>() != kFormat) return damaged("it was written by a newer Larder; update this machine");
  if (in.number<std::uint8_t>() != static_cast<std::uint8_t>(kind)) return damaged("it is another of Larder's files");
  return covered.subspan(head);
}

void write_key(WireWriter& out, const GroupKey& key) {
  out.number(key.epoch());
  out.bytes(key.secret());
}

GroupKey read_key(WireReader& in) {
  const auto epoch = in.number<std::uint32_t>();
  return GroupKey::from_secret(epoch, in.array<32>());
}

// Checks that the parts of an identity match each other.
Status check_parts(const Identity& identity) {
  const Group& group = identity.group;
  const auto authority = authority_id(group.authority_pem);
  if (!authority) return damaged("the group's certificate is not readable");
  const auto leaf = read_leaf(group.certificate_pem);
  if (!leaf || leaf->id != identity.id()) return damaged("the certificate is not this agent's");
  // Checked at a time when it is valid: the question is only whether the authority signed it.
  if (!check_leaf(group.certificate_pem, group.authority_pem, leaf->not_after - std::chrono::seconds(1)))
    return damaged("the group did not sign the certificate");
  if (!verify(*authority, state_bytes(group.state, group.authority_pem), group.state.signature))
    return damaged("the group did not sign its state");
  if (group.key.epoch() != group.state.key_epoch || key_check(group.key) != group.state.key_check)
    return damaged("the group key is not the one of its state");
  if (group.authority && group.authority->id() != *authority) return damaged("the authority's key is another group's");
  return {};
}

void write_token(WireWriter& out, const IssuedToken& token) {
  out.bytes(token.token_digest);
  write_time(out, token.expires);
  out.number(token.uses_left);
  out.number(static_cast<std::uint8_t>(token.users.size()));
  for (const AgentId& user : token.users) out.bytes(user);
}

IssuedToken read_token(WireReader& in) {
  IssuedToken token;
  token.token_digest = in.array<32>();
  token.expires = read_time(in);
  token.uses_left = in.number<std::uint32_t>();
  const std::size_t users = in.number<std::uint8_t>();
  for (std::size_t i = 0; i < users && in.ok(); ++i) token.users.push_back(in.array<32>());
  return token;
}

Enrolled read_enrolled(WireReader& in) {
  Enrolled enrolled;
  enrolled.agent = in.array<32>();
  enrolled.name = read_text(in);
  enrolled.certified_until = read_time(in);
  return enrolled;
}

}  // namespace

const Enrolled* GroupBook::find_enrolled(const AgentId& agent) const {
  const auto found = std::lower_bound(enrolled.begin(), enrolled.end(), agent,
                                      [](const Enrolled& one, const AgentId& id) { return one.agent < id; });
  return found != enrolled.end() && found->agent == agent ? &*found : nullptr;
}

std::vector<std::byte> encode_identity(const Identity& identity) {
  const Group& group = identity.group;
  WireWriter out = begin(Kind::group);
  out.bytes(identity.key.seed());
  write_text(out, group.name);
  write_text(out, group.authority_pem);
  write_text(out, group.certificate_pem);
  const std::vector<std::byte> state = encode_state(group.state);
  out.number(static_cast<std::uint32_t>(state.size()));
  out.bytes(state);
  write_key(out, group.key);
  out.number(static_cast<std::uint8_t>(std::min(identity.old_keys.size(), kMaxOldKeys)));
  for (std::size_t i = 0; i < std::min(identity.old_keys.size(), kMaxOldKeys); ++i)
    write_key(out, identity.old_keys[i]);
  out.number(static_cast<std::uint8_t>(group.authority ? 1 : 0));
  if (group.authority) out.bytes(group.authority->seed());
  return finish(std::move(out));
}

Result<Identity> decode_identity(Bytes bytes) {
  const auto body = open(bytes, Kind::group);
  if (!body) return tl::unexpected<Error>(body.error());
  WireReader in(*body);
  Identity identity{AgentKey::from_seed(in.array<32>()), {}, {}};
  Group& group = identity.group;
  group.name = read_text(in);
  group.authority_pem = read_text(in);
  group.certificate_pem = read_text(in);
  const auto state = decode_state(in.bytes(in.number<std::uint32_t>()));
  if (!state) return damaged("the group's state: " + state.error().detail);
  group.state = *state;
  group.key = read_key(in);
  const std::size_t old_keys = in.number<std::uint8_t>();
  for (std::size_t i = 0; i < old_keys && in.ok(); ++i) identity.old_keys.push_back(read_key(in));
  if (in.number<std::uint8_t>() == 1) group.authority = AgentKey::from_seed(in.array<32>());
  if (!in.ok() || !in.at_end() || old_keys > kMaxOldKeys) return damaged("its fields are not those of an identity");
  if (auto checked = check_parts(identity); !checked) return tl::unexpected<Error>(checked.error());
  return identity;
}

std::vector<std::byte> encode_book(const GroupBook& book, const std::string& authority_pem) {
  WireWriter out = begin(Kind::book);
  out.bytes(blake2b256(as_bytes(authority_pem)));
  out.number(static_cast<std::uint32_t>(book.tokens.size()));
  for (const IssuedToken& token : book.tokens) write_token(out, token);
  out.number(static_cast<std::uint32_t>(book.enrolled.size()));
  for (const Enrolled& enrolled : book.enrolled) {
    out.bytes(enrolled.agent);
    write_text(out, enrolled.name);
    write_time(out, enrolled.certified_until);
  }
  return finish(std::move(out));
}

Result<std::optional<GroupBook>> decode_book(Bytes bytes, const std::string& authority_pem) {
  const auto body = open(bytes, Kind::book);
  if (!body) return tl::unexpected<Error>(body.error());
  WireReader in(*body);
  if (in.array<32>() != blake2b256(as_bytes(authority_pem)) && in.ok()) return std::optional<GroupBook>();
  GroupBook book;
  const std::size_t tokens = in.number<std::uint32_t>();
  if (tokens > InvitationBook::kMaxOpen) return damaged("it has too many invitations");
  for (std::size_t i = 0; i < tokens && in.ok(); ++i) book.tokens.push_back(read_token(in));
  const std::size_t enrolled = in.number<std::uint32_t>();
  if (enrolled > GroupBook::kMaxEnrolled) return damaged("it has too many agents");
  for (std::size_t i = 0; i < enrolled && in.ok(); ++i) book.enrolled.push_back(read_enrolled(in));
  if (!in.ok() || !in.at_end()) return damaged("its fields are not those of a group's book");
  const bool ascending = std::is_sorted(book.enrolled.begin(), book.enrolled.end(),
                                        [](const Enrolled& a, const Enrolled& b) { return a.agent < b.agent; });
  if (!ascending) return damaged("its agents are out of order");
  return std::optional<GroupBook>(std::move(book));
}

std::vector<std::byte> encode_next_key(const AgentKey& key) {
  WireWriter out = begin(Kind::next_key);
  out.bytes(key.seed());
  return finish(std::move(out));
}

Result<AgentKey> decode_next_key(Bytes bytes) {
  const auto body = open(bytes, Kind::next_key);
  if (!body) return tl::unexpected<Error>(body.error());
  WireReader in(*body);
  const AgentKey key = AgentKey::from_seed(in.array<32>());
  if (!in.ok() || !in.at_end()) return damaged("its fields are not those of a key");
  return key;
}

std::vector<std::byte> encode_start_epoch(std::uint64_t epoch) {
  WireWriter out = begin(Kind::start_epoch);
  out.number(epoch);
  return finish(std::move(out));
}

Result<std::uint64_t> decode_start_epoch(Bytes bytes) {
  const auto body = open(bytes, Kind::start_epoch);
  if (!body) return tl::unexpected<Error>(body.error());
  WireReader in(*body);
  const auto epoch = in.number<std::uint64_t>();
  if (!in.ok() || !in.at_end()) return damaged("its fields are not those of a start epoch");
  return epoch;
}

}  // namespace larder::peer
