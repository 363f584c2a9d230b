// The kinds of values that only the agent's configuration has; the others are in base/config/value_codec.h.
#pragma once

#include "agent/config/config.h"
#include "base/config/value_codec.h"

namespace larder::agent {

struct MeteredCodec {
  using Value = Metered;
  std::string kind = "word", unit = "–", range = "\"auto\", \"yes\", \"no\"";
  [[nodiscard]] Parsed<Metered> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(Metered value) const;
};

[[nodiscard]] TextCodec proxy();
[[nodiscard]] ListCodec host_patterns();
// [peer]
[[nodiscard]] ListCodec listen_addresses();
[[nodiscard]] ListCodec peer_addresses();
[[nodiscard]] TextCodec service_name();
[[nodiscard]] ListCodec url_globs();

}  // namespace larder::agent
