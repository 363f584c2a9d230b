#include "peer/group/invitation.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/text/units.h"
#include "peer/common/wire.h"

namespace larder::peer {
namespace {

constexpr std::string_view kPrefix = "larder-invitation:";
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kTokenDigits = 32;
constexpr std::size_t kMaxAddresses = 16;
constexpr std::size_t kChecksum = 4;

tl::unexpected<Error> unreadable(std::string why) {
  return fail(ErrorCode::invalid_argument, "read the invitation", std::move(why));
}

void write_text(WireWriter& out, std::string_view text) {
  out.number(static_cast<std::uint16_t>(text.size()));
  out.bytes(as_bytes(text));
}

std::string read_text(WireReader& in) {
  const Bytes field = in.bytes(in.number<std::uint16_t>());
  return {reinterpret_cast<const char*>(field.data()), field.size()};
}

Digest token_digest(const std::string& token) {
  return blake2b256(as_bytes("larder invitation " + token));
}

std::string without_spaces(const std::string& text) {
  std::string out;
  for (const char letter : text) {
    if (std::isspace(static_cast<unsigned char>(letter)) == 0) out += letter;
  }
  return out;
}

}  // namespace

std::string encode_invitation(const Invitation& invitation) {
  WireWriter out;
  out.number(kFormat);
  write_text(out, invitation.group_name);
  write_text(out, invitation.authority_pem);
  write_text(out, invitation.token);
  out.number(static_cast<std::uint64_t>(to_unix_ns(invitation.expires)));
  out.number(static_cast<std::uint8_t>(invitation.addresses.size()));
  for (const std::string& address : invitation.addresses) write_text(out, address);
  std::vector<std::byte> body = out.take();
  // The checksum finds lines that were cut or mistyped, for people; it is no protection against forgery.
  const Digest checksum = blake2b256(body);
  body.insert(body.end(), checksum.begin(), checksum.begin() + kChecksum);
  return std::string(kPrefix) + to_base64(body);
}

Result<Invitation> decode_invitation(const std::string& text) {
  if (text.size() > kMaxInvitation) return unreadable("it is longer than an invitation can be");
  const std::string line = without_spaces(text);
  if (!line.starts_with(kPrefix)) return unreadable("it does not start with \"" + std::string(kPrefix) + "\"");
  const auto body = from_base64(std::string_view(line).substr(kPrefix.size()));
  if (!body || body->size() <= kChecksum) return unreadable("it is cut or mistyped; paste the whole line");
  const Bytes content = Bytes(*body).first(body->size() - kChecksum);
  const Digest checksum = blake2b256(content);
  if (!std::equal(checksum.begin(), checksum.begin() + kChecksum, body->end() - kChecksum)) {
    return unreadable("it is cut or mistyped; paste the whole line");
  }
  WireReader in(content);
  if (in.number<std::uint8_t>() != kFormat) return unreadable("it was made by a newer Larder; update this machine");
  Invitation invitation;
  invitation.group_name = read_text(in);
  invitation.authority_pem = read_text(in);
  invitation.token = read_text(in);
  invitation.expires = from_unix_ns(static_cast<std::int64_t>(in.number<std::uint64_t>()));
  const std::size_t addresses = in.number<std::uint8_t>();
  for (std::size_t i = 0; i < addresses && in.ok(); ++i) invitation.addresses.push_back(read_text(in));
  if (!in.ok() || !in.at_end() || addresses > kMaxAddresses || invitation.token.size() != kTokenDigits) {
    return unreadable("its fields are not those of an invitation");
  }
  return invitation;
}

InvitationBook::InvitationBook(std::vector<IssuedToken> tokens) : tokens_(std::move(tokens)) {}

Status InvitationBook::issue(const std::string& token, WallTime expires, std::uint32_t uses, WallTime now) {
  drop_expired(now);
  if (expires <= now || uses == 0) {
    return fail(ErrorCode::invalid_argument, "invite a machine", "the invitation would be of no use from the start");
  }
  if (uses > kMaxUses) {
    return fail(ErrorCode::invalid_argument, "invite a machine",
                "an invitation admits at most " + std::to_string(kMaxUses) + " machines");
  }
  if (tokens_.size() >= kMaxOpen) {
    return fail(ErrorCode::limit_exceeded, "invite a machine",
                std::to_string(kMaxOpen) + " invitations are open; wait until some expire");
  }
  tokens_.push_back(IssuedToken{token_digest(token), expires, uses, {}});
  return {};
}

Status InvitationBook::redeem(const std::string& token, const AgentId& agent, WallTime now) {
  drop_expired(now);
  const Digest digest = token_digest(token);
  const auto found = std::find_if(tokens_.begin(), tokens_.end(),
                                  [&](const IssuedToken& issued) { return issued.token_digest == digest; });
  const auto used_before = [&agent](const IssuedToken& issued) {
    return std::find(issued.users.begin(), issued.users.end(), agent) != issued.users.end();
  };
  if (found != tokens_.end() && used_before(*found)) return {};
  if (found == tokens_.end() || found->uses_left == 0) {
    return fail(ErrorCode::permission_denied, "join the group",
                "the invitation is unknown, expired or used up; ask for a new one");
  }
  --found->uses_left;
  if (found->users.size() == IssuedToken::kMaxUsers) found->users.erase(found->users.begin());
  found->users.push_back(agent);
  return {};
}

std::size_t InvitationBook::close_all(WallTime now) {
  const auto open = std::count_if(tokens_.begin(), tokens_.end(), [now](const IssuedToken& token) {
    return token.uses_left > 0 && token.expires > now;
  });
  tokens_.clear();
  return static_cast<std::size_t>(open);
}

bool InvitationBook::any_open(WallTime now) const {
  // Used-up ones count: an admitted agent must be able to ask again.
  return std::any_of(tokens_.begin(), tokens_.end(), [now](const IssuedToken& token) { return token.expires > now; });
}

void InvitationBook::drop_expired(WallTime now) {
  std::erase_if(tokens_, [now](const IssuedToken& token) { return token.expires <= now; });
}

}  // namespace larder::peer
