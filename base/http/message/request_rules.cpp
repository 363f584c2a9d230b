#include "base/http/message/request_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/http/message/refusals.h"
#include "base/text/text.h"

namespace larder::http {
namespace {

constexpr std::size_t kLengthDigits = 18;  // no arithmetic on lengths can overflow
constexpr std::size_t kPortDigits = 5;

// The fields that decide how a request is read.
struct Framing {
  const std::string* length = nullptr;
  const std::string* coding = nullptr;
  const std::string* host = nullptr;
  const std::string* expect = nullptr;
  bool twice = false;  // one of the first three
  bool close = false, keep_alive = false;
};

Framing framing_of(const Fields& fields) {
  Framing framing;
  const std::array<std::pair<std::string_view, const std::string * Framing::*>, 3> once = {
      {{"Content-Length", &Framing::length}, {"Transfer-Encoding", &Framing::coding}, {"Host", &Framing::host}}};
  for (const Field& field : fields) {
    for (const auto& [name, member] : once) {
      if (!same_name(field.name, name)) continue;
      framing.twice |= framing.*member != nullptr;
      framing.*member = &field.value;
    }
    if (same_name(field.name, "Expect")) framing.expect = &field.value;
    if (!same_name(field.name, "Connection")) continue;
    framing.close |= lists_token(field.value, "close");
    framing.keep_alive |= lists_token(field.value, "keep-alive");
  }
  return framing;
}

bool is_plain_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit) && (text.size() == 1 || text[0] != '0');
}

std::uint64_t value_of(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

std::optional<Refusal> judge_coding(RequestHead& head, const std::string& coding) {
  if (head.minor == 0) return malformed("HTTP/1.0 has no Transfer-Encoding");
  const std::size_t comma = coding.rfind(',');
  const std::string_view last =
      comma == std::string::npos ? std::string_view(coding) : trim(std::string_view(coding).substr(comma + 1));
  if (!same_name(last, "chunked")) return malformed("its Transfer-Encoding does not end in chunked");
  if (comma != std::string::npos) return malformed("no transfer coding but chunked is taken", 501);
  head.chunked = true;
  return std::nullopt;
}

std::optional<Refusal> judge_body(RequestHead& head, const Framing& framing, const HttpLimits& limits) {
  if (framing.length && framing.coding) return malformed("it has both Content-Length and Transfer-Encoding");
  if (framing.coding) return judge_coding(head, *framing.coding);
  if (!framing.length) return std::nullopt;
  if (!is_plain_number(*framing.length)) return malformed("its Content-Length is no plain decimal number");
  if (framing.length->size() <= kLengthDigits) head.content_length = value_of(*framing.length);
  if (head.content_length && *head.content_length <= limits.body_bytes) return std::nullopt;
  return Refusal{
      413,
      {ErrorCode::too_large, "read the request", fmt::format("its body has more than {} bytes", limits.body_bytes)}};
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > kPortDigits || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  const std::uint64_t port = value_of(text);
  return port >= 1 && port <= 65535;
}

bool is_name_char(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("-._~%!$&'()*+,;=").find(c) != std::string_view::npos;
}

// "http://host/path"; the rest after the authority is not looked at.
std::optional<Refusal> judge_absolute(RequestHead& head) {
  const std::string_view target = head.target;
  const std::size_t scheme = target.find("://");
  const auto is_scheme = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  if (scheme == std::string_view::npos || !is_letter(target[0]) ||
      !std::all_of(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(scheme), is_scheme))
    return malformed("its target is neither a path nor a URL");
  const std::string_view rest = target.substr(scheme + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (!is_authority(authority, false)) return malformed("its target names no host, or names a user");
  head.form = TargetForm::absolute;
  head.authority = std::string(authority);
  return std::nullopt;
}

std::optional<Refusal> judge_target(RequestHead& head, const HttpLimits& limits) {
  if (head.method == "CONNECT") {
    if (!limits.connect) return malformed("CONNECT is not served here", 501);
    if (!is_authority(head.target, true)) return malformed("CONNECT wants a host and a port");
    if (head.chunked || head.content_length) return malformed("CONNECT has no body");
    head.form = TargetForm::authority;
    head.authority = head.target;
    return std::nullopt;
  }
  if (head.target.find('#') != std::string::npos) return malformed("its target has a fragment");
  if (head.target[0] == '/') return std::nullopt;
  if (head.target != "*") return judge_absolute(head);
  if (head.method != "OPTIONS") return malformed("only OPTIONS has the target *");
  head.form = TargetForm::asterisk;
  return std::nullopt;
}

}  // namespace

bool is_authority(std::string_view text, bool port) {
  std::string_view host, rest;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    const auto is_address = [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; };
    if (!std::all_of(host.begin(), host.end(), is_address)) return false;
  } else {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (!std::all_of(host.begin(), host.end(), is_name_char)) return false;
  }
  if (host.empty()) return false;
  if (rest.empty()) return !port;
  return rest[0] == ':' && is_port(rest.substr(1));
}

std::optional<Refusal> judge_request(RequestHead& head, const HttpLimits& limits) {
  const Framing framing = framing_of(head.fields);
  if (framing.twice) return malformed("it has two Host, Content-Length or Transfer-Encoding");
  if (limits.host_required && !framing.host && head.minor > 0) return malformed("it has no Host");
  if (limits.host_required && framing.host && !framing.host->empty() && !is_authority(*framing.host, false))
    return malformed("its Host is no host");
  if (framing.host) head.authority = *framing.host;
  if (auto refusal = judge_body(head, framing, limits)) return refusal;
  if (auto refusal = judge_target(head, limits)) return refusal;
  head.keep_alive = !framing.close && (head.minor > 0 || framing.keep_alive);
  if (!framing.expect || head.minor == 0) return std::nullopt;
  if (!same_name(*framing.expect, "100-continue")) return malformed("it expects something else than 100-continue", 417);
  head.expects_continue = head.has_body();
  return std::nullopt;
}

}  // namespace larder::http
