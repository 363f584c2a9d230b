#include "origin/url/url.h"

#include <fmt/format.h>

#include "base/text/text.h"
#include "origin/url/address.h"
#include "origin/url/host_name.h"

namespace larder::origin {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_unreserved(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool is_path_char(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/").find(c) != std::string_view::npos;
}

std::optional<char> decode_at(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return std::nullopt;
  const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

void append_encoded(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<char> c = decode_at(text, i);
    if (!c) return std::nullopt;
    out += *c;
    i += 2;
  }
  return out;
}

// Author of a URL's text: a person, who can correct it, or a server.
enum class Written : bool { by_people, by_server };

// RFC 3986 §6.2.2: hex digits in upper case, unreserved characters decoded, characters that a path may not have
// encoded. A server's % that begins no percent-encoding is kept as it is, as curl and browsers do.
std::optional<std::string> normalise_path(std::string_view text, Written by) {
  std::string out;
  std::size_t bare = std::string::npos;  // place in `out` of the last bare %; decoding must not make it begin a code
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const std::optional<char> c = decode_at(text, i);
      if (!c && by == Written::by_people) return std::nullopt;
      if (!c) {
        bare = out.size();
        out += '%';
        continue;
      }
      const bool completes = bare != std::string::npos && out.size() - bare <= 2 && hex_value(*c) >= 0;
      if (is_unreserved(*c) && !completes) {
        out += *c;
      } else {
        append_encoded(out, *c);
      }
      i += 2;
    } else if (is_path_char(text[i])) {
      out += text[i];
    } else {
      append_encoded(out, text[i]);
    }
  }
  return out;
}

// RFC 3986 §5.2.4 for an absolute path.
std::string remove_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    std::size_t end = path.find('/', 1);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(0, end);  // "/name"
    const bool last = end == path.size();
    path.remove_prefix(end);
    if (segment == "/.") {
      if (last) out += '/';
    } else if (segment == "/..") {
      const std::size_t slash = out.rfind('/');
      out.erase(slash == std::string::npos ? 0 : slash);
      if (last) out += '/';
    } else {
      out += segment;
    }
  }
  return out.empty() ? "/" : out;
}

// Returns the query as given, with only those bytes encoded that a request line may not have.
std::string clean_query(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool bad = static_cast<unsigned char>(c) >= 0x80 || c == '"' || c == '<' || c == '>' || c == ' ';
    if (bad) {
      append_encoded(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

tl::unexpected<Error> invalid(std::string detail) {
  return fail(ErrorCode::invalid_url, "use the URL", std::move(detail));
}

// Returns "scheme" of "scheme:rest", or empty if there is none.
std::string_view scheme_of(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return {};
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':') return text.substr(0, i);
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return {};
  }
  return {};
}

Status parse_user_info(std::string_view info, Url& url) {
  const std::size_t colon = info.find(':');
  const auto user = percent_decode(info.substr(0, colon));
  const auto password = percent_decode(colon == std::string_view::npos ? std::string_view{} : info.substr(colon + 1));
  if (!user || !password) return invalid("bad percent-encoding in its user name or password");
  for (const std::string* part : {&*user, &*password}) {
    for (const char c : *part) {
      if (is_control(c)) return invalid("control characters in its user name or password");
    }
  }
  url.user = *user;
  url.password = *password;
  return {};
}

Status check_name(std::string_view host) {
  if (host.size() > 253) return invalid("its host name is longer than 253 characters");
  std::size_t label = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (label == 0) return invalid("its host name has an empty part");
      label = 0;
      continue;
    }
    if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_') {
      return invalid("its host name has a character that host names cannot have");
    }
    if (++label > 63) return invalid("a part of its host name is longer than 63 characters");
  }
  return {};
}

// Returns the name in the form of DNS. A name that is not ASCII may also come percent-encoded (RFC 3986 §3.2.2), mostly
// in a Location.
Result<std::string> plain_name(std::string_view text) {
  std::optional<std::string> decoded;
  if (text.find('%') != std::string_view::npos) decoded = percent_decode(text);
  if (decoded && !is_ascii(*decoded)) text = *decoded;
  if (is_ascii(text)) return std::string(text);
  return ascii_host_name(text);
}

Status parse_host(std::string_view text, Url& url) {
  if (text.empty()) return invalid("it has no host");
  if (text.front() == '[') {
    url.host = normalise_ipv6(text.substr(1, text.size() - 2));
    if (url.host.empty()) return invalid("its IPv6 address is not one");
    return {};
  }
  const auto name = plain_name(text);
  if (!name) return tl::unexpected(name.error());
  if (name->empty()) return invalid("it has no host");  // all characters were ignorable
  for (const char c : *name) url.host += lower(c);
  if (Status ok = check_name(url.host); !ok) return ok;
  if (ends_in_number(url.host)) {  // 127.1, 0x7f000001 and 2130706433 are addresses to every resolver
    const auto address = parse_ipv4(url.host);
    if (!address) return invalid("its host looks like an IPv4 address but is not one");
    url.host = format_ipv4(*address);
  }
  return {};
}

Status parse_port(std::string_view text, Url& url) {
  url.port = url.scheme == "https" ? 443 : 80;
  if (text.empty()) return {};
  unsigned value = 0;
  for (const char c : text) {
    if (!is_digit(c) || text.size() > 5) return invalid("its port is not a number from 1 to 65535");
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value == 0 || value > 65535) return invalid("its port is not a number from 1 to 65535");
  url.port = static_cast<std::uint16_t>(value);
  return {};
}

Status parse_authority(std::string_view text, Url& url) {
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (text.find('@', at + 1) != std::string_view::npos) {
      return invalid("it has more than one @ before the path; write @ in a user name or password as %40");
    }
    if (Status ok = parse_user_info(text.substr(0, at), url); !ok) return ok;
    text.remove_prefix(at + 1);
  }
  std::string_view host = text, port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return invalid("its IPv6 address has no closing bracket");
    host = text.substr(0, close + 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return invalid("there is something between its address and its port");
    if (!port.empty()) port.remove_prefix(1);
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (Status ok = parse_host(host, url); !ok) return ok;
  return parse_port(port, url);
}

std::string show_host(const Url& url) {
  return url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
}

}  // namespace

std::string Url::canonical() const {
  std::string out = scheme + "://" + show_host(*this);
  if (port != (scheme == "https" ? 443 : 80)) out += fmt::format(":{}", port);
  out += path;
  if (has_query) out += "?" + query;
  return out;
}

std::string Url::file_name() const {
  const std::string_view segment = std::string_view(path).substr(path.rfind('/') + 1);
  std::string name = percent_decode(segment).value_or(std::string(segment));
  for (char& c : name) {
    if (is_control(c) || c == '/' || c == '\\') c = '_';
  }
  constexpr std::size_t kNameMax = 255;
  if (name.size() > kNameMax) {
    std::size_t cut = kNameMax;  // not inside a UTF-8 sequence
    while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xc0) == 0x80) --cut;
    name.resize(cut);
  }
  if (name.empty() || name == "." || name == "..") return "index";
  return name;
}

namespace {

Result<Url> parse(std::string_view text, Written by) {
  if (text.size() > kMaxUrl) return invalid(fmt::format("it is longer than {} characters", kMaxUrl));
  for (const char c : text) {
    if (is_control(c) || c == ' ')
      return invalid("it has spaces, line breaks or control characters; write them as %20 …");
  }
  const std::string_view scheme = scheme_of(text);
  if (scheme.empty()) return invalid("it has no scheme; give it in full, such as https://host/file");
  Url url;
  for (const char c : scheme) url.scheme += lower(c);
  if (url.scheme != "http" && url.scheme != "https") {
    return fail(ErrorCode::forbidden_url, "use the URL",
                fmt::format("only http and https are fetched, not {}", url.scheme.substr(0, 32)));
  }
  std::string_view rest = text.substr(scheme.size() + 1);
  if (!rest.starts_with("//")) return invalid("// is missing after its scheme");
  rest.remove_prefix(2);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  if (Status ok = parse_authority(rest.substr(0, authority_end), url); !ok) return tl::unexpected(ok.error());
  rest.remove_prefix(authority_end);
  const std::size_t question = rest.find('?');
  const auto path = normalise_path(rest.substr(0, question), by);
  if (!path) return invalid("a % in its path is not followed by two hexadecimal digits; write it as %25");
  url.path = remove_dot_segments(*path);
  url.has_query = question != std::string_view::npos;
  if (url.has_query) url.query = clean_query(rest.substr(question + 1));
  if (url.canonical().size() > kMaxUrl) return invalid(fmt::format("it is longer than {} characters", kMaxUrl));
  return url;
}

// "http:/host/x" and "http:///host/x" mean "http://host/x": curl and browsers read them so.
std::string with_two_slashes(std::string_view text) {
  const std::string_view scheme = scheme_of(text);
  const std::string_view rest = text.substr(scheme.size() + 1);
  const std::size_t slashes = std::min(rest.find_first_not_of('/'), rest.size());
  const std::size_t most = 3;
  if (slashes == 0 || slashes > most) return std::string(text);
  return fmt::format("{}://{}", scheme, rest.substr(slashes));
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  return parse(text, Written::by_people);
}

Result<Url> parse_found_url(std::string_view text) {
  return parse(text, Written::by_server);
}

Result<Url> resolve_reference(const Url& base, std::string_view reference) {
  if (reference.size() > kMaxUrl) return invalid(fmt::format("it is longer than {} characters", kMaxUrl));
  reference = reference.substr(0, reference.find('#'));
  std::string clean;  // servers send spaces in Location; browsers and curl encode them
  for (const char c : reference) {
    if (c == ' ') {
      clean += "%20";
    } else {
      clean += c;
    }
  }
  if (!scheme_of(clean).empty()) return parse_found_url(with_two_slashes(clean));
  if (clean.starts_with("//")) return parse_found_url(base.scheme + ":" + clean);
  Url site = base;
  site.has_query = false;
  site.path.clear();
  site.query.clear();
  std::string target = site.canonical();
  if (clean.starts_with("/")) {
    target += clean;
  } else if (clean.empty() || clean.front() == '?') {
    target += base.path;
    if (clean.empty() && base.has_query) target += "?" + base.query;
    target += clean;
  } else {
    target += base.path.substr(0, base.path.rfind('/') + 1) + clean;
  }
  Result<Url> url = parse_found_url(target);
  if (url) {
    url->user = base.user;
    url->password = base.password;
  }
  return url;
}

}  // namespace larder::origin
