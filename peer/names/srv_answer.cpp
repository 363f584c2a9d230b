#include "peer/names/srv_answer.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/text/host_port.h"
#include "peer/common/wire.h"

namespace larder::peer {
namespace {

constexpr std::uint16_t kTypeSrv = 33;
constexpr std::uint16_t kClassInternet = 1;
constexpr unsigned kNoSuchName = 3;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxPointers = 16;

tl::unexpected<Error> wrong(ErrorCode code, std::string why) {
  return fail(code, "look up SRV records", std::move(why));
}

unsigned at(Bytes bytes, std::size_t index) {
  return static_cast<unsigned>(bytes[index]);
}

// Reads the name at `offset`, and moves `offset` behind it; pointers lead to other places of the message.
std::optional<std::string> read_name(Bytes message, std::size_t& offset) {
  std::string name;
  std::size_t position = offset, pointers = 0;
  while (position < message.size()) {
    const unsigned length = at(message, position);
    if ((length & 0xc0U) == 0xc0U) {
      if (position + 1 >= message.size() || ++pointers > kMaxPointers) return std::nullopt;
      if (pointers == 1) offset = position + 2;
      position = ((length & 0x3fU) << 8) | at(message, position + 1);
      continue;
    }
    if (length > 63 || position + 1 + length > message.size()) return std::nullopt;
    position += 1 + length;
    if (length == 0) {
      if (pointers == 0) offset = position;
      return name;
    }
    if (!name.empty()) name += '.';
    for (std::size_t i = position - length; i < position; ++i) name += static_cast<char>(message[i]);
    if (name.size() > kMaxName) return std::nullopt;
  }
  return std::nullopt;
}

struct Cursor {
  Bytes message;
  std::size_t offset = 0;
  [[nodiscard]] std::optional<std::string> name() { return read_name(message, offset); }
  template <class T>
  [[nodiscard]] T number() {
    WireReader in(message.subspan(std::min(offset, message.size())));
    const T value = in.number<T>();
    ok = ok && in.ok();
    offset += sizeof(T);
    return value;
  }
  bool ok = true;
};

std::optional<SrvRecord> read_record(Bytes message, std::size_t offset, std::size_t end) {
  Cursor in{message, offset};
  SrvRecord record;
  record.priority = in.number<std::uint16_t>();
  record.weight = in.number<std::uint16_t>();
  record.port = in.number<std::uint16_t>();
  auto target = in.name();
  if (!in.ok || !target || in.offset > end) return std::nullopt;
  record.target = std::move(*target);
  return record;
}

}  // namespace

Result<SrvAnswer> parse_srv_answer(Bytes answer) {
  Cursor in{answer};
  (void)in.number<std::uint16_t>();  // id: compared by the resolver
  const auto flags = in.number<std::uint16_t>();
  const auto questions = in.number<std::uint16_t>();
  const auto answers = in.number<std::uint16_t>();
  (void)in.number<std::uint32_t>();  // authority and additional records are not read
  if (!in.ok || (flags & 0x8000U) == 0) return wrong(ErrorCode::bad_response, "it is no DNS answer");
  const unsigned code = flags & 0xfU;
  if (code == kNoSuchName) return wrong(ErrorCode::not_found, "the name does not exist");
  if (code != 0) return wrong(ErrorCode::name_not_resolved, "the name server answers error " + std::to_string(code));
  for (unsigned i = 0; i < questions; ++i) {
    if (!in.name()) return wrong(ErrorCode::bad_response, "its question is malformed");
    (void)in.number<std::uint32_t>();
  }
  SrvAnswer parsed;
  std::optional<std::uint32_t> ttl;
  for (unsigned i = 0; i < answers; ++i) {
    if (!in.name()) return wrong(ErrorCode::bad_response, "an answer's name is malformed");
    const auto type = in.number<std::uint16_t>();
    const auto kind = in.number<std::uint16_t>();
    const auto seconds = in.number<std::uint32_t>();
    const auto length = in.number<std::uint16_t>();
    const std::size_t end = in.offset + length;
    if (!in.ok || end > answer.size()) return wrong(ErrorCode::bad_response, "an answer ends too early");
    if (type == kTypeSrv && kind == kClassInternet) {
      auto record = read_record(answer, in.offset, end);
      if (!record) return wrong(ErrorCode::bad_response, "an SRV record is malformed");
      ttl = std::min(ttl.value_or(seconds), seconds);
      // "." means that there is no such service. A record without a usable port or name is a mistake and is left out.
      if (record->port != 0 && is_host_name(record->target)) parsed.records.push_back(std::move(*record));
    }
    in.offset = end;
  }
  std::stable_sort(parsed.records.begin(), parsed.records.end(), [](const SrvRecord& a, const SrvRecord& b) {
    return std::tie(a.priority, b.weight) < std::tie(b.priority, a.weight);
  });
  if (parsed.records.size() > kMaxSrvRecords) parsed.records.resize(kMaxSrvRecords);
  parsed.ttl = std::chrono::seconds(ttl.value_or(0));
  return parsed;
}

}  // namespace larder::peer
