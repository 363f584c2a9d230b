#include "agent/config/config.h"
#include "base/read_file.h"
#include "origin/authorities.h"

namespace larder::agent {

Status read_authorities(Config& config) {
  config.ca_certificates.clear();
  if (config.ca_file.empty()) return {};
  auto text = read_small_file(config.ca_file, origin::kMaxAuthorities, "use origin.ca_file");
  if (!text) return fail(ErrorCode::config_invalid, text.error().doing, text.error().detail);
  if (const Status usable = origin::check_authorities(*text); !usable)
    return fail(ErrorCode::config_invalid, "use origin.ca_file " + config.ca_file, usable.error().detail);
  config.ca_certificates = std::move(*text);
  return {};
}

}  // namespace larder::agent
