// The configuration: what is taken is shown as text that is taken again and means the same; what is refused names a
// line.
#include "agent/config/config.h"
#include "tests/fuzz/must.h"

#include <cstddef>
#include <cstdint>

using namespace larder::agent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!config) {
    must(config.error().code == larder::ErrorCode::config_invalid);
    must(config.error().detail.starts_with("fuzz.toml:"));
    return 0;
  }
  const std::string shown = config_as_toml(**config);
  const auto again = parse_config(shown, "shown.toml");
  must(again.has_value());
  must(config_as_toml(**again) == shown);
  for (const auto& hook : (*config)->hooks) must(!hook.command.empty() && hook.command[0].starts_with("/"));
  return 0;
}
