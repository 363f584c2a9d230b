// The datagrams of discovery (docs/design.md, The LAN): their fields, and their bytes before encryption. Format byte by
// byte in docs/formats/datagram.md. Pure; any thread. The bytes come from strangers until they are decrypted, and from
// members that may be broken after that: every length is checked, and unknown fields are skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

inline constexpr std::size_t kMaxDatagram = 1200;  // fits every link without fragmentation
inline constexpr std::size_t kMaxAskKeys = 16;
inline constexpr std::size_t kMaxSegmentBitmap = 128;     // bytes: 1024 segments, 64 GiB
inline constexpr std::size_t kMaxHelloCertificate = 900;  // bytes of DER; those of groups have about 450
inline constexpr std::size_t kMaxEvidence = 900;
// Bytes of evidence and its certificate together, so that the datagram fits kMaxDatagram.
inline constexpr std::size_t kMaxEvidenceWithCertificate = 1080;
inline constexpr std::size_t kMaxHelloVersion = 24;
inline constexpr std::size_t kMaxReachItems = 8;
// Version of the datagrams and the catalogue together: grows with each addition that earlier agents do not know.
inline constexpr std::uint8_t kProtocol = 1;

// "I am here": at start, on change, every 10 s with jitter. Signed, since every member has the group's key: so facts
// about an agent come from that agent alone, and a HELLO under an older group key can be read too.
struct Hello {
  std::uint16_t catalogue_port = 0;
  std::uint16_t swarm_port = 0;
  bool serving = true;                 // false: metered, on battery or configured not to
  bool probe = false;                  // asks receivers to answer with their own Hello, unicast
  std::uint32_t group_version = 0;     // of the group's signed state (revocations); a higher one is to be fetched
  std::string name;                    // host name, for people; at most 64 bytes of printable ASCII
  std::vector<std::byte> certificate;  // DER of the sender's leaf
  Signature signature{};               // by the sender; see sign_datagram()
  // For people only, since the signature does not cover them: a Hello of earlier agents ends with the signature.
  std::uint8_t protocol = 0;  // 0: not stated
  std::string version{};      // of the program; at most kMaxHelloVersion bytes of printable ASCII
  friend bool operator==(const Hello&, const Hello&) = default;
};

// "I am going": stop or suspend. Signed, so that no member can silence another one.
struct Bye {
  Signature signature{};
  friend bool operator==(const Bye&, const Bye&) = default;
};

// Other values are of a later version of Larder; no key of such a kind is held here.
enum class KeyKind : std::uint8_t { version = 1, url = 2 };

struct AskKey {
  KeyKind kind = KeyKind::version;
  Digest key{};
  friend bool operator==(const AskKey&, const AskKey&) = default;
};

// "Who has these?" Only agents whose draw (see answers()) is below the threshold answer.
struct Ask {
  std::uint32_t query = 0;
  std::uint16_t threshold = 0xffff;  // 0xffff: all agents answer
  bool want_none = false;            // agents without any of the keys answer too: in small groups, to be done soon
  std::vector<AskKey> keys;          // 1 to kMaxAskKeys
  friend bool operator==(const Ask&, const Ask&) = default;
};

struct HaveItem {
  std::uint8_t key = 0;  // index into the Ask's keys
  bool complete = false;
  std::uint64_t size = 0;
  Digest version_key{};             // the version asked for, or the best one of the URL asked for
  std::vector<std::byte> segments;  // bitmap, lowest bit first; empty when complete
  friend bool operator==(const HaveItem&, const HaveItem&) = default;
};

// The unicast answer. Without items: "none of these".
struct Have {
  std::uint32_t query = 0;
  std::uint8_t load = 0;  // transfers being served, capped at 255; less loaded holders are asked first
  std::vector<HaveItem> items;
  friend bool operator==(const Have&, const Have&) = default;
};

// Evidence against an attester (peer/trust/trust.h), opaque here; multicast and unicast. The receiver may never have
// met the accused: its certificate, as the sender knows it, lets the receiver weigh the statement all the same. The
// accuser's own certificate is in its HELLO.
struct EvidenceMessage {
  std::vector<std::byte> bytes{};        // at most kMaxEvidence
  std::vector<std::byte> certificate{};  // DER of the accused's leaf; empty: left out
  friend bool operator==(const EvidenceMessage&, const EvidenceMessage&) = default;
};

// "This is what I want, hold and fetch", for several versions at once; multicast, at the times of crowd_pace.h.
struct CrowdMessage {
  std::vector<CrowdEntry> entries;  // 1 to kMaxCrowdEntries, each version once; they must fit kMaxCrowdBytes
  friend bool operator==(const CrowdMessage&, const CrowdMessage&) = default;
};

enum class ReachPort : std::uint8_t { catalogue = 1, swarm = 2 };

struct ReachItem {
  ReachPort port = ReachPort::catalogue;
  bool answers = false;
  std::uint16_t number = 0;  // of the port
  friend bool operator==(const ReachItem&, const ReachItem&) = default;
};

// "I tried your TCP ports": unicast, to the agent that it is about, which could not find out by itself that it is
// unreachable.
struct ReachMessage {
  std::vector<ReachItem> items;  // 1 to kMaxReachItems
  friend bool operator==(const ReachMessage&, const ReachMessage&) = default;
};

using Message = std::variant<Hello, Bye, Ask, Have, EvidenceMessage, CrowdMessage, ReachMessage>;

struct Datagram {
  AgentId sender{};
  std::uint64_t start_epoch = 0;  // grows with each start of the sender, against replay
  std::uint64_t sequence = 0;     // counts up from 1 within a start epoch
  Message message;
  Digest signed_digest{};  // of a received Hello or Bye: BLAKE2b-256 of its received bytes before the signature
};

// The clear bytes in front: magic, format version, tag of the group, epoch of the group key.
struct Envelope {
  std::uint32_t group_tag = 0;
  std::uint32_t key_epoch = 0;
};
inline constexpr std::size_t kEnvelopeSize = 12;

// too_large where the message does not fit kMaxDatagram.
[[nodiscard]] Result<std::vector<std::byte>> encode(const Datagram& datagram, std::uint32_t group_tag,
                                                    const GroupKey& key);
// Reads the envelope of any bytes; nullopt where they are no datagram of Larder.
[[nodiscard]] std::optional<Envelope> read_envelope(Bytes packet);
// Decrypts and decodes a datagram of at most kMaxDatagram bytes. Error: bad_response with the reason.
[[nodiscard]] Result<Datagram> decode(Bytes packet, const GroupKey& key);

// Encode and decode the bytes before encryption, for tests, golden packets and the fuzzer.
[[nodiscard]] std::vector<std::byte> encode_body(const Datagram& datagram);
[[nodiscard]] Result<Datagram> decode_body(Bytes body);

// Returns whether the message is signed: those about the sender itself are. Of the others the receiver knows only that
// some member has sent them.
[[nodiscard]] inline bool is_signed(const Message& message) {
  return std::holds_alternative<Hello>(message) || std::holds_alternative<Bye>(message);
}
// Fills in the signature, which covers everything before it, the group's tag and the epoch of the key that encrypts
// the datagram. The message must be a Hello with its certificate, or a Bye.
void sign_datagram(Datagram& datagram, const AgentKey& key, std::uint32_t group_tag, std::uint32_t key_epoch);
// Returns whether a decoded datagram's signature holds; false for an unsigned message.
[[nodiscard]] bool signature_holds(const Datagram& datagram, std::uint32_t group_tag, std::uint32_t key_epoch);

// Returns whether this agent is to answer: its draw for the query is below the threshold. With threshold_for(peers, 8)
// about 8 of `peers` answer.
[[nodiscard]] bool answers(const AgentId& self, const AgentId& asker, const Ask& ask);
[[nodiscard]] std::uint16_t threshold_for(std::size_t peers, std::size_t wanted);

}  // namespace larder::peer
