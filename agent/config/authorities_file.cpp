#include "agent/config/config.h"
#include "agent/config/environment_authorities.h"
#include "base/io/log.h"
#include "base/io/read_file.h"
#include "origin/http/authorities.h"

namespace larder::agent {

namespace {

void take_environment(Config& config) {
  auto text = read_authorities_of(authority_variables());
  Status usable = text ? Status{} : tl::unexpected<Error>(text.error());
  if (usable && !text->empty()) usable = origin::check_authorities(*text);
  if (!usable) return log::warn("authorities of the environment not used: {}", usable.error().text());
  config.ca_of_environment = !text->empty();
  config.ca_certificates = std::move(*text);
}

}  // namespace

Status read_authorities(Config& config, bool of_environment) {
  config.ca_certificates.clear();
  config.ca_of_environment = false;
  if (config.ca_file.empty()) {
    if (of_environment) take_environment(config);
    return {};
  }
  auto text = read_small_file(config.ca_file, origin::kMaxAuthorities, "use origin.ca_file");
  if (!text) return fail(ErrorCode::config_invalid, text.error().doing, text.error().detail);
  if (const Status usable = origin::check_authorities(*text); !usable)
    return fail(ErrorCode::config_invalid, "use origin.ca_file " + config.ca_file, usable.error().detail);
  config.ca_certificates = std::move(*text);
  return {};
}

}  // namespace larder::agent
