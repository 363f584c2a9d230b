#include "inbox/wire/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kMaxPath = 2048;  // every part is far shorter, also where each of its bytes is escaped
constexpr std::size_t kMaxParts = 4;

// Without scheme and authority: "/path?query", or "*".
std::string_view origin_form(const http::RequestHead& head) {
  std::string_view target = head.target;
  if (head.form != http::TargetForm::absolute) return target;
  const std::size_t authority = target.find("://");
  if (authority == std::string_view::npos) return target;
  const std::size_t path = target.find_first_of("/?", authority + 3);
  return path == std::string_view::npos || target[path] == '?' ? "/" : target.substr(path);
}

std::optional<std::string> decode_part(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    char c = part[i];
    if (c == '%') {
      if (part.size() - i < 3) return std::nullopt;
      const int high = hex_value(part[i + 1]), low = hex_value(part[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c) || c == '/' || c == '\\') return std::nullopt;
    out += c;
  }
  return out;
}

bool is_inbox_name(std::string_view text) {
  const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= kMaxInboxBytes && text[0] != '.' &&
         std::all_of(text.begin(), text.end(), allowed);
}

tl::unexpected<Fault> no_such_path() {
  return bad("there is no such path; uploads go to /in/INBOX/ (tus) or /in/INBOX/TRANSACTION/NAME (PUT, BITS)", 404);
}

// The parts of the path behind its first "/", decoded; the last is empty where the path ends in one.
Read<std::vector<std::string>> parts_of(std::string_view path) {
  if (path.size() > kMaxPath) return bad("its path is too long", 414);
  std::vector<std::string> parts;
  for (std::size_t start = 1; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (parts.size() == kMaxParts) return no_such_path();
    const auto part = decode_part(path.substr(start, end - start));
    if (!part) return bad("its path has an escape that is none, a control character or an encoded slash");
    parts.push_back(*part);
    start = end + 1;
  }
  return parts;
}

Read<Target> in_inbox(const std::vector<std::string>& parts) {
  if (parts.size() < 2 || !is_inbox_name(parts[1])) return no_such_path();
  if (parts.size() == 3 && parts[2].empty()) return Target{Target::Kind::collection, parts[1], "", "", ""};
  if (parts.size() != 4) return no_such_path();
  if (!is_key(parts[2]))
    return bad(fmt::format("its transaction id is none: 1 to {} visible ASCII characters without quotes and slashes",
                           kMaxKey));
  if (!is_file_name(parts[3]))
    return bad(fmt::format("its file name is none: 1 to {} bytes of UTF-8, not \".\" and not \"..\"", kMaxName));
  return Target{Target::Kind::file, parts[1], parts[2], parts[3], ""};
}

}  // namespace

bool is_key(std::string_view text) {
  const auto allowed = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '/'; };
  return !text.empty() && text.size() <= kMaxKey && std::all_of(text.begin(), text.end(), allowed);
}

bool is_file_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxName || text == "." || text == "..") return false;
  return !has_control(text) && text.find_first_of("/\\") == std::string_view::npos && is_utf8(text);
}

bool is_id_text(std::string_view text) {
  const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= kMaxIdBytes && std::all_of(text.begin(), text.end(), allowed);
}

Read<Target> parse_target(const http::RequestHead& head) {
  std::string_view path = origin_form(head);
  if (path == "*") return Target{Target::Kind::server, "", "", "", ""};
  path = path.substr(0, path.find('?'));
  if (path.empty() || path[0] != '/') return no_such_path();
  const auto parts = parts_of(path);
  if (!parts) return tl::unexpected(parts.error());
  if ((*parts)[0] == "in") return in_inbox(*parts);
  if (parts->size() < 2 || !is_id_text((*parts)[1])) return no_such_path();
  const std::string& id = (*parts)[1];
  if ((*parts)[0] == "reply" && parts->size() == 2) return Target{Target::Kind::reply, "", "", "", id};
  if ((*parts)[0] != "up") return no_such_path();
  if (parts->size() == 2) return Target{Target::Kind::upload, "", "", "", id};
  if (parts->size() == 3 && (*parts)[2] == "state") return Target{Target::Kind::state, "", "", "", id};
  return no_such_path();
}

std::string asked_url(const http::RequestHead& head, std::string_view base_url, std::string_view scheme) {
  if (!base_url.empty()) return fmt::format("{}{}", base_url, origin_form(head));
  return fmt::format("{}://{}{}", scheme, head.authority, origin_form(head));
}

}  // namespace larder::inbox
