// DNS answers with SRV records: whatever comes, what is believed can be asked for and is bounded.
#include "peer/names/srv_answer.h"

#include <cstddef>
#include <cstdint>

#include "base/text/host_port.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::peer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = parse_srv_answer(Bytes(reinterpret_cast<const std::byte*>(data), size));
  if (!answer) return 0;
  must(answer->records.size() <= kMaxSrvRecords);
  must(answer->ttl.count() >= 0);
  std::uint16_t last = 0, weight = 0xffff;
  for (const SrvRecord& record : answer->records) {
    must(record.port != 0 && is_host_name(record.target) && record.priority >= last);
    must(record.priority > last || record.weight <= weight);
    last = record.priority;
    weight = record.weight;
  }
  return 0;
}
