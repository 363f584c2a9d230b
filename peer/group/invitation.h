// Invitations into a group (docs/groups.md, What an invitation is worth): a pasteable line that admits a machine. Pure;
// any thread.
//
// The line contains what the joining machine needs to find and recognise the inviting agent: the group's certificate, a
// token and addresses. It does not contain the group key. That is sent on the catalogue's TLS connection in exchange
// for the token, so that an expired or used line is worthless.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct Invitation {
  std::string group_name;
  std::string authority_pem;           // the group's certificate, by which the inviting agent is recognised
  std::string token;                   // 32 hex digits
  std::vector<std::string> addresses;  // "host:port" of the inviting agent's catalogue
  WallTime expires{};
  friend bool operator==(const Invitation&, const Invitation&) = default;
};

inline constexpr std::size_t kMaxInvitation = 8192;

[[nodiscard]] std::string encode_invitation(const Invitation& invitation);  // "larder-invitation:…", one line
// Skips line breaks and spaces around or inside, as mail programs add them. Error: invalid_argument with the reason.
[[nodiscard]] Result<Invitation> decode_invitation(const std::string& text);

// A token that this agent has issued, kept by its digest: a stolen state directory admits no machine.
struct IssuedToken {
  static constexpr std::size_t kMaxUsers = 16;

  Digest token_digest{};
  WallTime expires{};
  std::uint32_t uses_left = 1;  // 0: used up, kept until it expires for admitted agents that ask again
  std::vector<AgentId> users;   // the last agents that it admitted, oldest first: an agent whose answer was lost gets
  // it again without another use
  friend bool operator==(const IssuedToken&, const IssuedToken&) = default;
};

class InvitationBook {
 public:
  static constexpr std::size_t kMaxOpen = 1000;
  static constexpr std::uint32_t kMaxUses = 10'000;

  explicit InvitationBook(std::vector<IssuedToken> tokens = {});
  [[nodiscard]] Status issue(const std::string& token, WallTime expires, std::uint32_t uses, WallTime now);
  // Takes one use of a token, none if it admitted this agent before. Error: permission_denied for unknown, expired and
  // used-up tokens alike, so that a stranger learns nothing.
  [[nodiscard]] Status redeem(const std::string& token, const AgentId& agent, WallTime now);
  std::size_t close_all(WallTime now);  // returns how many could still be used
  [[nodiscard]] bool any_open(WallTime now) const;
  [[nodiscard]] const std::vector<IssuedToken>& tokens() const { return tokens_; }

 private:
  void drop_expired(WallTime now);
  std::vector<IssuedToken> tokens_;
};

}  // namespace larder::peer
