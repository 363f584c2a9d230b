// The kinds of values of [peer].
#include <algorithm>
#include <array>
#include <utility>

#include "agent/config/value_codec.h"
#include "base/text/host_port.h"

namespace larder::agent {
namespace {

constexpr std::array<std::pair<Metered, const char*>, 3> kMetered = {
    {{Metered::automatic, "auto"}, {Metered::yes, "yes"}, {Metered::no, "no"}}};

std::optional<std::string> check_listen(const std::string& text) {
  if (is_numeric_address(text)) return std::nullopt;
  return "must be addresses of this machine in numbers, without ports, such as \"192.0.2.7\" or \"2001:db8::7\"";
}

std::optional<std::string> check_peer(const std::string& text) {
  if (parse_host_port(text)) return std::nullopt;
  return "must be \"host:port\" each, such as \"pc7.office.example:7475\" or \"[2001:db8::7]:7475\"";
}

std::optional<std::string> check_service(const std::string& text) {
  if (text.empty() || is_host_name(text)) return std::nullopt;
  return "must be a DNS name, such as \"_larder._udp.office.example\", or \"\"";
}

// A pattern that can match no URL is a mistake, which would otherwise show only by what was shared.
std::optional<std::string> check_url_glob(const std::string& text) {
  const auto starts = [&](std::string_view prefix) { return text.compare(0, prefix.size(), prefix) == 0; };
  if (!starts("*") && !starts("http://") && !starts("https://"))
    return "must start with \"http://\", \"https://\" or \"*\", since whole URLs are compared";
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) return "must not have spaces, control characters or others than ASCII: URLs have them as \"%..\"";
  return std::nullopt;
}

}  // namespace

Parsed<Metered> MeteredCodec::read(const ConfigValue& value) const {
  if (const auto* text = std::get_if<std::string>(&value))
    for (const auto& [metered, name] : kMetered)
      if (*text == name) return metered;
  return tl::unexpected<std::string>("must be one of " + range);
}

std::string MeteredCodec::write(Metered value) const {
  for (const auto& [metered, name] : kMetered)
    if (metered == value) return toml_string(name);
  return toml_string("auto");
}

ListCodec listen_addresses() {
  return {"list of addresses", "–", "at most 64", 0, 64, check_listen};
}
ListCodec peer_addresses() {
  return {"list of hosts", "–", "at most 256; \"host:port\"", 0, 256, check_peer};
}
TextCodec service_name() {
  return {"DNS name", "–", "a DNS name, or \"\"", check_service};
}
ListCodec url_globs() {
  return {"list of URL patterns", "–", "at most 1024; \"http://…\", \"https://…\" or \"*…\"", 0, 1024, check_url_glob};
}

}  // namespace larder::agent
