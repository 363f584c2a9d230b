#include "inbox/deliver/http_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text/http_date.h"
#include "base/text/text.h"

namespace larder::inbox {
namespace {

using Kind = AttemptEnd::Kind;

constexpr std::array kAgain = {408, 409, 425, 429};
constexpr std::size_t kMaxSaid = 1000;  // bytes of the application's words in a result
constexpr std::chrono::seconds kLongestRetryAfter{3600};

// RFC 8187: everything but letters, digits and a few marks is escaped.
std::string escape_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string digest_field(const Digest& digest) {
  return fmt::format("sha-256=:{}:", to_base64(Bytes(digest)));
}

// The first line of what the application said, for a person.
std::string said(const CallAnswer& answer) {
  std::string line = answer.body.substr(0, std::min(answer.body.find_first_of("\r\n"), kMaxSaid));
  std::replace_if(line.begin(), line.end(), is_control, ' ');
  return fmt::format("the application answered {}{}{}", answer.status, line.empty() ? "" : ": ", line);
}

std::chrono::seconds wait_of(const std::optional<std::string>& retry_after, WallTime now) {
  if (!retry_after) return {};
  const std::string_view text = trim(*retry_after);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return kLongestRetryAfter;
  if (error == std::errc{} && end == text.data() + text.size())
    return std::min(std::chrono::seconds(number), kLongestRetryAfter);
  const auto at = parse_http_date(text, now);
  if (!at) return {};
  return std::clamp(std::chrono::ceil<std::chrono::seconds>(*at - now), std::chrono::seconds(0), kLongestRetryAfter);
}

AttemptEnd taken(CallAnswer answer) {
  AttemptEnd end{Kind::took, fmt::format("the application answered {}", answer.status)};
  if (answer.static_url && is_web_url(*answer.static_url)) {
    end.reply_url = std::move(*answer.static_url);
    return end;
  }
  if (answer.static_url) end.result += " (its BITS-Static-Response-URL is no absolute URL, and does not count)";
  if (answer.body_too_large)
    end.result += " (its reply is larger than max_reply, and is lost)";
  else if (!answer.body.empty())
    end.reply = std::move(answer.body);
  return end;
}

}  // namespace

std::vector<std::string> call_fields(const UploadRow& row, const std::optional<NamedFile>& file) {
  std::vector<std::string> fields;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty() && !has_control(value)) fields.push_back(fmt::format("{}: {}", name, value));
  };
  add("Idempotency-Key", fmt::format("\"{}\"", row.id));
  add("BITS-Original-Request-URL", row.url);
  if (file) {
    add("BITS-Request-DataFile-Name", file->data);
    add("BITS-Response-DataFile-Name", file->reply);
  } else {
    if (row.computed) add("Repr-Digest", digest_field(*row.computed));
  }
  if (!row.name.empty()) add("Content-Disposition", "attachment; filename*=UTF-8''" + escape_name(row.name));
  add("Larder-Attempt", std::to_string(row.delivery ? row.delivery->attempt : 0));
  add("Larder-Inbox", row.inbox);
  add("Larder-Principal", row.principal);
  add("Larder-Transaction", row.key);
  if (row.size) add("Larder-Upload-Size", std::to_string(*row.size));
  if (row.computed) add("Larder-Upload-Digest", digest_field(*row.computed));
  return fields;
}

AttemptEnd end_of_call(CallAnswer answer, WallTime now) {
  if (!answer.problem.empty()) return {Kind::again, std::move(answer.problem)};
  const int status = answer.status;
  if (status >= 200 && status < 300) return taken(std::move(answer));
  const bool again = std::find(kAgain.begin(), kAgain.end(), status) != kAgain.end();
  if (status >= 400 && status < 500 && !again) {
    AttemptEnd end{Kind::refused, said(answer)};
    end.status = status;
    return end;
  }
  AttemptEnd end{Kind::again, said(answer)};
  if (status >= 300 && status < 400) end.result += "; redirects are not followed: give the URL that it leads to";
  end.retry_after = wait_of(answer.retry_after, now);
  return end;
}

bool is_web_url(std::string_view text) {
  if (text.size() > kMaxReplyUrl || !std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; }))
    return false;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (lower_case(text.substr(0, scheme.size())) != scheme) continue;
    const std::string_view rest = text.substr(scheme.size());
    return !rest.empty() && rest[0] != '/' && rest[0] != '?' && rest[0] != '#';
  }
  return false;
}

}  // namespace larder::inbox
